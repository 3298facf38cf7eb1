//! What of presence is on disk, and what an answer makes of it.

use super::{AWAY, HERE, House, MINUTE, attend, house, in_answer};
use crate::client::{Person, Reply, Server, bearer, code_of};
use crate::presence::eyes::{Eyes, come, shown};
use crate::room::{direct, say};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use sotto_wire::Code;
use sotto_wire::presence::{Attend, Audience, Presence, PresenceRequest, Status};

/// What the account's row says of its settings.
async fn columns(server: &Server, who: &Person) -> (i64, i64) {
    let mut database = server.database().await;
    sqlx::query_as("SELECT status, audience FROM account WHERE id = $1")
        .bind(who.user.0.as_slice())
        .fetch_one(&mut database)
        .await
        .expect("a row")
}

#[tokio::test]
async fn settings_are_on_disk_when_they_are_answered() {
    let House { server, ada, .. } = house(|_| {}).await;
    for (status, audience, expected) in [
        (Some(Status::Busy), None, (1, 0)),
        (None, Some(Audience::Nobody), (1, 1)),
        (Some(Status::Available), None, (0, 1)),
        (None, None, (0, 1)),
        (None, Some(Audience::People), (0, 0)),
    ] {
        let noted = attend(&server, &ada, PresenceRequest { status, audience, ..HERE }).await;
        assert_eq!(columns(&server, &ada).await, expected);
        let said = (i64::from(noted.status == Status::Busy), i64::from(noted.audience == Audience::Nobody));
        assert_eq!(said, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn restart_keeps_status_audience_and_when_people_were_last_seen() {
    let House { server, ada, ben, .. } = house(|_| {}).await;
    let mut eyes = come(&server, &ben).await;
    let stream = come(&server, &ada).await;
    assert_eq!(eyes.next().await, shown(&ada, Presence::Online));
    attend(&server, &ada, PresenceRequest { status: Some(Status::Busy), ..HERE }).await;
    attend(&server, &ben, PresenceRequest { audience: Some(Audience::Nobody), ..HERE }).await;
    drop((eyes, stream));
    let server = server.restart().await;
    let noted = attend(&server, &ben, HERE).await;
    assert_eq!((noted.audience, noted.people), (Audience::Nobody, vec![]));
    let noted = attend(&server, &ada, HERE).await;
    assert_eq!((noted.status, noted.people), (Status::Busy, vec![]), "nobody is left to be shown");
    let noted = attend(&server, &ben, PresenceRequest { audience: Some(Audience::People), ..HERE }).await;
    assert_eq!(in_answer(&noted, &ada), Some((Presence::Offline, Some(MINUTE))));
    let stream = come(&server, &ada).await;
    let mut eyes = come(&server, &ben).await;
    assert_eq!(busy_in_the_end(&mut eyes, &server, (&ada, &ben)).await, Presence::Busy);
    drop((eyes, stream));
    server.stop().await;
}

/// How `ada` is shown to `ben`, by his stream or, when she was told of before it was open, by an answer.
async fn busy_in_the_end(eyes: &mut Eyes, server: &Server, (ada, ben): (&Person, &Person)) -> Presence {
    match in_answer(&attend(server, ben, HERE).await, ada) {
        Some((Presence::Offline, _)) | None => eyes.next().await.presence,
        Some((presence, _)) => presence,
    }
}

#[tokio::test]
async fn answer_has_everyone_of_the_own_conversations_once() {
    let House { server, ada, ben, .. } = house(|_| {}).await;
    let (cam, eve) = (Person::sign_up(&server, "cam").await, Person::sign_up(&server, "eve").await);
    direct(&server, &cam, &ada).await;
    direct(&server, &cam, &eve).await;
    let mut people: Vec<_> = attend(&server, &ada, HERE).await.people;
    people.sort_by_key(|person| person.user);
    let mut expected = vec![(ben.user, Presence::Offline, None), (cam.user, Presence::Offline, None)];
    expected.sort_by_key(|(user, ..)| *user);
    let said: Vec<_> = people.iter().map(|person| (person.user, person.presence, person.last_seen)).collect();
    assert_eq!(said, expected);
    server.stop().await;
}

#[tokio::test]
async fn value_that_this_version_does_not_know_is_refused_and_changes_nothing() {
    let House { server, ada, .. } = house(|_| {}).await;
    attend(&server, &ada, PresenceRequest { status: Some(Status::Busy), ..HERE }).await;
    for payload in [
        json!({ "attention": "here", "status": "asleep" }),
        json!({ "attention": "here", "status": "available", "audience": "friends" }),
    ] {
        let mut headers = bearer(&ada.access_token);
        headers.insert(CONTENT_TYPE, "application/json".parse().expect("a value"));
        let body = crate::stream::command("presence", &payload, "r1");
        let reply: Reply = server.post("/api/presence", headers, body).await;
        assert_eq!(reply.refusal(), (422, Code::Invalid), "{payload}");
    }
    assert_eq!(columns(&server, &ada).await, (1, 0));
    server.stop().await;
}

#[tokio::test]
async fn presence_has_a_rate_of_its_own_and_takes_nothing_from_that_of_messages() {
    let House { server, ada, ben, .. } = house(|config| config.rates.presences_per_minute_and_user = 5).await;
    let room = direct(&server, &ada, &Person::sign_up(&server, "cam").await).await;
    for _ in 0..5 {
        attend(&server, &ada, AWAY).await;
    }
    let refused = ada.call::<Attend>(&server, &HERE).await;
    assert!(refused.as_ref().is_err_and(|problem| problem.retry_after_ms.is_some_and(|wait| wait.0 > 0)));
    assert_eq!(code_of(refused), Some(Code::RateLimited));
    say(&server, &ada, (room, "a message")).await;
    attend(&server, &ben, HERE).await;
    server.stop().await;
}
