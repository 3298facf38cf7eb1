//! The core's sealing and opening of messages, for Node.

use sotto_core::self_test::Pair;
use sotto_wire::event::MessageReceived;
use wasm_bindgen::prelude::wasm_bindgen;

/// Two devices in one conversation.
#[wasm_bindgen]
pub struct Devices(Pair);

/// A sealed message.
#[wasm_bindgen]
pub struct Message(MessageReceived);

#[wasm_bindgen]
impl Devices {
    /// Two new accounts whose devices share a group; `seed` is 32 bytes, padded with zeros.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: &[u8]) -> Devices {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(seed).for_each(|(to, from)| *to = *from);
        Devices(Pair::new(bytes).expect("without a group there is nothing to measure"))
    }

    /// Seals one message.
    pub fn seal(&mut self, plaintext: &[u8]) -> Message {
        Message(self.0.seal(plaintext).expect("the group is loaded"))
    }

    /// Opens one message and gives what it says.
    pub fn open(&mut self, message: &Message) -> Vec<u8> {
        self.0.open(&message.0).expect("the other device sealed it")
    }
}
