//! Tells people of one another: who of those that are routed to the same conversations learns which change of presence.
//!
//! The rule: whoever is told shares a conversation now, and shows their own presence to people. A receiver is told all
//! changes of a tick in one write; nothing here reads the database while a stream opens or closes.

use crate::delivery::frame::Notice;
use crate::delivery::hub::{Hub, Route, Routes};
use crate::delivery::presence::{Change, Presences, Revision, Rooms, offline};
use crate::delivery::subscriber::Subscriber;
use crate::delivery::{Delivery, Inner};
use crate::refusal::causes;
use crate::store::log::{LogNumber, Stream};
use crate::store::member;
use crate::store::party::{self, Apart};
use crate::store::presence::{self, Settings};
use crate::store::{StoreError, Write};
use sotto_wire::event::Ephemeral;
use sotto_wire::presence::{Attention, Audience, PersonPresence, Presence};
use sotto_wire::{ConversationId, DeviceId, DeviceRef, Millis, UserId, limit};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often it is looked at what is due: so much later a change is told, and what came in between goes in one write.
const TICK: Duration = Duration::from_millis(250);
/// Conversations of one person that are told of a change: as many as one answer has people.
const ROOMS_MAX: usize = limit::PRESENCE_PEOPLE_MAX;
/// After how many receivers other tasks run: 256 writes are about a millisecond.
const RECEIVERS_PER_TURN: usize = 256;

/// Tells what is due, until `stop` says so.
pub(crate) async fn run(inner: Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        while tell(&inner).await {
            // Others go on, also when it was about people of whom there is nothing to tell.
            tokio::task::yield_now().await;
        }
    }
}

/// Tells a part of what is due now; says whether there is more.
async fn tell(inner: &Inner) -> bool {
    let now = inner.clock.now();
    let (changes, mut places, is_more) = {
        // The hub first: a stream that closes leaves both under its lock, so that what is due fits the routes.
        let (hub, mut presences) = (inner.hub(), inner.presences());
        let changes = presences.settle(now);
        let places: Vec<Vec<Place>> = changes.iter().map(|change| places(&hub, &change.rooms)).collect();
        (changes, places, presences.is_due(now))
    };
    {
        let mut notes = inner.notes();
        for change in &changes {
            change.seen_at.into_iter().for_each(|at| notes.see(change.person.user, at));
        }
    }
    // Without it those are told who were reached when the stream closed.
    match add_begun(inner, &changes, &mut places).await {
        Ok(()) => {}
        Err(StoreError::Busy(_)) => {
            tracing::warn!("the conversations of those who have left were not read: the database is busy")
        }
        Err(error) => {
            tracing::error!(causes = causes(&error), "failed to read the conversations of those who have left");
        }
    }
    let apart = match apart(inner, &changes).await {
        Ok(apart) => apart,
        Err(error) => {
            // Better nobody is told than somebody who must not be: a look asks the store anew.
            tracing::error!(causes = causes(&error), "failed to read who is to be kept apart");
            return is_more;
        }
    };
    let mut receivers = HashMap::new();
    for (at, (change, places)) in changes.iter().zip(&places).enumerate() {
        let reached = reached(change, places, &apart);
        receive(&inner.presences(), (at, reached), &mut receivers);
        tokio::task::yield_now().await;
    }
    let notices: Vec<Notice> = changes.iter().map(|change| Notice::new(event(change.person), now)).collect();
    for (count, (subscriber, told)) in receivers.values().enumerate() {
        let bytes: Vec<&[u8]> = told.iter().map(|at| notices[*at].bytes(subscriber.codec())).collect();
        subscriber.give_passing(&bytes.concat(), now);
        if count % RECEIVERS_PER_TURN == RECEIVERS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    is_more
}

fn event(person: PersonPresence) -> Ephemeral {
    match person.presence {
        Presence::Offline => Ephemeral::UserOffline(person),
        Presence::Online | Presence::Away | Presence::Busy | Presence::Unknown => Ephemeral::UserOnline(person),
    }
}

/// Who receives something, by the id of the stream, and the places of the changes in their list.
type Receivers = HashMap<u64, (Arc<Subscriber>, Vec<usize>)>;

/// Who keeps apart from those whom something is told of.
async fn apart(inner: &Inner, changes: &[Change]) -> Result<Apart, StoreError> {
    if changes.is_empty() {
        return Ok(Apart::default());
    }
    let users: Vec<UserId> = changes.iter().map(|change| change.person.user).collect();
    party::apart(&mut *inner.store.read().acquire().await?, &users).await
}

/// A conversation and its routes. Shared ones, so that the locks are held for no more than that.
type Place = (ConversationId, Routes);

/// The conversations that a person is in, with their routes.
fn places(hub: &Hub, rooms: &Rooms) -> Vec<Place> {
    let of_streams: Vec<Stream>;
    let rooms = match rooms {
        Rooms::Of(ids) => {
            of_streams = ids.iter().flat_map(|id| hub.streams(*id)).copied().collect();
            &of_streams
        }
        Rooms::Left(left) => &left.rooms,
    };
    let rooms = rooms.iter().filter_map(|room| match room {
        Stream::Conversation(id) => Some(*id),
        Stream::Device(_) => None,
    });
    rooms.take(ROOMS_MAX).filter_map(|room| place(hub, room)).collect()
}

fn place(hub: &Hub, room: ConversationId) -> Option<Place> {
    hub.routes(Stream::Conversation(room)).map(|routes| (room, routes))
}

/// Adds the places that came to those who have left after their last stream closed.
async fn add_begun(inner: &Inner, changes: &[Change], places: &mut [Vec<Place>]) -> Result<(), StoreError> {
    let left = |change: &Change| match &change.rooms {
        Rooms::Of(_) => None,
        Rooms::Left(left) => Some(left.device),
    };
    let devices: Vec<DeviceId> = changes.iter().filter_map(left).collect();
    if devices.is_empty() {
        return Ok(());
    }
    let mut connection = inner.store.read().acquire().await?;
    let open = LogNumber(LogNumber::END.0 - 1);
    let memberships = member::memberships(&mut connection, &devices, open).await?;
    let hub = inner.hub();
    for (change, places) in changes.iter().zip(places) {
        let Rooms::Left(left) = &change.rooms else { continue };
        let rooms = memberships.get(&left.device).into_iter().flatten();
        let rooms = rooms.map(|membership| membership.conversation);
        let begun = rooms.filter(|room| !left.rooms.contains(&Stream::Conversation(*room))).take(ROOMS_MAX);
        places.extend(begun.filter_map(|room| place(&hub, room)));
    }
    Ok(())
}

/// The streams of the others in those of `places` that are small enough and that the person is in, each once, by id.
fn reached<'a>(change: &Change, places: &'a [Place], apart: &Apart) -> HashMap<u64, &'a Arc<Subscriber>> {
    let user = change.person.user;
    let mut reached = HashMap::new();
    let shows_itself = |room: &ConversationId| !apart.not_accepted.contains(&(*room, user));
    for (room, routes) in places.iter().filter(|(room, routes)| shows_itself(room) && is_small(routes)) {
        let live = || routes.iter().filter(|route| is_live(route)).map(|route| &route.subscriber);
        let is_in = match &change.rooms {
            // A stream may have been routed from a conversation that its device has left.
            Rooms::Of(_) => live().any(|subscriber| subscriber.device().user == user),
            Rooms::Left(_) => true,
        };
        let sees = |other: UserId| {
            other != user && !apart.not_accepted.contains(&(*room, other)) && !apart.blocked.contains(&(user, other))
        };
        let others = live().filter(|subscriber| is_in && sees(subscriber.device().user));
        reached.extend(others.map(|subscriber| (subscriber.id(), subscriber)));
    }
    reached
}

/// Whether [`limit::PRESENCE_MEMBERS_MAX`] people at most are reached there, by however many streams.
fn is_small(routes: &Routes) -> bool {
    let mut people = HashSet::new();
    routes.len() <= limit::PRESENCE_MEMBERS_MAX
        || routes.iter().filter(|route| is_live(route)).all(|route| {
            people.insert(route.subscriber.device().user);
            people.len() <= limit::PRESENCE_MEMBERS_MAX
        })
}

/// Adds a change to all of those whom it reaches that are told of others.
fn receive(presences: &Presences, (at, reached): (usize, HashMap<u64, &Arc<Subscriber>>), receivers: &mut Receivers) {
    for (id, subscriber) in reached {
        if presences.is_told(subscriber.device().user) {
            receivers.entry(id).or_insert_with(|| (subscriber.clone(), Vec::new())).1.push(at);
        }
    }
}

fn is_live(route: &Route) -> bool {
    route.last == LogNumber::END
}

impl Delivery {
    /// Notes whether somebody looks at a device.
    pub(crate) fn attend(&self, device: DeviceRef, attention: Attention) {
        let now = self.0.clock.now();
        self.0.presences().attend(device, attention, now);
    }

    /// Notes settings that were read, so that their owner is told of and told.
    pub(crate) fn learn_settings(&self, user: UserId, settings: Settings) {
        let now = self.0.clock.now();
        self.0.presences().learn(user, settings, now);
    }

    /// The settings of somebody who is there, or was just now.
    pub(crate) fn known_settings(&self, user: UserId) -> Option<Settings> {
        self.0.presences().settings(user)
    }

    /// The revision of settings that is stored in `tx`, which nobody else writes meanwhile.
    pub(crate) fn settings_revision(&self, _tx: &Write) -> Revision {
        self.0.presences().next_revision()
    }

    /// Notes settings that are on disk.
    pub(crate) fn set_settings(&self, user: UserId, settings: Settings, revision: Revision) {
        let now = self.0.clock.now();
        self.0.presences().set(user, (settings, revision), now);
    }

    /// How it is with the people of the conversations of `user`, who must show their own presence to be shown it.
    pub(crate) async fn people(&self, user: UserId, settings: Settings) -> Result<Vec<PersonPresence>, StoreError> {
        if settings.audience != Audience::People {
            return Ok(Vec::new());
        }
        let people = presence::people(self.0.store.read(), user).await?;
        let (presences, notes) = (self.0.presences(), self.0.notes());
        let person = |(user, seen_at): (UserId, Option<Millis>)| {
            let seen_at = notes.seen_at(user).max(seen_at);
            presences.told(user).unwrap_or_else(|| offline(user, seen_at))
        };
        Ok(people.into_iter().map(person).collect())
    }
}

#[cfg(test)]
mod tests;
