//! Three transports and what stands in their way (T2, T3, T5, T7, T8, T10): every event comes once and in order, by
//! whichever, and where they change.

use crate::behaviour::{ANNA, BERT, direct, texts, world, write};
use crate::world::World;
use sotto_core::Command;
use sotto_core::contract::{Input, Outgoing, Visibility};
use sotto_core::view::{CloseCause, Connection, LogKind, Progress};
use sotto_core::wire::envelope::ERROR;
use sotto_core::wire::event::{Ephemeral, Shutdown};
use sotto_core::wire::message::SendMessage;
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{Code, ConversationId, Endpoint, Envelope, Millis, Problem};

const ALL: [Transport; 3] = [Transport::Sse, Transport::WebSocket, Transport::LongPoll];

fn carried_by(world: &World, browser: usize) -> Option<Transport> {
    match world.browsers[browser].screen.connection {
        Some(Connection::Online { transport, progress: Progress::CaughtUp, .. }) => Some(transport),
        _ => None,
    }
}

fn pin(world: &mut World, browser: usize, transport: Option<Transport>) {
    world.command(browser, Command::UseTransport(transport));
    world.run_for(1_000);
}

fn say(world: &mut World, browser: usize, conversation: ConversationId, text: &str) {
    let (text, client_id) = (text.to_owned(), None);
    world.command(browser, Command::Send { conversation, message: Outgoing::text(text), client_id });
}

/// Lets Anna say `count` things, one each `pause_ms`.
fn talk(world: &mut World, id: ConversationId, (count, pause_ms): (usize, u64)) -> Vec<String> {
    let all: Vec<String> = (0..count).map(|number| format!("text {number}")).collect();
    for text in &all {
        say(world, ANNA, id, text);
        world.run_for(pause_ms);
    }
    all
}

#[test]
fn every_transport_brings_every_event_once_and_in_order() {
    for transport in ALL {
        let mut world = world();
        let id = direct(&mut world);
        pin(&mut world, BERT, Some(transport));
        pin(&mut world, ANNA, Some(transport));
        assert_eq!((carried_by(&world, ANNA), carried_by(&world, BERT)), (Some(transport), Some(transport)));
        let all = talk(&mut world, id, (30, 200));
        world.run_for(60_000);
        assert_eq!(texts(&mut world, BERT, id), all, "by {transport:?}");
        assert_eq!(texts(&mut world, ANNA, id), all, "by {transport:?}");
        assert_eq!(carried_by(&world, BERT), Some(transport), "an idle stream stays");
    }
}

#[test]
fn text_that_is_sent_while_a_stream_begins_stands_behind_what_the_log_has_before_it() {
    let mut world = world();
    let id = direct(&mut world);
    world.delay(BERT, Transport::WebSocket, Millis(3_000));
    world.command(BERT, Command::UseTransport(Some(Transport::WebSocket)));
    while world.links_of(BERT) < 2 {
        world.run_for(10);
    }
    world.delay_links(BERT, Millis(4_000));
    say(&mut world, ANNA, id, "before");
    world.run_for(500);
    say(&mut world, BERT, id, "after");
    world.run_for(20_000);
    assert_eq!(texts(&mut world, ANNA, id), ["before", "after"]);
    assert_eq!(texts(&mut world, BERT, id), ["before", "after"]);
}

#[test]
fn transports_change_in_the_middle_of_a_conversation_and_nothing_is_lost_or_doubled() {
    let mut world = world();
    let id = direct(&mut world);
    let mut all = Vec::new();
    for round in 0..12 {
        world.command(BERT, Command::UseTransport(Some(ALL[round % 3])));
        world.command(ANNA, Command::UseTransport(Some(ALL[(round + 1) % 3])));
        for number in 0..8 {
            let text = format!("round {round} text {number}");
            say(&mut world, ANNA, id, &text);
            all.push(text);
            world.run_for(37);
        }
    }
    world.run_for(10_000);
    assert_eq!(texts(&mut world, BERT, id), all[all.len() - 50..]);
    let bert = &world.browsers[BERT].screen.conversations[&id];
    assert_eq!(bert.unread as usize, all.len());
}

#[test]
fn behind_proxies_that_block_hold_back_or_cut_the_third_transport_is_found_within_ten_seconds() {
    let mut world = world();
    let id = direct(&mut world);
    world.buffer(BERT, Transport::Sse);
    world.block(BERT, Transport::WebSocket);
    world.crash(BERT);
    world.run_for(2_000);
    let began_at = world.now;
    while carried_by(&world, BERT).is_none() {
        world.run_for(50);
    }
    assert!(world.now.since(began_at).0 <= 10_000, "online after {:?}", world.now.since(began_at));
    assert_eq!(carried_by(&world, BERT), Some(Transport::LongPoll));
    let all = talk(&mut world, id, (30, 100));
    world.run_for(2_000);
    assert_eq!(texts(&mut world, BERT, id), all);
}

#[test]
fn a_better_transport_is_found_again_beside_the_one_that_works() {
    let mut world = world();
    let id = direct(&mut world);
    world.buffer(BERT, Transport::Sse);
    world.crash(BERT);
    world.run_for(20_000);
    assert_eq!(carried_by(&world, BERT), Some(Transport::WebSocket));
    // Still held back when it is tried first, and no more when it is tried next.
    let mut all = talk(&mut world, id, (40, 9_000));
    assert_eq!(carried_by(&world, BERT), Some(Transport::WebSocket));
    world.take_proxies();
    for number in 40..110 {
        all.push(format!("text {number}"));
        say(&mut world, ANNA, id, &all[number]);
        world.run_for(9_000);
    }
    assert_eq!(carried_by(&world, BERT), Some(Transport::Sse));
    assert_eq!(texts(&mut world, BERT, id), all[all.len() - 50..]);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread as usize, all.len());
    let lost = world.browsers[BERT].screen.logged.iter().filter(|kind| matches!(kind, LogKind::Waiting { .. })).count();
    assert_eq!(lost, 0, "it was online all the time");
}

#[test]
fn a_better_transport_whose_time_came_during_an_outage_is_tried_once_and_not_taken_for_sleep() {
    let mut world = world();
    world.buffer(BERT, Transport::Sse);
    world.crash(BERT);
    world.run_for(20_000);
    assert_eq!(carried_by(&world, BERT), Some(Transport::WebSocket));
    world.take_proxies();
    world.stop_server(400_000);
    world.run_for(500_000);
    assert_eq!(carried_by(&world, BERT), Some(Transport::Sse));
    let screen = &world.browsers[BERT].screen;
    assert!(!screen.logged.iter().any(|kind| matches!(kind, LogKind::Woke(_))), "it did not sleep");
    assert_eq!(screen.link.map(|link| link.streams), Some(4), "two before, one after, and the better one");
}

#[test]
fn commands_go_over_a_web_socket_and_by_post_when_it_does_not_answer() {
    let mut world = world();
    let id = direct(&mut world);
    pin(&mut world, ANNA, Some(Transport::WebSocket));
    let before = world.posts(ANNA, SendMessage::PATH);
    write(&mut world, ANNA, id, "by the socket");
    assert_eq!(world.posts(ANNA, SendMessage::PATH), before, "no post was needed");
    world.hold_links(ANNA);
    write(&mut world, ANNA, id, "by post");
    assert_eq!(texts(&mut world, BERT, id), ["by the socket", "by post"]);
    assert_eq!(world.posts(ANNA, SendMessage::PATH), before + 1);
    // The socket that did not answer is asked whether it lives, long before its silence tells.
    let log = &world.browsers[ANNA].screen.logged;
    let dead = |kind: &LogKind| matches!(kind, LogKind::Closed { cause: CloseCause::NoPong, .. });
    assert!(log.iter().any(dead), "{log:?}");
    let again = |kind: &LogKind| matches!(kind, LogKind::SentAgain(1));
    assert!(world.browsers[ANNA].screen.logged.iter().any(again));
}

#[test]
fn what_happens_while_a_device_sleeps_comes_within_a_second_of_waking() {
    for transport in ALL {
        let mut world = world();
        let id = direct(&mut world);
        pin(&mut world, BERT, Some(transport));
        world.hold_links(BERT);
        world.sleep(BERT, 600_000);
        let all = talk(&mut world, id, (10, 60_000));
        world.run_for(1);
        assert_eq!(world.asleep_until(BERT), None);
        world.visibility(BERT, Visibility::Visible);
        // A ping that is not answered costs a socket its three seconds.
        world.run_for(if transport == Transport::WebSocket { 4_000 } else { 1_000 });
        assert_eq!(texts(&mut world, BERT, id), all, "by {transport:?}");
    }
}

#[test]
fn a_link_that_says_nothing_any_more_is_noticed_within_a_minute_by_every_transport() {
    for transport in ALL {
        let mut world = world();
        let id = direct(&mut world);
        pin(&mut world, BERT, Some(transport));
        world.hold_links(BERT);
        write(&mut world, ANNA, id, "hi");
        world.run_for(60_000);
        assert_eq!(texts(&mut world, BERT, id), ["hi"], "by {transport:?}");
    }
}

#[test]
fn figures_and_log_tell_of_the_link_and_of_nothing_that_is_said() {
    let mut world = world();
    let id = direct(&mut world);
    pin(&mut world, BERT, Some(Transport::WebSocket));
    let secret = "a very secret text";
    write(&mut world, BERT, id, secret);
    world.input(BERT, Input::Visibility(Visibility::Hidden));
    let screen = &world.browsers[BERT].screen;
    let link = screen.link.expect("figures were told");
    assert!(link.bytes_in > 1_000 && link.bytes_out > 1_000, "{link:?}");
    assert_eq!((link.streams, link.pinned), (2, Some(Transport::WebSocket)));
    let Some(Connection::Online { round_trip: Some(round_trip), .. }) = screen.connection else {
        panic!("not online but {:?}", screen.connection)
    };
    assert!((1..500).contains(&round_trip.0), "{round_trip:?}");
    let log = format!("{:?}", screen.logged);
    for word in [secret, "bert", "anna", "BERT", "Bearer", "ticket="] {
        assert!(!log.contains(word), "the log says {word}");
    }
    let changed = LogKind::TransportChanged { from: Transport::Sse, to: Transport::WebSocket };
    assert!(screen.logged.contains(&changed));
}

#[test]
fn a_poll_that_is_refused_by_its_answer_leaves_nothing_open() {
    let mut world = world();
    pin(&mut world, BERT, Some(Transport::LongPoll));
    for _ in 0..5 {
        let refusal = Envelope::new(ERROR, Problem::new(Code::Unavailable), world.now).to_json();
        world.inject(BERT, refusal.into());
        world.run_for(40_000);
        assert_eq!(carried_by(&world, BERT), Some(Transport::LongPoll));
        assert_eq!(world.links_of(BERT), 1);
    }
}

#[test]
fn a_server_that_asks_for_a_year_is_asked_again_within_a_minute() {
    let mut world = world();
    let shutdown = Ephemeral::Shutdown(Shutdown { retry_in_ms: Millis(u64::MAX) });
    world.inject(BERT, shutdown.to_frame(world.now).into());
    world.run_for(1_000);
    assert_eq!(carried_by(&world, BERT), None);
    world.run_for(65_000);
    assert!(carried_by(&world, BERT).is_some());
}
