//! Who is there, and what others are shown of oneself (M4, M5): step by step, in calm weather.

use crate::behaviour::{ANNA, BERT, ask, direct, items, people, world, write};
use crate::browser::Browser;
use crate::script::{PASSWORD, PEOPLE};
use crate::world::World;
use sotto_core::Command;
use sotto_core::contract::{Network, Reply, ViewerKey, Visibility};
use sotto_core::view::{Author, MessageState, Privacy, Session, Sharing};
use sotto_core::wire::presence::{Attend, Audience, PersonPresence, Presence, Status};
use sotto_core::wire::{ConversationId, Endpoint, UserId};
use zeroize::Zeroizing;

fn user(world: &World, browser: usize) -> UserId {
    match &world.browsers[browser].screen.session {
        Some(Session::SignedIn(me)) => me.user,
        other => panic!("nobody is signed in but {other:?}"),
    }
}

/// What one is shown of the other.
fn shown(world: &World, (to, of): (usize, usize)) -> Option<PersonPresence> {
    world.browsers[to].screen.people.of(user(world, of)).copied()
}

fn presence(world: &World, pair: (usize, usize)) -> Option<Presence> {
    shown(world, pair).map(|person| person.presence)
}

fn choose(world: &mut World, browser: usize, privacy: Privacy) {
    world.command(browser, Command::SetPrivacy(privacy)).expect("it runs");
    world.run_for(1_000);
    assert_eq!(world.browsers[browser].results.last(), Some(&Ok(Reply::Done)));
    assert_eq!(world.browsers[browser].screen.privacy, privacy);
}

fn states(world: &mut World, browser: usize, id: ConversationId) -> Vec<MessageState> {
    items(world, browser, id).into_iter().map(|item| item.state).collect()
}

#[test]
fn each_is_shown_whether_the_other_is_there_and_when_they_were_last() {
    let mut world = world();
    direct(&mut world);
    let (of_bert, of_anna) = ((ANNA, BERT), (BERT, ANNA));
    assert_eq!(
        (presence(&world, of_bert), presence(&world, of_anna)),
        (Some(Presence::Online), Some(Presence::Online))
    );
    world.visibility(BERT, Visibility::Hidden);
    world.run_for(55_000);
    assert_eq!(presence(&world, of_bert), Some(Presence::Online));
    world.run_for(6_000);
    assert_eq!(presence(&world, of_bert), Some(Presence::Away));
    choose(&mut world, BERT, Privacy { status: Status::Busy, ..Privacy::default() });
    assert_eq!(presence(&world, of_bert), Some(Presence::Busy));
    choose(&mut world, BERT, Privacy::default());
    world.visibility(BERT, Visibility::Visible);
    world.run_for(1_000);
    assert_eq!(presence(&world, of_bert), Some(Presence::Online));
    let left_at = world.now;
    world.network(BERT, Network::Offline);
    world.run_for(1_000);
    assert!(world.browsers[BERT].screen.people.is_empty(), "without a stream nothing is known of anybody");
    world.run_for(40_000);
    let bert = shown(&world, of_bert).expect("it was told");
    let last_seen = bert.last_seen.expect("it is shown");
    assert_eq!(bert.presence, Presence::Offline);
    assert!(last_seen.0.is_multiple_of(60_000) && left_at.since(last_seen).0 < 60_000, "{last_seen:?}");
    world.network(BERT, Network::Online);
    world.run_for(1_000);
    assert_eq!(
        (presence(&world, of_bert), presence(&world, of_anna)),
        (Some(Presence::Online), Some(Presence::Online))
    );
}

#[test]
fn who_shows_nobody_whether_they_are_there_is_shown_nobody() {
    let mut world = world();
    let id = direct(&mut world);
    choose(&mut world, BERT, Privacy { presence: Audience::Nobody, ..Privacy::default() });
    assert_eq!(presence(&world, (BERT, ANNA)), None);
    let bert = shown(&world, (ANNA, BERT)).expect("it was told");
    assert_eq!((bert.presence, bert.last_seen), (Presence::Offline, None));
    world.command(BERT, Command::Typing(id));
    world.run_for(1_000);
    assert_eq!(world.browsers[ANNA].screen.conversations[&id].typing, []);
    world.visibility(ANNA, Visibility::Hidden);
    world.run_for(65_000);
    assert_eq!(presence(&world, (BERT, ANNA)), None);
    choose(&mut world, BERT, Privacy::default());
    assert_eq!(presence(&world, (BERT, ANNA)), Some(Presence::Away));
    assert_eq!(presence(&world, (ANNA, BERT)), Some(Presence::Online));
}

#[test]
fn a_privacy_that_was_chosen_offline_outlives_a_restart_and_is_told_later() {
    let mut world = world();
    direct(&mut world);
    let chosen = Privacy { read_receipts: Sharing::Kept, presence: Audience::Nobody, status: Status::Busy };
    world.network(ANNA, Network::Offline);
    choose(&mut world, ANNA, chosen);
    world.boot(ANNA);
    world.network(ANNA, Network::Offline);
    world.run_for(1_000);
    assert_eq!(world.browsers[ANNA].screen.privacy, chosen);
    assert_eq!(presence(&world, (BERT, ANNA)), Some(Presence::Online));
    world.network(ANNA, Network::Online);
    world.run_for(2_000);
    assert_eq!(world.browsers[ANNA].screen.privacy, chosen);
    assert_eq!(presence(&world, (BERT, ANNA)), Some(Presence::Offline));
    // It was told once: a restart finds it at the server.
    world.boot(ANNA);
    world.run_for(2_000);
    assert_eq!(world.browsers[ANNA].screen.privacy, chosen);
}

#[test]
fn what_was_chosen_is_not_shown_when_nobody_is_signed_in() {
    let mut world = world();
    choose(&mut world, ANNA, Privacy { status: Status::Busy, ..Privacy::default() });
    assert_eq!(ask(&mut world, ANNA, Command::SignOut), Ok(Reply::Done));
    assert_eq!(world.browsers[ANNA].screen.privacy, Privacy::default());
}

#[test]
fn presence_is_said_once_a_stream_and_at_each_change_and_not_again_and_again() {
    let mut world = world();
    let id = direct(&mut world);
    let before = world.posts(ANNA, Attend::PATH);
    write(&mut world, BERT, id, "hi");
    world.run_for(150_000);
    assert_eq!(world.posts(ANNA, Attend::PATH), before);
    // After five minutes once more, while somebody looks.
    world.run_for(200_000);
    assert_eq!(world.posts(ANNA, Attend::PATH), before + 1);
    world.visibility(ANNA, Visibility::Hidden);
    world.run_for(1_000_000);
    assert_eq!(world.posts(ANNA, Attend::PATH), before + 2);
}

#[test]
fn a_new_device_asks_how_it_is_with_people_no_more_often_the_more_conversations_it_joins() {
    let mut world = people(PEOPLE.len());
    for name in &PEOPLE[1..] {
        let answer = ask(&mut world, ANNA, Command::StartDirect { name: (*name).to_owned() });
        assert!(matches!(answer, Ok(Reply::Conversation(_))), "{answer:?}");
    }
    world.browsers.push(Browser::new(PEOPLE[ANNA]));
    let second = world.browsers.len() - 1;
    world.boot(second);
    world.run_for(1_000);
    let password = Zeroizing::new(PASSWORD.to_owned());
    assert_eq!(ask(&mut world, second, Command::SignIn { name: PEOPLE[ANNA].to_owned(), password }), Ok(Reply::Done));
    assert_eq!(world.browsers[second].screen.people.as_slice().len(), PEOPLE.len() - 1);
    // When its stream has caught up, and when it knows of its conversations.
    assert!(world.posts(second, Attend::PATH) <= 2, "{}", world.posts(second, Attend::PATH));
}

#[test]
fn what_was_read_is_not_told_while_it_is_kept_nor_afterwards_and_others_are_not_shown_either() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "one");
    assert_eq!(ask(&mut world, BERT, Command::MarkRead(id)), Ok(Reply::Done));
    write(&mut world, BERT, id, "answer");
    assert_eq!(ask(&mut world, ANNA, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(states(&mut world, BERT, id)[1], MessageState::Read);
    let kept = Privacy { read_receipts: Sharing::Kept, ..Privacy::default() };
    choose(&mut world, BERT, kept);
    // What is on screen changes at once, in the timeline and in the list.
    let timeline = world.browsers[BERT].screen.timeline.as_ref().expect("it is open");
    assert_eq!(timeline.ordered()[1].state, MessageState::Delivered);
    let last = world.browsers[BERT].screen.conversations[&id].last.clone().expect("there is one");
    assert_eq!(last.state, MessageState::Delivered);

    write(&mut world, ANNA, id, "two");
    assert_eq!(ask(&mut world, BERT, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 0);
    let of_anna = |world: &mut World| [0, 2].map(|at| states(world, ANNA, id)[at]);
    assert_eq!(of_anna(&mut world), [MessageState::Read, MessageState::Delivered]);
    choose(&mut world, BERT, Privacy::default());
    assert_eq!(ask(&mut world, BERT, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(of_anna(&mut world), [MessageState::Read, MessageState::Delivered]);
    assert_eq!(states(&mut world, BERT, id)[1], MessageState::Read);

    // Whoever has paged back stays there, and the old ones change too.
    for text in 0..50 {
        write(&mut world, BERT, id, &text.to_string());
    }
    assert_eq!(ask(&mut world, ANNA, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(states(&mut world, BERT, id).len(), 50);
    assert_eq!(ask(&mut world, BERT, Command::LoadOlder(ViewerKey(0), id)), Ok(Reply::Done));
    for (privacy, state) in [(kept, MessageState::Delivered), (Privacy::default(), MessageState::Read)] {
        choose(&mut world, BERT, privacy);
        let timeline = world.browsers[BERT].screen.timeline.as_ref().expect("it is open");
        let own: Vec<_> = timeline.ordered().into_iter().filter(|item| item.author == Author::Me).collect();
        assert_eq!((timeline.items.len(), own.len()), (53, 51));
        assert!(own.iter().all(|item| item.state == state), "{own:?}");
    }

    write(&mut world, ANNA, id, "three");
    assert_eq!(ask(&mut world, BERT, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(states(&mut world, ANNA, id).last(), Some(&MessageState::Read));
}
