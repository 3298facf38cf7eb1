//! Who is there, and what others are shown of the user: what is to be said to the server and when, and what it has said.
//! Owns the people while there is a stream, the attention of this device, and what the server has not been told yet.
//!
//! The rule: one question at a time, and what has failed waits for the next stream or for its alarm.

use crate::contract::{StreamKey, Visibility};
use crate::view::{People, Privacy, Sharing};
use serde::{Deserialize, Serialize};
use sotto_wire::Millis;
use sotto_wire::presence::{Attention, Audience, PersonPresence, PresenceNoted, PresenceRequest, Status};
use sotto_wire::ticket::Transport;

/// After so long without a page that can be seen, nobody looks at this device.
const AWAY_AFTER_MS: Millis = Millis(60_000);

/// So old may an answer get while somebody looks. Changes come by the stream, but not all: a server tells nobody who has
/// much else to take in.
const OLD_AFTER_MS: Millis = Millis(300_000);
/// So old by long polls: nobody is told anything between two of them.
const OLD_BY_POLLS_AFTER_MS: Millis = Millis(30_000);

/// What others are shown of the user, as it stands on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    read_receipts: Sharing,
    /// What the server knows.
    status: Status,
    audience: Audience,
    /// What it is still to be told.
    wished_status: Option<Status>,
    wished_audience: Option<Audience>,
}

impl Settings {
    /// As the user wants it, whether or not the server knows.
    pub(crate) fn privacy(&self) -> Privacy {
        Privacy {
            read_receipts: self.read_receipts,
            presence: self.wished_audience.unwrap_or(self.audience),
            status: self.wished_status.unwrap_or(self.status),
        }
    }

    /// The user wants it so. What differs from before is to be told; the rest stays as the server has it, which may be
    /// something that this device does not know yet.
    pub(crate) fn wish(&mut self, wanted: Privacy) {
        let before = self.privacy();
        self.read_receipts = wanted.read_receipts;
        if wanted.status != before.status && wanted.status != Status::Unknown {
            self.wished_status = Some(wanted.status);
        }
        if wanted.presence != before.presence && wanted.presence != Audience::Unknown {
            self.wished_audience = Some(wanted.presence);
        }
    }

    /// The server has answered to `asked`. What was wished since is still to be told.
    fn settle(&mut self, asked: &PresenceRequest, answer: &PresenceNoted) {
        (self.status, self.audience) = (answer.status, answer.audience);
        self.wished_status = self.wished_status.filter(|wish| asked.status != Some(*wish));
        self.wished_audience = self.wished_audience.filter(|wish| asked.audience != Some(*wish));
    }

    fn is_shown_others(&self) -> bool {
        self.audience != Audience::Nobody
    }

    fn is_told(&self) -> bool {
        self.wished_status.is_none() && self.wished_audience.is_none()
    }
}

/// Who is there.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    people: People,
    /// Since when no page can be seen.
    hidden_at: Option<Millis>,
    /// The stream of now, once it has caught up, and what carries it.
    stream: Option<(StreamKey, Transport)>,
    said: Said,
    next_number: u64,
    /// Conversations that have come: in each may be somebody new.
    met: u32,
}

/// What the server has been told by the stream of now.
#[derive(Debug, Default)]
enum Said {
    /// Nothing.
    #[default]
    Nothing,
    /// This, and it has not answered.
    Asked {
        number: u64,
        request: PresenceRequest,
        at: Millis,
        met: u32,
        /// Who has come, changed or gone since: the stream is newer than the answer, or as new.
        since: People,
    },
    /// This, then, and it has told of the people of so many conversations.
    Heard { attention: Attention, at: Millis, met: u32 },
    /// Something to which it has not answered well.
    InVain,
}

impl Presence {
    /// What the system says of the page.
    pub(crate) fn look(&mut self, visibility: Visibility, now: Millis) {
        self.hidden_at = match visibility {
            Visibility::Visible => None,
            Visibility::Hidden => Some(self.hidden_at.unwrap_or(now)),
        };
    }

    fn away_at(&self) -> Option<Millis> {
        self.hidden_at.map(|at| at.after(AWAY_AFTER_MS))
    }

    /// When there is something to say though nothing happens.
    pub(crate) fn deadline(&self, now: Millis) -> Option<Millis> {
        let old = self.old_at();
        self.away_at().filter(|at| *at > now && self.stream.is_some()).into_iter().chain(old).min()
    }

    fn old_at(&self) -> Option<Millis> {
        let after = match self.stream?.1 {
            Transport::LongPoll => OLD_BY_POLLS_AFTER_MS,
            Transport::Sse | Transport::WebSocket | Transport::Unknown => OLD_AFTER_MS,
        };
        match self.said {
            Said::Heard { attention: Attention::Here, at, .. } => Some(at.after(after)),
            Said::Heard { attention: Attention::Away, .. } | Said::Nothing | Said::Asked { .. } | Said::InVain => None,
        }
    }

    /// The stream of now, if it has caught up. Without one, nothing is known of anybody.
    pub(crate) fn follow(&mut self, stream: Option<(StreamKey, Transport)>) -> Option<Vec<PersonPresence>> {
        if self.stream != stream {
            (self.stream, self.said) = (stream, Said::Nothing);
        }
        (stream.is_none() && !self.people.is_empty()).then(|| {
            self.people = People::default();
            Vec::new()
        })
    }

    /// What is to be said now, and its number.
    pub(crate) fn next(&mut self, settings: &Settings, now: Millis) -> Option<(u64, PresenceRequest)> {
        self.stream?;
        let attention = match self.away_at() {
            Some(at) if at <= now => Attention::Away,
            Some(_) | None => Attention::Here,
        };
        let is_old = self.old_at().is_some_and(|at| at <= now);
        match self.said {
            Said::Nothing => {}
            Said::Heard { attention: heard, met, .. }
                if is_old || heard != attention || met != self.met || !settings.is_told() => {}
            Said::Heard { .. } | Said::Asked { .. } | Said::InVain => return None,
        }
        let request = PresenceRequest { attention, status: settings.wished_status, audience: settings.wished_audience };
        self.next_number += 1;
        let number = self.next_number;
        self.said = Said::Asked { number, request, at: now, met: self.met, since: People::default() };
        Some((number, request))
    }

    /// The answer to the question of this number, which stands for all that was known before; gives what differs, to be
    /// told in turn. `None` when something newer is asked.
    pub(crate) fn noted(
        &mut self,
        number: u64,
        answer: &PresenceNoted,
        settings: &mut Settings,
    ) -> Option<Vec<Vec<PersonPresence>>> {
        let (request, since) = match std::mem::take(&mut self.said) {
            Said::Asked { number: asked, request, at, met, since } if asked == number => {
                self.said = Said::Heard { attention: request.attention, at, met };
                (request, since)
            }
            other @ (Said::Asked { .. } | Said::Nothing | Said::Heard { .. } | Said::InVain) => {
                self.said = other;
                return None;
            }
        };
        settings.settle(&request, answer);
        let mut people = People::default();
        let since = since.as_slice().iter().filter(|_| settings.is_shown_others());
        answer.people.iter().chain(since).for_each(|person| people.put(*person));
        let mut before = std::mem::replace(&mut self.people, people);
        let mut told = Vec::new();
        // One alone cannot be forgotten.
        if before.as_slice().iter().any(|person| self.people.of(person.user).is_none()) {
            before = People::default();
            told.push(Vec::new());
        }
        let new = self.people.as_slice().iter().filter(|person| before.of(person.user) != Some(person));
        told.extend(Some(new.copied().collect::<Vec<_>>()).filter(|new| !new.is_empty()));
        Some(told)
    }

    /// There is no good answer to the question of this number; `None` when something newer is asked.
    pub(crate) fn failed(&mut self, number: u64) -> Option<()> {
        matches!(self.said, Said::Asked { number: asked, .. } if asked == number).then(|| self.said = Said::InVain)
    }

    /// A conversation has come: there may be somebody in it of whom nothing is known.
    pub(crate) fn meet(&mut self) {
        self.met = self.met.wrapping_add(1);
    }

    /// What was said in vain is to be said again.
    pub(crate) fn again(&mut self) {
        if matches!(self.said, Said::InVain) {
            self.said = Said::Nothing;
        }
    }

    /// The stream says how it is with somebody.
    pub(crate) fn hear(&mut self, person: PersonPresence, settings: &Settings) -> Option<Vec<PersonPresence>> {
        self.stream?;
        if let Said::Asked { since, .. } = &mut self.said {
            since.put(person);
        }
        if !settings.is_shown_others() {
            // It was on its way when the server was told to show nobody.
            return None;
        }
        self.people.put(person);
        Some(vec![person])
    }
}

#[cfg(test)]
#[path = "presence/tests.rs"]
mod tests;
