//! Everything that is read from the server: no bytes panic, and what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_wire::event::Event;
use sotto_wire::key::ClaimKeys;
use sotto_wire::message::{LoadMessages, SendMessage};
use sotto_wire::{Millis, envelope};

fuzz_target!(|bytes: &[u8]| {
    let _ = envelope::response::<SendMessage>(bytes);
    let _ = envelope::response::<LoadMessages>(bytes);
    let _ = envelope::response::<ClaimKeys>(bytes);
    match Event::from_frame(bytes) {
        Ok(Event::Durable(event)) => {
            let again = Event::from_frame(&event.to_frame(Millis(0)));
            assert_eq!(again.ok(), Some(Event::Durable(event)));
        }
        Ok(Event::Ephemeral(event)) => {
            let again = Event::from_frame(&event.to_frame(Millis(0)));
            assert_eq!(again.ok(), Some(Event::Ephemeral(event)));
        }
        Ok(Event::Unknown) | Err(_) => {}
    }
});
