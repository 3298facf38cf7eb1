//! Commands under way: who waits for the answer to which, in this tab and in others. Owns the commands' names, and what is
//! needed to hand a command in again when another tab has taken the lead.
//!
//! The rule that it keeps: **a command is answered once**, by whichever lead comes first.

use crate::channel::Channel;
use crate::message::{FromLead, Message};
use futures_channel::oneshot;
use sotto_core::contract::{Command, CommandKey, Failure, Reply, ViewerKey};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

type Result = std::result::Result<Reply, Failure>;

/// Commands under way. What bounds them is that each comes of something that a person did, or stands once.
#[derive(Default)]
pub(crate) struct Answers {
    next: Cell<u64>,
    waiting: RefCell<BTreeMap<CommandKey, Waiting>>,
    /// Those of other tabs, while this one leads: whose, and under which number there.
    others: RefCell<BTreeMap<CommandKey, (ViewerKey, u64)>>,
    channel: RefCell<Option<Rc<Channel>>>,
}

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Result>,
}

impl Answers {
    /// Answers to other tabs go by `channel` from now on.
    pub(crate) fn use_channel(&self, channel: Rc<Channel>) {
        *self.channel.borrow_mut() = Some(channel);
    }

    /// A name for a command whose answer nobody wants.
    pub(crate) fn name(&self) -> CommandKey {
        let key = CommandKey(self.next.get());
        self.next.set(key.0 + 1);
        key
    }

    /// A name for another tab's command.
    pub(crate) fn name_for(&self, tab: ViewerKey, number: u64) -> CommandKey {
        let key = self.name();
        self.others.borrow_mut().insert(key, (tab, number));
        key
    }

    /// A name for a command, and its answer.
    pub(crate) fn expect(&self, command: Command) -> (CommandKey, impl Future<Output = Result> + use<>) {
        let key = self.name();
        let (answer, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(key, Waiting { command, answer });
        // Dropped unanswered when this tab was ended: nobody knows what became of it.
        (key, async { receiver.await.unwrap_or(Err(Failure::WrongState)) })
    }

    /// A name for a command whose answer nobody wants, but that is to be carried out by whoever leads: kept until it is
    /// answered, in place of the same one.
    pub(crate) fn insist(&self, command: Command) -> CommandKey {
        self.waiting.borrow_mut().retain(|_, waiting| waiting.command != command);
        self.expect(command).0
    }

    /// The commands of this tab that are not answered, in the order in which they came.
    pub(crate) fn unanswered(&self) -> Vec<(CommandKey, Command)> {
        self.waiting.borrow().iter().map(|(key, waiting)| (*key, waiting.command.clone())).collect()
    }

    /// Passes the answer on.
    pub(crate) fn answer(&self, key: CommandKey, result: Result) {
        if let Some(waiting) = self.waiting.borrow_mut().remove(&key) {
            // Fails when the caller no longer waits, which is the caller's affair.
            let _ = waiting.answer.send(result);
        } else if let Some((to, number)) = self.others.borrow_mut().remove(&key)
            && let Some(channel) = &*self.channel.borrow()
        {
            channel.say(&Message::Lead(FromLead::Answer { to, number, result }));
        }
    }

    /// Refuses those of this tab's commands that `refused` names.
    pub(crate) fn refuse(&self, failure: Failure, refused: impl Fn(&Command) -> bool) {
        for (key, _) in self.unanswered().iter().filter(|(_, command)| refused(command)) {
            self.answer(*key, Err(failure));
        }
    }

    /// This tab no longer leads: the others ask whoever comes next.
    pub(crate) fn forget_others(&self) {
        drop(self.others.take());
    }

    /// Nothing more is carried out: all that wait are told so.
    pub(crate) fn end(&self) {
        drop(self.waiting.take());
        self.forget_others();
        drop(self.channel.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_core::wire::ConversationId;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn what_is_insisted_on_stands_once_and_as_the_newest() {
        let answers = Answers::default();
        let read = |id| Command::MarkRead(ConversationId([id; 16]));
        let (key, _answer) = answers.expect(Command::StartNotes);
        for _ in 0..100 {
            answers.insist(read(1));
            answers.insist(read(2));
        }
        let newest = answers.insist(read(1));
        let waiting = answers.unanswered();
        let commands: Vec<_> = waiting.iter().map(|(_, command)| command.clone()).collect();
        assert_eq!(commands, [Command::StartNotes, read(2), read(1)]);
        assert_eq!((waiting[0].0, waiting[2].0), (key, newest));
        answers.answer(newest, Ok(Reply::Done));
        assert_eq!(answers.unanswered().len(), 2);
    }
}
