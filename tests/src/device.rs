//! A device: the real core with a native driver. Its disk and its cookies outlive it, so that it can be reloaded and
//! killed. Owns what a person at the device can do and see; `device/driver.rs` acts for the core.

mod disk;
mod driver;
mod seen;
mod stream;

pub use disk::Disk;
pub use seen::{Seen, Timeline};

use crate::PATIENCE;
use crate::http::Cookies;
use driver::{Driver, Wish};
use sotto_core::contract::{Command, Failure, Input, Network, Outgoing, Reply, ViewerKey};
use sotto_core::view::{Body, Connection, Item, Me, MessageKey, MessageState, Older, Progress, Session};
use sotto_wire::ConversationId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A device, running or not.
pub struct Device {
    label: String,
    origin: String,
    /// What a browser would keep in IndexedDB.
    pub disk: Disk,
    /// What a browser would keep as cookies.
    pub cookies: Cookies,
    running: Option<Running>,
}

struct Running {
    wishes: mpsc::UnboundedSender<Wish>,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Device {
    /// A device with an empty store that reaches its server at `origin`. `label` names it where a test fails.
    pub fn start(label: &str, origin: &str) -> Self {
        let (disk, cookies) = (Disk::default(), Cookies::default());
        let mut device = Self { label: label.to_owned(), origin: origin.to_owned(), disk, cookies, running: None };
        device.start_again();
        device
    }

    /// A device that has signed up by this name and is online.
    pub async fn signed_up(name: &str, origin: &str) -> Self {
        let device = Self::start(name, origin);
        device.sign_up(name, "", PASSWORD).await.expect("the name is free");
        device.wait_until_online().await;
        device
    }

    /// Starts the core anew on the same disk and cookies.
    pub fn start_again(&mut self) {
        self.start_with_fuse(None);
    }

    /// The same, but the device dies just before the core's output number `outputs`.
    pub fn start_again_to_die_after(&mut self, outputs: u32) {
        self.start_with_fuse(Some(outputs));
    }

    fn start_with_fuse(&mut self, fuse: Option<u32>) {
        assert!(self.running.is_none(), "{} is running already", self.label);
        let (wishes, wished) = mpsc::unbounded_channel();
        let (tell, seen) = watch::channel(Seen::default());
        let driver = Driver::new(&self.origin, self.disk.clone(), self.cookies.clone(), wishes.clone());
        let task = tokio::spawn(driver.drive(wished, tell, fuse));
        self.running = Some(Running { wishes, seen, task });
    }

    /// Ends it wherever it is, between two of the core's outputs, as a killed tab would.
    pub async fn kill(&mut self) {
        let mut running = self.running.take().expect("the device is running");
        running.task.abort();
        // It was aborted, or had burnt its fuse: both are an end.
        let _end = (&mut running.task).await;
    }

    /// Waits for the death that [`Device::start_again_to_die_after`] has set, or until nothing is left to do it.
    pub async fn died_or(&mut self, settled: impl FnMut(&Seen) -> bool) -> bool {
        let mut running = self.running.take().expect("the device is running");
        let mut seen = running.seen.clone();
        let settles = timeout(PATIENCE, async { seen.wait_for(settled).await.is_err() });
        let died = tokio::select! {
            biased;
            _ = &mut running.task => true,
            // The sender goes with the driver: an error is a death too.
            died = settles => died.unwrap_or_else(|_| panic!("{} neither died nor settled", self.label)),
        };
        running.task.abort();
        died
    }

    /// Ends it and starts it again, as a reload of the page.
    pub async fn reload(&mut self) {
        self.kill().await;
        self.start_again();
    }

    /// What is on screen.
    pub fn seen(&self) -> Seen {
        self.running().seen.borrow().clone()
    }

    /// Waits until `look` finds what it looks for on the screen.
    pub async fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        let mut seen = self.running().seen.clone();
        let mut found = None;
        let waited = timeout(PATIENCE, async {
            seen.wait_for(|seen| {
                found = look(seen);
                found.is_some()
            })
            .await
            .is_ok()
        })
        .await;
        match (found, waited) {
            (Some(found), _) => found,
            (None, Ok(_)) => panic!("{}: the driver has ended while waiting for {what}", self.label),
            (None, Err(_)) => {
                panic!("{}: waited {PATIENCE:?} for {what}; on screen is\n{:#?}", self.label, self.seen())
            }
        }
    }

    /// Lets somebody wish for something, once there is something on screen, and waits for the answer.
    ///
    /// # Errors
    /// The core's.
    pub async fn ask(&self, command: Command) -> Result<Reply, Failure> {
        self.wait_for("the start", |seen| (seen.session != Session::Starting).then_some(())).await;
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Command(command, answer));
        match timeout(PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => panic!("{}: the driver has ended before it answered a command", self.label),
            Err(_) => panic!("{}: a command was not answered; on screen is\n{:#?}", self.label, self.seen()),
        }
    }

    /// Makes an account.
    ///
    /// # Errors
    /// The core's.
    pub async fn sign_up(&self, name: &str, display_name: &str, password: &str) -> Result<Reply, Failure> {
        let (name, display_name) = (name.to_owned(), display_name.to_owned());
        self.ask(Command::SignUp { name, display_name, password: Zeroizing::new(password.to_owned()) }).await
    }

    /// Signs in.
    ///
    /// # Errors
    /// The core's.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<Reply, Failure> {
        self.ask(Command::SignIn { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) }).await
    }

    /// Finds the direct conversation with `name`, or makes it.
    pub async fn direct(&self, name: &str) -> ConversationId {
        match self.ask(Command::StartDirect { name: name.to_owned() }).await {
            Ok(Reply::Conversation(conversation)) => conversation,
            other => panic!("{}: start a conversation with {name}: {other:?}", self.label),
        }
    }

    /// Writes a text; it is in the outbox on disk then.
    pub async fn send(&self, conversation: ConversationId, text: &str) -> MessageKey {
        match self.ask(Command::Send { conversation, message: Outgoing::text(text), client_id: None }).await {
            Ok(Reply::Message(key)) => key,
            other => panic!("{}: send a text: {other:?}", self.label),
        }
    }

    /// Opens a conversation and waits until its newest page is on screen.
    pub async fn open(&self, conversation: ConversationId) {
        // What stands on screen before may be the same conversation, whose page is about to be told anew.
        let before = self.seen().opened;
        self.input(Command::OpenConversation(ViewerKey(0), conversation));
        self.wait_for("the opened conversation", |seen| {
            let open = seen.timeline.as_ref().filter(|timeline| timeline.conversation == conversation);
            open.filter(|_| seen.opened > before).map(|_| ())
        })
        .await;
    }

    /// Asks for one page more of the open conversation.
    pub fn load_older(&self, conversation: ConversationId) {
        self.input(Command::LoadOlder(ViewerKey(0), conversation));
    }

    /// Loads the open timeline to its beginning, and gives its items.
    pub async fn load_all(&self, conversation: ConversationId) -> Vec<Item> {
        loop {
            let seen = self.seen();
            let timeline = seen.timeline.as_ref().filter(|timeline| timeline.conversation == conversation);
            let timeline = timeline.expect("the conversation is open");
            if timeline.older == Older::None {
                return seen.items();
            }
            let before = timeline.items.len();
            self.load_older(conversation);
            let more = |seen: &Seen| {
                let timeline = seen.timeline.as_ref()?;
                (timeline.items.len() > before || timeline.older == Older::None).then_some(())
            };
            self.wait_for("older messages", more).await;
        }
    }

    /// A wish of which no answer is awaited.
    pub fn input(&self, command: Command) {
        let (answer, _) = oneshot::channel();
        self.wish(Wish::Command(command, answer));
    }

    /// What the system says of the network.
    pub fn network(&self, network: Network) {
        self.wish(Wish::Input(Input::Network(network)));
    }

    /// Waits until events flow and what was missed has come.
    pub async fn wait_until_online(&self) {
        self.wait_for("being online", |seen| {
            matches!(seen.connection, Connection::Online { progress: Progress::CaughtUp, .. }).then_some(())
        })
        .await;
    }

    /// Who is signed in.
    pub async fn me(&self) -> Me {
        let signed_in = |seen: &Seen| match &seen.session {
            Session::SignedIn(me) => Some(me.clone()),
            Session::Starting | Session::SignedOut(_) | Session::Authenticating => None,
        };
        self.wait_for("being signed in", signed_in).await
    }

    /// Waits until the open timeline shows exactly these texts, in this order, and gives its items.
    pub async fn wait_for_texts(&self, texts: &[String]) -> Vec<Item> {
        self.wait_for(&format!("{} texts", texts.len()), |seen| (seen.texts() == texts).then(|| seen.items())).await
    }

    /// Waits until an own message has come this far.
    pub async fn wait_for_state(&self, message: MessageKey, state: MessageState) {
        self.wait_for(&format!("the state {state:?}"), |seen| {
            let item = seen.items().into_iter().find(|item| item.key == message)?;
            (item.state == state).then_some(())
        })
        .await;
    }

    /// Waits until the open timeline shows an item with this body.
    pub async fn wait_for_body(&self, body: &Body) -> Item {
        self.wait_for(&format!("{body:?}"), |seen| seen.items().into_iter().find(|item| item.body == *body)).await
    }

    fn wish(&self, wish: Wish) {
        assert!(self.running().wishes.send(wish).is_ok(), "{}: the driver has ended", self.label);
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap_or_else(|| panic!("{} is not running", self.label))
    }
}

/// The password of [`Device::signed_up`].
pub const PASSWORD: &str = "a long enough passphrase";
