//! Presence (M5): who is told of whom, when, and what is kept. Real streams on all three transports, by a clock that the
//! tests move.

mod eyes;
mod kept;
mod privacy;

use crate::client::{Person, Server};
use crate::presence::eyes::{Sse, come, go_on_polling, offline, shown};
use crate::room::direct;
use crate::stream::{next_path, poll, ticket_path};
use sotto_server::{Clock, Config};
use sotto_wire::Millis;
use sotto_wire::event::{Ephemeral, Event};
use sotto_wire::limit::{PRESENCE_EVERY_MS, PRESENCE_GRACE_MS, TICKET_LIFE_MS};
use sotto_wire::presence::{Attend, Attention, Presence, PresenceNoted, PresenceRequest, Status};

/// Ten seconds into a minute.
const NOW: Millis = Millis(1_795_000_030_000);
/// The minute that it lies in.
const MINUTE: Millis = Millis(1_795_000_020_000);
const EVERY: Millis = Millis(PRESENCE_EVERY_MS);
const GRACE: Millis = Millis(PRESENCE_GRACE_MS);

/// A server, its clock, and two people with a conversation.
struct House {
    server: Server,
    clock: Clock,
    ada: Person,
    ben: Person,
}

async fn house(change: impl FnOnce(&mut Config)) -> House {
    let clock = Clock::standing(NOW);
    let server = Server::start_by(clock.clone(), |config| {
        // No client is taken for silent because the clock was moved.
        config.heartbeat_ms = 1_000_000;
        change(config);
    });
    let server = server.await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    direct(&server, &ada, &ben).await;
    House { server, clock, ada, ben }
}

const HERE: PresenceRequest = PresenceRequest { attention: Attention::Here, status: None, audience: None };
const AWAY: PresenceRequest = PresenceRequest { attention: Attention::Away, ..HERE };

async fn attend(server: &Server, who: &Person, request: PresenceRequest) -> PresenceNoted {
    who.call::<Attend>(server, &request).await.expect("noted")
}

/// Somebody as an answer shows them.
fn in_answer(noted: &PresenceNoted, who: &Person) -> Option<(Presence, Option<Millis>)> {
    noted.people.iter().find(|person| person.user == who.user).map(|person| (person.presence, person.last_seen))
}

#[tokio::test]
async fn who_comes_changes_and_goes_is_told() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let mut eyes = come(&server, &ben).await;
    let stream = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    for (request, presence) in [
        (AWAY, Presence::Away),
        (HERE, Presence::Online),
        (PresenceRequest { status: Some(Status::Busy), ..AWAY }, Presence::Busy),
        (PresenceRequest { status: Some(Status::Available), ..HERE }, Presence::Online),
    ] {
        clock.advance(EVERY);
        attend(&server, &ada, request).await;
        assert_eq!(eyes.next().await, shown(&ada, presence));
    }
    stream.close().await;
    clock.advance(GRACE);
    assert_eq!(eyes.next().await, offline(&ada, Some(MINUTE)));
    let noted = attend(&server, &ben, HERE).await;
    assert_eq!(in_answer(&noted, &ada), Some((Presence::Offline, Some(MINUTE))));
    drop(eyes);
    server.stop().await;
}

#[tokio::test]
async fn stream_of_server_sent_events_is_told_and_counts() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let mut eyes = Sse::open(&server, &ben).await;
    let mut stream = Sse::open(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    clock.advance(EVERY);
    attend(&server, &ben, AWAY).await;
    let seen = loop {
        // Ben's coming may have been told to both at once.
        let person = stream.next().await;
        if person.presence != Presence::Online {
            break person;
        }
    };
    assert_eq!(seen, shown(&ben, Presence::Away));
    drop((eyes, stream));
    server.stop().await;
}

#[tokio::test]
async fn who_polls_is_there_between_the_polls_and_gone_after_the_last() {
    let House { server, clock, ada, ben } = house(|config| config.poll_hold_ms = 20).await;
    let mut eyes = come(&server, &ben).await;
    let mut path = ticket_path(&server, &ada, None).await;
    for _ in 0..10 {
        path = go_on_polling(&server, &path).await;
        clock.advance(Millis(GRACE.0 - EVERY.0 - 1_000));
    }
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    clock.advance(EVERY);
    attend(&server, &ada, AWAY).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Away), "nothing in between");
    clock.advance(GRACE);
    assert_eq!(eyes.next().await.presence, Presence::Offline);
    // She goes on with the ticket of a poll at the end of its life.
    clock.advance(EVERY);
    let path = go_on_polling(&server, &ticket_path(&server, &ada, None).await).await;
    clock.advance(EVERY);
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    clock.advance(GRACE);
    assert_eq!(eyes.next().await.presence, Presence::Offline);
    clock.advance(Millis(TICKET_LIFE_MS - EVERY.0 - GRACE.0 - 1_000));
    go_on_polling(&server, &path).await;
    clock.advance(EVERY);
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    drop(eyes);
    server.stop().await;
}

#[tokio::test]
async fn poll_that_is_held_is_told() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let cam = Person::sign_up(&server, "cam").await;
    direct(&server, &cam, &ada).await;
    let mut witness = come(&server, &cam).await;
    let stream = come(&server, &ada).await;
    assert_eq!(witness.next().await, shown(&ada, Presence::Online));
    let (page, _) = poll(&server, &ticket_path(&server, &ben, None).await).await;
    let path = next_path(&page);
    let flips = async {
        // Until the poll is open, of which nobody is told, changes go past it.
        for (request, presence) in [(AWAY, Presence::Away), (HERE, Presence::Online)].into_iter().cycle() {
            clock.advance(EVERY);
            attend(&server, &ada, request).await;
            assert_eq!(witness.next().await, shown(&ada, presence));
        }
    };
    let (_, events) = tokio::select! {
        answered = poll(&server, &path) => answered,
        () = flips => unreachable!("flips go on"),
    };
    let Some(Event::Ephemeral(Ephemeral::UserOnline(person))) = events.first() else { panic!("{events:?}") };
    assert_eq!(person.user, ada.user);
    drop((stream, witness));
    server.stop().await;
}

#[tokio::test]
async fn reconnect_within_the_grace_is_told_to_nobody() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let mut eyes = come(&server, &ben).await;
    let mut stream = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    for _ in 0..4 {
        stream.close().await;
        clock.advance(Millis(GRACE.0 - 1_000));
        stream = come(&server, &ada).await;
        clock.advance(Millis(2 * GRACE.0));
    }
    attend(&server, &ada, AWAY).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Away), "nothing in between");
    drop((eyes, stream));
    server.stop().await;
}

#[tokio::test]
async fn who_closes_one_of_two_streams_is_still_there() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let mut eyes = come(&server, &ben).await;
    let (one, other) = (come(&server, &ada).await, come(&server, &ada).await);
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    one.close().await;
    clock.advance(Millis(3 * GRACE.0));
    attend(&server, &ada, AWAY).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Away), "nothing in between");
    other.close().await;
    clock.advance(GRACE);
    assert_eq!(eyes.next().await.presence, Presence::Offline);
    drop(eyes);
    server.stop().await;
}

#[tokio::test]
async fn hundred_changes_at_once_are_told_as_one() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let mut eyes = come(&server, &ben).await;
    let stream = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    for _ in 0..50 {
        attend(&server, &ada, HERE).await;
        attend(&server, &ada, AWAY).await;
    }
    clock.advance(EVERY);
    assert_eq!(eyes.next().await, shown(&ada, Presence::Away));
    clock.advance(EVERY);
    attend(&server, &ada, PresenceRequest { status: Some(Status::Busy), ..AWAY }).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Busy), "nothing in between");
    drop((eyes, stream));
    server.stop().await;
}

#[tokio::test]
async fn client_that_is_gone_though_its_socket_is_open_is_told_offline_after_its_minute_and_the_grace() {
    let House { server, clock, ada, ben } = house(|config| config.heartbeat_ms = 200).await;
    // Nobody is asked for a sign of life here.
    let mut eyes = Sse::open(&server, &ben).await;
    // It answers no ping.
    let silent = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    let mut seconds = 0;
    let person = loop {
        clock.advance(Millis(5_000));
        seconds += 5;
        match eyes.next_or_beat(clock.now()).await {
            Some(person) => break person,
            None => assert!(seconds < 80, "{seconds} s"),
        }
    };
    assert_eq!((person.user, person.presence), (ada.user, Presence::Offline));
    let left_at = person.last_seen.expect("when").since(MINUTE).0;
    assert!(left_at <= 60_000, "dropped after {left_at} ms");
    drop((eyes, silent));
    server.stop().await;
}
