//! Commands: what somebody wants, checked against the state of the session. Every command is answered once.

use super::Client;
use crate::contract::{Command, CommandKey, Failure, Network, Reply, Visibility};
use crate::ledger::Health;
use crate::session::Session;
use sotto_wire::{ConversationId, limit};

impl Client {
    /// Carries a command out, or says why not.
    pub(super) fn command(&mut self, key: CommandKey, command: Command) {
        if self.ledger.health() == Health::Failed {
            return self.refuse(key, Failure::Storage);
        }
        let result = match command {
            Command::SignUp { name, display_name, password } => self.sign_up(key, (&name, display_name), password),
            Command::SignIn { name, password } => self.sign_in(key, &name, password),
            Command::SignOut => self.sign_out(key),
            other => match self.session {
                Session::SignedIn(_) => self.command_of_account(key, other),
                _ => Err(Failure::WrongState),
            },
        };
        match result {
            Ok(Progress::Done(reply)) => self.ledger.answer(key, Ok(reply)),
            Ok(Progress::UnderWay) => {}
            Err(failure) => self.refuse(key, failure),
        }
    }

    fn command_of_account(&mut self, key: CommandKey, command: Command) -> Result<Progress, Failure> {
        match command {
            Command::StartDirect { name } => return self.start_direct(key, &name),
            Command::StartNotes => return self.start_notes(key),
            Command::CreateGroup { name, people } => return self.create_group(key, (name, people)),
            Command::AddPeople { conversation, people } => self.add_people(conversation, people)?,
            Command::RemovePerson { conversation, user } => self.remove_person(conversation, user)?,
            Command::SetRole { conversation, user, role } => self.set_role(conversation, user, role)?,
            Command::SetGroup { conversation, name, description, picture } => {
                self.set_group(conversation, (name, description), picture)?;
            }
            Command::LeaveGroup(conversation) => self.leave_group(conversation)?,
            Command::Send { conversation, message, client_id } => {
                let key = self.write_text(conversation, message, client_id)?;
                return Ok(Progress::Done(Reply::Message(key)));
            }
            Command::OpenConversation(viewer, conversation) => {
                self.known(conversation)?;
                self.open_timeline(viewer, conversation);
            }
            Command::CloseConversation(viewer) => self.timeline.close(viewer),
            Command::LoadOlder(viewer, conversation) => self.read_older(viewer, conversation),
            Command::Edit { message, text, mentions } => self.edit(message, text, mentions)?,
            Command::DeleteForAll(message) => self.delete_for_all(message)?,
            Command::DeleteForMe(message) => self.delete_for_me(message)?,
            Command::React(message, emoji) => self.react(message, emoji)?,
            Command::Retry(message) => self.retry(message)?,
            Command::Discard(message) => self.discard(message)?,
            Command::MarkRead(conversation) => {
                self.known(conversation)?;
                self.mark_read(conversation);
            }
            Command::Typing(conversation) => self.write_typing(conversation),
            Command::SetDisplayName(display_name) => self.set_display_name(display_name)?,
            Command::SetPrivacy(privacy) => self.set_privacy(privacy)?,
            Command::Reconnect => {
                let actions = self.stream.reconnect(self.now);
                self.connect(actions);
            }
            Command::UseTransport(transport) => {
                let actions = self.stream.pin(transport, self.now);
                self.connect(actions);
            }
            Command::SignUp { .. } | Command::SignIn { .. } | Command::SignOut => return Err(Failure::WrongState),
        }
        Ok(Progress::Done(Reply::Done))
    }

    fn known(&self, conversation: ConversationId) -> Result<(), Failure> {
        self.list.row(conversation).map(|_| ()).ok_or(Failure::NotFound)
    }

    pub(super) fn network(&mut self, network: Network) {
        let actions = self.stream.network(network, self.now);
        self.connect(actions);
    }

    pub(super) fn visibility(&mut self, visibility: Visibility) {
        self.presence.look(visibility, self.now);
        if visibility == Visibility::Visible {
            let actions = self.stream.visible(self.now);
            self.connect(actions);
        }
    }
}

/// How far a command has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is carried out, once what has changed is on disk.
    Done(Reply),
    /// It is answered later.
    UnderWay,
}

/// Checks a display name.
pub(super) fn display_name(text: &str) -> Result<String, Failure> {
    let name = text.trim();
    if name.len() > limit::DISPLAY_NAME_MAX_BYTES {
        return Err(Failure::DisplayNameTooLong);
    }
    Ok(name.to_owned())
}
