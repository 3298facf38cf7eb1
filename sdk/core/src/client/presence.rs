//! Presence and privacy: passes values between the part that decides, the server and the screen. The rule: a wish is on
//! disk when it is answered, and is told to the server whenever there is a stream.

use super::Client;
use super::connect::may_pass;
use crate::alarms::Alarm;
use crate::calls::Purpose;
use crate::contract::{Failure, Output};
use crate::record;
use crate::session::Session;
use crate::view::{Change, Privacy};
use sotto_wire::Problem;
use sotto_wire::presence::{Attend, PersonPresence, PresenceNoted};

impl Client {
    /// Says what the server does not know yet.
    pub(super) fn attend(&mut self) {
        let stream = self.stream.main_key().filter(|_| self.stream.is_caught_up());
        let stream = stream.and_then(|key| Some((key, self.stream.transport(key)?)));
        let told = self.presence.follow(stream);
        self.tell_presence(told);
        let Some(account) = self.session.account() else { return };
        if let Some((number, request)) = self.presence.next(&account.settings, self.now) {
            // A wish in it may not be on disk yet.
            self.ask_after::<Attend>(Purpose::Presence(number), &request);
        }
    }

    /// The server's answer to it.
    pub(super) fn attended(&mut self, number: u64, answer: Result<PresenceNoted, Problem>) {
        let Session::SignedIn(account) = &mut self.session else { return };
        match answer {
            Ok(answer) => {
                let before = account.settings;
                let Some(told) = self.presence.noted(number, &answer, &mut account.settings) else { return };
                let after = account.settings;
                if before != after {
                    self.ledger.put(record::write(record::account(record::ACCOUNT), account));
                }
                if before.privacy() != after.privacy() {
                    self.show_privacy();
                }
                self.went_well(Alarm::Presence);
                self.tell_presence(told);
            }
            Err(problem) => {
                if self.presence.failed(number).is_some() && may_pass(&problem) {
                    self.later(Alarm::Presence, &problem);
                }
            }
        }
    }

    /// How it is with somebody has changed.
    pub(super) fn person_changed(&mut self, person: PersonPresence) {
        let Some(account) = self.session.account() else { return };
        let told = self.presence.hear(person, &account.settings);
        self.tell_presence(told);
    }

    fn tell_presence(&mut self, told: impl IntoIterator<Item = Vec<PersonPresence>>) {
        for told in told {
            // Nothing of it is on disk, so it waits for nothing.
            self.ledger.tell(Output::Changed(Change::Presence(told)));
        }
    }

    /// The user wants others to be shown so much.
    pub(super) fn set_privacy(&mut self, privacy: Privacy) -> Result<(), Failure> {
        let Session::SignedIn(account) = &mut self.session else { return Err(Failure::WrongState) };
        let before = account.settings.privacy();
        account.settings.wish(privacy);
        self.ledger.put(record::write(record::account(record::ACCOUNT), account));
        self.show_privacy();
        if before.read_receipts != privacy.read_receipts {
            // What others have read is shown from now on, or no longer.
            self.show_list();
            for conversation in self.timeline.conversations() {
                self.show_marks(conversation);
            }
        }
        Ok(())
    }

    /// Tells what others are shown; as it is at the beginning when nobody is signed in.
    pub(super) fn show_privacy(&mut self) {
        let privacy = self.session.account().map(|account| account.settings.privacy());
        self.tell(Change::Privacy(privacy.unwrap_or_default()));
    }
}
