//! What most journeys start with: two people in one conversation. Owns no assertion about Sotto.

use crate::SERVER;
use sotto_tests::{Caller, Device, Proxy, Server};
use sotto_wire::ConversationId;

/// Ada and Ben, each at a device, both with their conversation open.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) ada: Device,
    pub(crate) ben: Device,
    pub(crate) conversation: ConversationId,
    /// The link of Ben's device.
    pub(crate) link: Proxy,
}

impl Pair {
    /// Signs both up and lets Ada start the conversation. Ada is linked to the server directly, Ben by a proxy.
    pub(crate) async fn start() -> Self {
        Self::start_on(Server::start(SERVER).await).await
    }

    pub(crate) async fn start_on(server: Server) -> Self {
        let link = Proxy::to(server.address()).await;
        let ada = Device::signed_up("ada", &server.origin()).await;
        let ben = Device::signed_up("ben", &link.origin()).await;
        let conversation = ada.direct("ben").await;
        ada.open(conversation).await;
        join(&ben, conversation).await;
        Self { server, ada, ben, conversation, link }
    }

    /// Ends Ada's device and calls in its name.
    pub(crate) async fn as_ada(&mut self) -> Caller {
        self.ada.kill().await;
        caller(&self.server, &self.ada).await
    }
}

/// Waits until the device is in the conversation, and opens it.
pub(crate) async fn join(device: &Device, conversation: ConversationId) {
    device.wait_for("the conversation", |seen| seen.conversations.contains_key(&conversation).then_some(())).await;
    device.open(conversation).await;
}

/// Calls in the name of a device that is not running: with its cookie, and an access token for it.
pub(crate) async fn caller(server: &Server, device: &Device) -> Caller {
    let mut caller = Caller::to(&server.origin());
    caller.cookies = device.cookies.clone();
    caller.refresh().await.expect("the device is signed in");
    caller
}

/// `text 0` to `text count - 1`.
pub(crate) fn texts(text: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{text} {number}")).collect()
}
