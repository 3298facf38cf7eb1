//! Who is there, as the model server has it. What people are shown of each other and when they were last there survives a
//! restart; attention and what was told do not. The rule: whoever asks is told the truth of now, and then its changes.

use super::{Answer, Server, streams::Live};
use sotto_core::view::{People, Privacy};
use sotto_core::wire::event::Ephemeral;
use sotto_core::wire::presence::{
    Attention, Audience, PersonPresence, Presence, PresenceNoted, PresenceRequest, Status,
};
use sotto_core::wire::{DeviceRef, Millis, UserId, limit};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: u64 = 60_000;

/// What survives a restart.
#[derive(Clone, Default)]
pub(super) struct Shown {
    settings: BTreeMap<UserId, (Status, Audience)>,
    last_seen: BTreeMap<UserId, Millis>,
}

/// What does not.
#[derive(Default)]
pub(super) struct Attendance {
    attention: BTreeMap<DeviceRef, Attention>,
    /// When a device had a stream last.
    pub(super) reached_at: BTreeMap<DeviceRef, Millis>,
    told: BTreeMap<UserId, PersonPresence>,
}

impl Server {
    pub(super) fn attend(&mut self, device: DeviceRef, request: PresenceRequest, now: Millis) -> Answer<PresenceNoted> {
        self.live.attendance.attention.insert(device, request.attention);
        let settings = self.shown.settings.entry(device.user).or_default();
        settings.0 = request.status.unwrap_or(settings.0);
        settings.1 = request.audience.unwrap_or(settings.1);
        let (status, audience) = *settings;
        let people = match audience {
            Audience::People => self.others(device.user),
            Audience::Nobody | Audience::Unknown => BTreeSet::new(),
        };
        let people = people.into_iter().filter(|user| self.shows(*user));
        let people = people.map(|user| self.presence(user, now)).collect();
        Ok(PresenceNoted { status, audience, people })
    }

    /// The people of somebody's conversations.
    fn others(&self, user: UserId) -> BTreeSet<UserId> {
        let of = self.conversations.values().filter(|it| it.people.contains(&user));
        of.flat_map(|it| it.people.iter().copied()).filter(|other| *other != user).collect()
    }

    fn shows(&self, user: UserId) -> bool {
        self.shown.settings.get(&user).is_none_or(|(_, audience)| *audience == Audience::People)
    }

    fn presence(&self, user: UserId, now: Millis) -> PersonPresence {
        let offline = PersonPresence { user, presence: Presence::Offline, last_seen: None };
        if !self.shows(user) {
            return offline;
        }
        let Live { attendance, .. } = &self.live;
        let reached = attendance.reached_at.iter().filter(|(device, at)| {
            device.user == user && self.accounts.current_ref(user) == Some(**device) && {
                self.live.is_reached(**device) || now.since(**at).0 < limit::PRESENCE_GRACE_MS
            }
        });
        let attentions: Vec<Attention> =
            reached.map(|(device, _)| attendance.attention.get(device).copied().unwrap_or(Attention::Here)).collect();
        let status = self.shown.settings.get(&user).map(|(status, _)| *status).unwrap_or_default();
        let presence = match attentions {
            all if all.is_empty() => {
                return PersonPresence { last_seen: self.shown.last_seen.get(&user).copied(), ..offline };
            }
            _ if status == Status::Busy => Presence::Busy,
            all if all.contains(&Attention::Here) => Presence::Online,
            _ => Presence::Away,
        };
        PersonPresence { user, presence, last_seen: None }
    }

    /// Tells what has changed since the last time.
    pub(crate) fn tell_presence(&mut self, now: Millis) {
        for device in self.live.reached() {
            self.live.attendance.reached_at.insert(device, now);
        }
        let users: BTreeSet<UserId> = self.conversations.values().flat_map(|it| it.people.iter().copied()).collect();
        for user in users {
            let person = self.presence(user, now);
            if person.presence != Presence::Offline {
                self.shown.last_seen.insert(user, Millis(now.0 - now.0 % MINUTE_MS));
            }
            if self.live.attendance.told.insert(user, person) == Some(person) {
                continue;
            }
            let event = match person.presence {
                Presence::Offline => Ephemeral::UserOffline(person),
                Presence::Online | Presence::Away | Presence::Busy | Presence::Unknown => Ephemeral::UserOnline(person),
            };
            for other in self.others(user) {
                if !self.shows(other) {
                    continue;
                }
                if let Some(device) = self.accounts.current_ref(other) {
                    self.live.tell(device, &event.to_frame(now).into());
                }
            }
        }
    }

    /// Whether somebody looks, as the server knows it.
    pub(crate) fn is_looked_at(&self, user: UserId) -> bool {
        let attention = &self.live.attendance.attention;
        self.accounts.current_ref(user).is_some_and(|device| attention.get(&device) == Some(&Attention::Here))
    }

    /// What somebody is shown of everybody else, and what others are shown of them.
    pub(crate) fn truth(&self, user: UserId, now: Millis) -> (People, Privacy) {
        let (status, presence) = self.shown.settings.get(&user).copied().unwrap_or_default();
        let mut people = People::default();
        if self.shows(user) {
            let all: Vec<_> = self.others(user).into_iter().map(|other| self.presence(other, now)).collect();
            people.apply(&all);
        }
        (people, Privacy { status, presence, ..Privacy::default() })
    }
}
