//! Who is told nothing: strangers, those who show nothing themselves, and those to whom nothing is shown.

use super::{AWAY, EVERY, GRACE, HERE, House, attend, house, in_answer};
use crate::client::Person;
use crate::presence::eyes::{Eyes, come, offline, shown};
use crate::room::direct;
use sotto_wire::Millis;
use sotto_wire::presence::{Audience, PersonPresence, Presence, PresenceRequest};

const HIDE: PresenceRequest = PresenceRequest { audience: Some(Audience::Nobody), ..HERE };
const SHOW: PresenceRequest = PresenceRequest { audience: Some(Audience::People), ..HERE };

/// What is told of somebody next; passes over others.
async fn until(eyes: &mut Eyes, who: &Person) -> PersonPresence {
    loop {
        let person = eyes.next().await;
        if person.user == who.user {
            return person;
        }
    }
}

#[tokio::test]
async fn stranger_learns_nothing() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let (cam, eve) = (Person::sign_up(&server, "cam").await, Person::sign_up(&server, "eve").await);
    direct(&server, &cam, &eve).await;
    let (mut eyes, mut strange) = (come(&server, &ben).await, come(&server, &eve).await);
    let stream = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    let noted = attend(&server, &eve, HERE).await;
    assert_eq!(in_answer(&noted, &cam), Some((Presence::Offline, None)));
    assert_eq!(noted.people.len(), 1, "neither of the strangers");
    clock.advance(EVERY);
    attend(&server, &ada, AWAY).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Away));
    stream.close().await;
    clock.advance(GRACE);
    assert_eq!(eyes.next().await.presence, Presence::Offline);
    let known = come(&server, &cam).await;
    assert_eq!(strange.next().await, shown(&cam, Presence::Online), "nothing before it");
    drop((eyes, strange, known));
    server.stop().await;
}

#[tokio::test]
async fn who_shows_it_to_nobody_is_told_offline_once_and_shown_nobody() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let cam = Person::sign_up(&server, "cam").await;
    direct(&server, &cam, &ada).await;
    let mut of_cam = come(&server, &cam).await;
    let mut of_ada = come(&server, &ada).await;
    assert_eq!(of_cam.next().await, shown(&ada, Presence::Online));
    let mut of_ben = come(&server, &ben).await;
    assert_eq!(until(&mut of_ada, &ben).await, shown(&ben, Presence::Online));
    clock.advance(EVERY);
    assert_eq!(attend(&server, &ben, HIDE).await.people, []);
    assert_eq!(of_ada.next().await, offline(&ben, None));
    assert_eq!(in_answer(&attend(&server, &ada, HERE).await, &ben), None);
    // Neither is told of the other from now on.
    clock.advance(EVERY);
    attend(&server, &ben, PresenceRequest { audience: None, ..AWAY }).await;
    attend(&server, &ada, AWAY).await;
    assert_eq!(of_cam.next().await, shown(&ada, Presence::Away));
    clock.advance(Millis(2 * GRACE.0));
    let noted = attend(&server, &ben, SHOW).await;
    assert_eq!(of_ada.next().await, shown(&ben, Presence::Online), "nothing before it");
    // He may have been told of her before he hid; what came then was said, nothing after it.
    let away = in_answer(&noted, &ada).map(|(presence, _)| presence);
    assert_eq!(away, Some(Presence::Away), "what he missed is in the answer");
    clock.advance(EVERY);
    attend(&server, &ada, HERE).await;
    let told = loop {
        let person = of_ben.next().await;
        assert_ne!(person.presence, Presence::Away, "told while he showed nothing");
        if person.presence == Presence::Online {
            break person;
        }
    };
    assert_eq!(told.user, ada.user);
    drop((of_ada, of_ben, of_cam));
    server.stop().await;
}

#[tokio::test]
async fn who_comes_and_goes_hidden_is_seen_by_nobody() {
    let House { server, clock, ada, ben } = house(|_| {}).await;
    let cam = Person::sign_up(&server, "cam").await;
    direct(&server, &cam, &ada).await;
    attend(&server, &ben, HIDE).await;
    let mut eyes = come(&server, &ada).await;
    let hidden = come(&server, &ben).await;
    hidden.close().await;
    clock.advance(Millis(3 * GRACE.0));
    let other = come(&server, &cam).await;
    assert_eq!(eyes.next().await, shown(&cam, Presence::Online), "nothing before it");
    assert_eq!(in_answer(&attend(&server, &ada, HERE).await, &ben), None);
    drop(other);
    let noted = attend(&server, &ben, SHOW).await;
    assert!(in_answer(&noted, &ada).is_some());
    let noted = attend(&server, &ada, HERE).await;
    assert_eq!(in_answer(&noted, &ben), Some((Presence::Offline, None)), "and was not seen meanwhile");
    drop(eyes);
    server.stop().await;
}
