//! Who is there: what the streams of a person and what they say themselves come to, and when that is to be told.
//!
//! Pure: told of streams, commands and the time, it says which changes are due. It knows neither routes nor sockets. The
//! rule: others are told the newest state only, when it differs from what they were told, once in
//! [`limit::PRESENCE_EVERY_MS`]; a person without a stream is there until [`limit::PRESENCE_GRACE_MS`] are over.

use crate::store::log::Stream;
use crate::store::presence::Settings;
use sotto_wire::presence::{Attention, Audience, PersonPresence, Presence, Status};
use sotto_wire::{DeviceId, DeviceRef, Millis, UserId, limit};
use std::collections::{BTreeSet, HashMap};

/// How long a person without a stream still counts as there.
const GRACE: Millis = Millis(limit::PRESENCE_GRACE_MS);
/// How much time lies between two changes of a person that are told.
const EVERY: Millis = Millis(limit::PRESENCE_EVERY_MS);
/// How long settings that were changed are remembered though nobody is there: a ticket that was asked for before the
/// change carries those of before, and stands for its life from when it was given out, a moment later.
const CHANGE_KEPT: Millis = Millis(limit::TICKET_LIFE_MS + limit::PRESENCE_GRACE_MS);
/// Last seen is told down to this.
const LAST_SEEN_STEP_MS: u64 = 60_000;
/// People that are remembered, four times those of a large node, some 30 MB; beside that the conversations of those in
/// their grace, 17 bytes each. Of more nothing is told.
const PEOPLE_MAX: usize = 131_072;
/// People that are looked at in one go, so that whoever comes or goes waits for a millisecond only.
const LOOKED_AT_MAX: usize = 256;

/// The people who are there, or were just now.
#[derive(Default)]
pub(crate) struct Presences {
    people: HashMap<UserId, Person>,
    /// When who is to be looked at, each once: [`Person::due_at`].
    due: BTreeSet<(Millis, UserId)>,
    newest_revision: u64,
}

/// The place of a change of settings in the order in which they were stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision(u64);

struct Person {
    /// Unknown until somebody has read them. Nothing is told till then.
    settings: Option<(Settings, Revision)>,
    /// Those that are reached, and those in their grace.
    devices: Vec<Device>,
    /// The last stream that was routed, as long as no other is.
    left: Option<Left>,
    told: Told,
    told_at: Millis,
    /// When the last device that is no longer here was reached last.
    left_at: Millis,
    /// Remembered until then, though nobody is there.
    kept_until: Millis,
    due_at: Option<Millis>,
}

struct Device {
    device: DeviceRef,
    attention: Attention,
    streams: Vec<Open>,
    /// When its last stream closed.
    closed_at: Millis,
}

struct Open {
    id: u64,
    is_routed: bool,
}

/// What others were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Shown(Presence),
    /// Offline, and nothing more from then on.
    Hidden,
}

impl Told {
    fn is_there(self) -> bool {
        match self {
            Self::Nothing | Self::Hidden | Self::Shown(Presence::Offline) => false,
            Self::Shown(Presence::Online | Presence::Away | Presence::Busy | Presence::Unknown) => true,
        }
    }
}

/// A change that others are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) person: PersonPresence,
    pub(crate) rooms: Rooms,
    /// When they came or went; `None` for who did neither, and for who shows it to nobody.
    pub(crate) seen_at: Option<Millis>,
}

/// Where a person is routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rooms {
    /// Where these streams are, by their ids.
    Of(Vec<u64>),
    /// Where the last stream was.
    Left(Left),
}

/// A stream that has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) device: DeviceId,
    /// Where it was routed then.
    pub(crate) rooms: Vec<Stream>,
}

fn to_the_minute(at: Millis) -> Millis {
    Millis(at.0 - at.0 % LAST_SEEN_STEP_MS)
}

/// Somebody who was there last at `left_at`, as others are shown them.
pub(crate) fn offline(user: UserId, left_at: Option<Millis>) -> PersonPresence {
    PersonPresence { user, presence: Presence::Offline, last_seen: left_at.map(to_the_minute) }
}

impl Person {
    fn new(now: Millis) -> Self {
        Self {
            settings: None,
            devices: Vec::new(),
            left: None,
            told: Told::Nothing,
            told_at: Millis(0),
            left_at: Millis(0),
            kept_until: now.after(GRACE),
            due_at: None,
        }
    }

    /// What others should know; `None` while the settings are unknown.
    fn shown(&self) -> Option<Told> {
        let (settings, _) = self.settings?;
        let presence = match settings.status {
            _ if self.devices.is_empty() => Presence::Offline,
            Status::Busy => Presence::Busy,
            Status::Available | Status::Unknown => {
                let is_looked_at = self.devices.iter().any(|device| device.attention == Attention::Here);
                if is_looked_at { Presence::Online } else { Presence::Away }
            }
        };
        Some(match settings.audience {
            Audience::Nobody => Told::Hidden,
            Audience::People | Audience::Unknown => Told::Shown(presence),
        })
    }

    /// What is to be told, when that is another thing than was told and there is somebody to tell it to.
    fn news(&self) -> Option<Told> {
        let shown = self.shown().filter(|shown| *shown != self.told)?;
        // Of who was not there nothing is told when they hide: it would say that they are there now.
        let is_news = shown.is_there() || self.told.is_there();
        (is_news && self.is_placed()).then_some(shown)
    }

    /// When news may be told: to hide waits for nothing.
    fn may_be_told_at(&self) -> Millis {
        if self.shown() == Some(Told::Hidden) { Millis(0) } else { self.told_at.after(EVERY) }
    }

    /// Whether it is known where this person is routed.
    fn is_placed(&self) -> bool {
        self.left.is_some() || self.routed().next().is_some()
    }

    /// The streams that are routed.
    fn routed(&self) -> impl Iterator<Item = u64> {
        self.devices.iter().flat_map(|device| &device.streams).filter(|open| open.is_routed).map(|open| open.id)
    }

    /// Forgets the devices whose grace is over.
    fn expire(&mut self, now: Millis) {
        let left_at = &mut self.left_at;
        self.devices.retain(|device| {
            let is_here = !device.streams.is_empty() || now < device.closed_at.after(GRACE);
            if !is_here {
                *left_at = device.closed_at.max(*left_at);
            }
            is_here
        });
    }

    /// When to look at this person next.
    fn next(&self, now: Millis) -> Option<Millis> {
        let graces = self.devices.iter().filter(|device| device.streams.is_empty());
        let graces = graces.map(|device| device.closed_at.after(GRACE));
        let news = self.news().map(|_| self.may_be_told_at().max(now));
        let end = self.devices.is_empty().then_some(self.kept_until.max(now));
        graces.chain(news).chain(end).min()
    }

    /// What is due now.
    fn settle(&mut self, user: UserId, now: Millis) -> Option<Change> {
        self.expire(now);
        let shown = self.news().filter(|_| self.may_be_told_at() <= now)?;
        let routed: Vec<u64> = self.routed().collect();
        let left = if self.devices.is_empty() { self.left.take() } else { self.left.clone() };
        let rooms = left.map_or(Rooms::Of(routed), Rooms::Left);
        let (person, seen_at) = match shown {
            Told::Shown(Presence::Offline) => (offline(user, Some(self.left_at)), Some(self.left_at)),
            Told::Shown(presence) => {
                let person = PersonPresence { user, presence, last_seen: None };
                (person, Some(now).filter(|_| !self.told.is_there()))
            }
            Told::Nothing | Told::Hidden => (offline(user, None), None),
        };
        self.told = shown;
        self.told_at = now;
        self.kept_until = self.kept_until.max(now.after(GRACE));
        Some(Change { person, rooms, seen_at })
    }
}

impl Presences {
    /// A stream has opened.
    pub(crate) fn open(&mut self, (device, id): (DeviceRef, u64), now: Millis) {
        self.change(device.user, now, |person| {
            let open = Open { id, is_routed: false };
            match person.devices.iter_mut().find(|known| known.device == device) {
                Some(known) => known.streams.push(open),
                None => {
                    let attention = Attention::Here;
                    person.devices.push(Device { device, attention, streams: vec![open], closed_at: now });
                    // It may be about to say that nobody looks at it: a phone that was woken in a pocket.
                    person.told_at = person.told_at.max(now);
                }
            }
        });
    }

    /// A stream has caught up, and gets what comes.
    pub(crate) fn route(&mut self, (device, id): (DeviceRef, u64), now: Millis) {
        self.change(device.user, now, |person| {
            let streams = person.devices.iter_mut().flat_map(|device| &mut device.streams);
            for open in streams.filter(|open| open.id == id) {
                open.is_routed = true;
                person.left = None;
            }
        });
    }

    /// A stream has closed, which was routed to `rooms`.
    pub(crate) fn close(&mut self, (device, id): (DeviceRef, u64), rooms: Vec<Stream>, now: Millis) {
        self.change(device.user, now, |person| {
            if let Some(known) = person.devices.iter_mut().find(|known| known.device == device) {
                known.streams.retain(|open| open.id != id);
                known.closed_at = now;
            }
            if !rooms.is_empty() && person.routed().next().is_none() {
                person.left = Some(Left { device: device.device, rooms });
            }
        });
    }

    /// Somebody says whether they look at a device; of one that is not reached that says nothing.
    pub(crate) fn attend(&mut self, device: DeviceRef, attention: Attention, now: Millis) {
        self.change(device.user, now, |person| {
            if let Some(known) = person.devices.iter_mut().find(|known| known.device == device) {
                known.attention = attention;
            }
        });
    }

    /// The revision that is being stored. Given out by who alone may store one now.
    pub(crate) fn next_revision(&mut self) -> Revision {
        self.newest_revision += 1;
        Revision(self.newest_revision)
    }

    /// Notes settings of a revision that was stored. Remembered for a while though nobody is there, so that who has
    /// read the settings before does not bring them back.
    pub(crate) fn set(&mut self, user: UserId, (settings, revision): (Settings, Revision), now: Millis) {
        self.change(user, now, |person| {
            if person.settings.is_none_or(|(_, newest)| newest < revision) {
                person.settings = Some((settings, revision));
            }
            person.kept_until = now.after(CHANGE_KEPT);
        });
    }

    /// Notes settings that were read, unless they are known.
    pub(crate) fn learn(&mut self, user: UserId, settings: Settings, now: Millis) {
        self.change(user, now, |person| {
            person.settings.get_or_insert((settings, Revision::default()));
        });
    }

    /// The settings of somebody, where they are known.
    pub(crate) fn settings(&self, user: UserId) -> Option<Settings> {
        self.people.get(&user)?.settings.map(|(settings, _)| settings)
    }

    /// Whether somebody is told of others.
    pub(crate) fn is_told(&self, user: UserId) -> bool {
        self.settings(user).is_some_and(|settings| settings.audience == Audience::People)
    }

    /// Whether somebody is there, as others were told; `None` when they were told that they are not, or nothing. The
    /// newest state may be another, which is told when it is due: an answer that ran ahead of that would be wrong for
    /// good if the state went back meanwhile.
    pub(crate) fn told(&self, user: UserId) -> Option<PersonPresence> {
        match self.people.get(&user)?.told {
            told if !told.is_there() => None,
            Told::Shown(presence) => Some(PersonPresence { user, presence, last_seen: None }),
            Told::Nothing | Told::Hidden => None,
        }
    }

    /// Those who are there, and when they were last: now, or when their last stream closed. Without those who show it
    /// to nobody.
    pub(crate) fn there(&self, now: Millis) -> impl Iterator<Item = (UserId, Millis)> {
        let there = self.people.iter().filter(|(_, person)| person.told.is_there());
        there.map(move |(user, person)| {
            let is_open = person.devices.iter().any(|device| !device.streams.is_empty());
            let closed_at = person.devices.iter().map(|device| device.closed_at).max();
            (*user, if is_open { now } else { closed_at.unwrap_or(person.left_at) })
        })
    }

    /// What is due now, of [`LOOKED_AT_MAX`] people at most.
    pub(crate) fn settle(&mut self, now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..LOOKED_AT_MAX {
            let Some((at, user)) = self.due.first().copied().filter(|(at, _)| *at <= now) else { break };
            self.due.remove(&(at, user));
            let Some(person) = self.people.get_mut(&user) else { continue };
            person.due_at = None;
            changes.extend(person.settle(user, now));
            if person.devices.is_empty() && person.kept_until <= now {
                self.people.remove(&user);
            } else {
                person.due_at = person.next(now);
                self.due.extend(person.due_at.map(|at| (at, user)));
            }
        }
        if self.people.is_empty() {
            // Give the memory of a storm back.
            self.people.shrink_to_fit();
        }
        changes
    }

    /// Whether somebody is to be looked at now.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        self.due.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Changes a person and sees to it that they are looked at in time.
    fn change(&mut self, user: UserId, now: Millis, change: impl FnOnce(&mut Person)) {
        if self.people.len() >= PEOPLE_MAX && !self.people.contains_key(&user) {
            return;
        }
        let person = self.people.entry(user).or_insert_with(|| Person::new(now));
        change(person);
        let due_at = person.next(now);
        if due_at != person.due_at {
            self.due.extend(due_at.map(|at| (at, user)));
            if let Some(before) = std::mem::replace(&mut person.due_at, due_at) {
                self.due.remove(&(before, user));
            }
        }
    }
}

#[cfg(test)]
mod tests;
