//! Commands under way: who waits for the answer to which. Owns the commands' names.

use futures_channel::oneshot;
use sotto_core::contract::{CommandKey, Failure, Reply};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

type Result = std::result::Result<Reply, Failure>;

/// Commands under way.
#[derive(Default)]
pub(crate) struct Answers {
    next: Cell<u64>,
    waiting: RefCell<BTreeMap<CommandKey, oneshot::Sender<Result>>>,
}

impl Answers {
    /// A name for a command whose answer nobody wants.
    pub(crate) fn name(&self) -> CommandKey {
        let key = CommandKey(self.next.get());
        self.next.set(key.0 + 1);
        key
    }

    /// A name for a command, and its answer.
    pub(crate) fn expect(&self) -> (CommandKey, impl Future<Output = Result> + use<>) {
        let key = self.name();
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(key, sender);
        // Dropped unanswered when this tab stopped leading or was ended: nothing was carried out.
        (key, async { receiver.await.unwrap_or(Err(Failure::WrongState)) })
    }

    /// Passes the answer on.
    pub(crate) fn answer(&self, key: CommandKey, result: Result) {
        if let Some(sender) = self.waiting.borrow_mut().remove(&key) {
            // Fails when the caller no longer waits, which is the caller's affair.
            let _ = sender.send(result);
        }
    }

    /// Nothing more is carried out: all that wait are told so.
    pub(crate) fn end(&self) {
        drop(self.waiting.take());
    }
}
