//! Invites: what opens, what does not, how often they may be tried, and that uses are counted.

use crate::client::{Person, Server, code_of};
use crate::room::{group, invite, joining, step};
use sotto_server::Clock;
use sotto_wire::conversation::{Commit, CommitRequest, Kind, LoadGroup, LoadGroupRequest};
use sotto_wire::invite::{InviteChange, InviteOpened, OpenInvite, OpenInviteRequest};
use sotto_wire::{Base64, Code, ConversationId, Millis, Problem};

const NOW: Millis = Millis(1_795_000_000_000);
const LIFE: Millis = Millis(60_000);
const ACCESS: [u8; 32] = [5; 32];

async fn open(
    server: &Server,
    who: &Person,
    (conversation, access): (ConversationId, [u8; 32]),
) -> Result<InviteOpened, Problem> {
    let request = OpenInviteRequest { conversation, access: Base64(access.to_vec()) };
    who.call::<OpenInvite>(server, &request).await
}

/// A group of `ada` alone, in epoch 2, with an invite.
async fn house(server: &Server, ada: &Person, uses_max: u32) -> ConversationId {
    let room = group(server, &[ada], vec![]).await;
    let publish = vec![invite(ACCESS, (NOW.after(LIFE), uses_max))];
    let change = Some(InviteChange { publish, revoke: vec![] });
    ada.call::<Commit>(server, &CommitRequest { invites: change, ..step((room, 2), &[ada], &[]) }).await.expect("open");
    room
}

#[tokio::test]
async fn live_invite_shows_the_group_and_lets_its_holder_in() {
    let server = Server::start_by(Clock::standing(NOW), |_| {}).await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = house(&server, &ada, 2).await;
    let opened = open(&server, &ben, (room, ACCESS)).await.expect("opened");
    assert_eq!((opened.state.epoch, opened.kind, opened.people_count), (2, Kind::Group, 1));
    assert_eq!(opened.sealed_card, Base64(vec![9; 100]));
    let join = joining((room, 3), &[&ada, &ben], ACCESS);
    let first = ben.call::<Commit>(&server, &join).await.expect("joined");
    assert_eq!(ben.call::<Commit>(&server, &join).await.expect("said again"), first, "P4");
    let loaded = LoadGroupRequest { conversation: room, epoch: None };
    let loaded = ben.call::<LoadGroup>(&server, &loaded).await.expect("loaded");
    assert_eq!((loaded.people.len(), loaded.accepted), (2, true));
    assert_eq!(uses(&server).await, 1);
    server.stop().await;
}

async fn uses(server: &Server) -> i64 {
    let mut database = server.database().await;
    sqlx::query_scalar("SELECT SUM(uses) FROM invite").fetch_one(&mut database).await.expect("a sum")
}

#[tokio::test]
async fn what_is_wrong_with_an_invite_is_one_answer() {
    let clock = Clock::standing(NOW);
    let server = Server::start_by(clock.clone(), |_| {}).await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let cam = Person::sign_up(&server, "cam").await;
    let room = house(&server, &ada, 1).await;
    let other = group(&server, &[&ada], vec![]).await;
    let refused = async |at: (ConversationId, u64), access, what: &str| {
        let opened = code_of(open(&server, &ben, (at.0, access)).await);
        let joined = code_of(ben.call::<Commit>(&server, &joining(at, &[&ada, &ben], access)).await);
        assert_eq!((opened, joined), (Some(Code::InviteInvalid), Some(Code::InviteInvalid)), "{what}");
    };
    refused((room, 3), [6; 32], "wrong").await;
    refused((other, 2), ACCESS, "of another group").await;
    refused((ConversationId([1; 16]), 2), ACCESS, "of no group").await;
    clock.advance(LIFE);
    refused((room, 3), ACCESS, "expired").await;
    let room = group(&server, &[&ada], vec![]).await;
    let published = invite(ACCESS, (NOW.after(LIFE).after(LIFE), 1));
    let revoke = vec![published.id];
    let change = InviteChange { publish: vec![published], revoke: vec![] };
    let commit = CommitRequest { invites: Some(change), ..step((room, 2), &[&ada], &[]) };
    ada.call::<Commit>(&server, &commit).await.expect("published");
    // Not alone: another may not be brought along, and a commit from within joins nobody.
    let both = joining((room, 3), &[&ada, &ben, &cam], ACCESS);
    assert_eq!(code_of(ben.call::<Commit>(&server, &both).await), Some(Code::Invalid));
    let within =
        CommitRequest { commit: step((room, 3), &[&ada], &[]).commit, ..joining((room, 3), &[&ada, &ben], ACCESS) };
    assert_eq!(code_of(ben.call::<Commit>(&server, &within).await), Some(Code::InviteInvalid));
    ben.call::<Commit>(&server, &joining((room, 3), &[&ada, &ben], ACCESS)).await.expect("the one use");
    let used = joining((room, 4), &[&ada, &ben, &cam], ACCESS);
    assert_eq!(code_of(cam.call::<Commit>(&server, &used).await), Some(Code::InviteInvalid), "used up");
    let change = InviteChange { publish: vec![], revoke };
    let commit = CommitRequest { invites: Some(change), ..step((room, 4), &[&ada, &ben], &[]) };
    ada.call::<Commit>(&server, &commit).await.expect("revoked");
    assert_eq!(code_of(open(&server, &cam, (room, ACCESS)).await), Some(Code::InviteInvalid), "revoked");
    server.stop().await;
}

#[tokio::test]
async fn of_two_who_join_by_the_last_use_one_gets_in() {
    let server = Server::start_by(Clock::standing(NOW), |_| {}).await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let cam = Person::sign_up(&server, "cam").await;
    let room = house(&server, &ada, 1).await;
    let (by_ben, by_cam) = (joining((room, 3), &[&ada, &ben], ACCESS), joining((room, 3), &[&ada, &cam], ACCESS));
    let (first, second) = tokio::join!(ben.call::<Commit>(&server, &by_ben), cam.call::<Commit>(&server, &by_cam));
    let (loser, winner) = match (&first, &second) {
        (Ok(_), Err(_)) => (&cam, &ben),
        (Err(_), Ok(_)) => (&ben, &cam),
        other => panic!("{other:?}"),
    };
    let again = joining((room, 4), &[&ada, winner, loser], ACCESS);
    assert_eq!(code_of(loser.call::<Commit>(&server, &again).await), Some(Code::InviteInvalid));
    assert_eq!(uses(&server).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn guesses_are_throttled_by_account_and_by_address() {
    let server = Server::start_with(|config| {
        config.rates.invites_per_minute_and_user = 3;
        config.rates.invites_per_minute_and_address = 5;
    });
    let server = server.await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = ConversationId([1; 16]);
    let mut codes = Vec::new();
    for who in [&ada, &ada, &ada, &ada, &ben, &ben, &ben] {
        codes.push(code_of(open(&server, who, (room, ACCESS)).await));
    }
    let (no, late) = (Some(Code::InviteInvalid), Some(Code::RateLimited));
    assert_eq!(codes, [no, no, no, late, no, no, late]);
    let joins = ben.call::<Commit>(&server, &joining((room, 2), &[&ada, &ben], ACCESS)).await;
    assert_eq!(code_of(joins), late, "joining is a guess too");
    server.stop().await;
}
