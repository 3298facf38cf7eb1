//! Groups of a thousand, and invites that are guessed at: what the store takes and how long.

use crate::clock::Clock;
use crate::delivery::testing::{Bench, NOW, bytes, commit, direct, state};
use crate::store::conversation::{Creation, NewConversation};
use crate::store::group::{Commitment, Committer, NewCommit, load_state};
use crate::store::{conversation, invite, key, log, member, party};
use sha2::{Digest as _, Sha256};
use sotto_wire::conversation::{Kind, Welcome};
use sotto_wire::invite::{InviteChange, PublishedInvite};
use sotto_wire::{Base64, ConversationId, DeviceRef, InviteId, Millis, limit};

/// A commit or a claim of that size must not hold the writer up for longer; alone it takes a tenth.
const LONG: Millis = Millis(2_000);

fn group(number: usize, members: &[DeviceRef]) -> NewConversation {
    let welcome = Welcome { to: members[1..].to_vec(), welcome: Base64(vec![1]) };
    NewConversation {
        kind: Kind::Group,
        state: state(1, members),
        welcome: Some(welcome).filter(|welcome| !welcome.to.is_empty()),
        ..direct(number, (members[0], members[0]))
    }
}

fn adding(room: ConversationId, members: &[DeviceRef], number: usize) -> NewCommit {
    let welcome = Welcome { to: members[1..].to_vec(), welcome: Base64(vec![1]) };
    NewCommit { welcome: Some(welcome), ..commit((room, members[0]), (number, 2), members) }
}

#[tokio::test]
async fn hundreds_are_claimed_added_and_removed_in_one_go() {
    let bench = Bench::new().await;
    let mut people = Vec::with_capacity(limit::MEMBERS_MAX);
    for number in 1..=limit::MEMBERS_MAX {
        people.push(bench.person(number).await);
    }
    let mut tx = bench.write().await;
    for (number, person) in people.iter().enumerate().take(256) {
        let packages = [1, 2].map(|nth| Base64([bytes(number).as_slice(), &[nth; 8_000]].concat()));
        key::add(&mut tx, person.device, &packages).await.expect("stocked");
    }
    tx.commit().await.expect("commit");
    let users: Vec<_> = people[1..256].iter().map(|person| person.user).collect();
    let mut tx = bench.write().await;
    let began = Clock::System.now();
    let claimed = key::claim(&mut tx, &users).await.expect("claimed");
    let claim = Clock::System.now().since(began);
    tx.commit().await.expect("commit");
    let stock = |number: usize| (users[number], [bytes(number + 1).as_slice(), &[1; 8_000]].concat());
    for (user, oldest) in (0..255).map(stock) {
        assert_eq!(claimed[&user].package.as_ref(), Some(&oldest));
    }
    for (count, number) in [(255, 5_001), (999, 5_002)] {
        let room = ConversationId(bytes(number));
        assert!(matches!(bench.create(&group(number, &people[..1])).await, Creation::Created { .. }));
        let began = Clock::System.now();
        let added = bench.commit(&adding(room, &people[..=count], number + 10)).await;
        let add = Clock::System.now().since(began);
        let Commitment::Stored { n, .. } = added else { panic!("{added:?}") };
        let mut connection = bench.store.read().acquire().await.expect("a connection");
        assert_eq!(member::members_at(&mut connection, room, n).await.expect("members").len(), count + 1);
        let began = Clock::System.now();
        let removed = bench.commit(&commit((room, people[0]), (number + 20, 3), &people[..1])).await;
        let remove = Clock::System.now().since(began);
        assert!(matches!(removed, Commitment::Stored { .. }), "{removed:?}");
        assert_eq!(party::count(bench.store.read(), room).await.expect("a count"), 1);
        let began = Clock::System.now();
        let created = bench.create(&group(number + 30, &people[..=count])).await;
        let create = Clock::System.now().since(began);
        assert!(matches!(created, Creation::Created { .. }), "{created:?}");
        println!("add {count}: {} ms; remove: {} ms; create with all: {} ms", add.0, remove.0, create.0);
        assert!(add < LONG && remove < LONG && create < LONG);
    }
    println!("claim 255: {} ms", claim.0);
    assert!(claim < LONG);
}

#[tokio::test]
async fn ten_thousand_guesses_open_nothing() {
    let bench = Bench::new().await;
    let one = bench.person(1).await;
    let room = ConversationId(bytes(9));
    assert!(matches!(bench.create(&group(9, &[one])).await, Creation::Created { .. }));
    let publish: Vec<PublishedInvite> = (0..limit::INVITES_MAX)
        .map(|number| PublishedInvite {
            id: InviteId(bytes(number)),
            access_hash: Base64(Sha256::digest(bytes(number)).to_vec()),
            sealed_card: Base64(vec![1]),
            expires_at: NOW.after(Millis(1_000)),
            uses_max: 1,
        })
        .collect();
    let one_more = PublishedInvite { id: InviteId(bytes(99)), ..publish[0].clone() };
    let change = |publish| Some(InviteChange { publish, revoke: vec![] });
    let opens = NewCommit { invites: change(publish), ..commit((room, one), (10, 2), &[one]) };
    assert!(matches!(bench.commit(&opens).await, Commitment::Stored { .. }));
    let too_many = NewCommit { invites: change(vec![one_more]), ..commit((room, one), (11, 3), &[one]) };
    assert_eq!(bench.commit(&too_many).await, Commitment::Unfit);
    let mut connection = bench.store.read().acquire().await.expect("a connection");
    let began = Clock::System.now();
    for guess in 0..10_000_u32 {
        let access = Sha256::digest(guess.to_be_bytes());
        assert_eq!(invite::find(&mut connection, room, (&access, NOW)).await.expect("read"), None);
    }
    println!("10 000 guesses: {} ms", Clock::System.now().since(began).0);
    let right = invite::find(&mut connection, room, (&bytes(3), NOW)).await.expect("read");
    assert_eq!(right, Some(InviteId(bytes(3))));
    let late = invite::find(&mut connection, room, (&bytes(3), NOW.after(Millis(1_000)))).await.expect("read");
    assert_eq!(late, None);
}

#[tokio::test]
async fn who_left_comes_back_by_an_invite_with_the_leaf_that_is_still_there() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = ConversationId(bytes(9));
    assert!(matches!(bench.create(&group(9, &[one, other])).await, Creation::Created { .. }));
    let published = PublishedInvite {
        id: InviteId(bytes(1)),
        access_hash: Base64(Sha256::digest([7; 32]).to_vec()),
        sealed_card: Base64(vec![1]),
        expires_at: NOW.after(Millis(1_000)),
        uses_max: 1,
    };
    let change = InviteChange { publish: vec![published], revoke: vec![] };
    let opens = NewCommit { invites: Some(change), ..commit((room, one), (10, 2), &[one, other]) };
    assert!(matches!(bench.commit(&opens).await, Commitment::Stored { .. }));
    let mut tx = bench.write().await;
    let left = super::leave(&mut tx, (other, room), NOW).await.expect("left");
    tx.commit().await.expect("commit");
    assert_eq!(left, super::Leaving::Left);
    assert_eq!(member::first_readable(bench.store.read(), room, other.device).await.expect("read"), None);
    // A commit that says nothing of it keeps the leaf and brings nobody back.
    let update = commit((room, one), (11, 3), &[one, other]);
    assert!(matches!(bench.commit(&update).await, Commitment::Stored { .. }));
    assert_eq!(party::count(bench.store.read(), room).await.expect("a count"), 1);
    let back = NewCommit {
        committer: Committer::External,
        access: Some(vec![7; 32]),
        ..commit((room, other), (12, 4), &[one, other])
    };
    let Commitment::Stored { n, .. } = bench.commit(&back).await else { panic!("not stored") };
    assert_eq!(member::first_readable(bench.store.read(), room, other.device).await.expect("read"), Some(n));
    assert_eq!(party::count(bench.store.read(), room).await.expect("a count"), 2);
    let mut connection = bench.store.read().acquire().await.expect("a connection");
    let (newest, _) = load_state(&mut connection, room, None).await.expect("read").expect("a state");
    assert_eq!(newest.members, [one, other]);
    let kind = conversation::kind_for(bench.store.read(), room, one.user).await.expect("read");
    assert_eq!(kind, Some(Kind::Group));
    assert!(log::bounds(bench.store.read()).await.expect("bounds").head >= n);
}
