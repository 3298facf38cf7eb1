//! Behaviour of the connection.

use super::*;
use sotto_suite::Provider;
use sotto_wire::Ticket;

const START: Millis = Millis(1_000_000);

fn random() -> Random {
    Random::new(Provider::new([1; 32]))
}

fn opened() -> TicketOpened {
    TicketOpened {
        ticket: Ticket::new("t1").expect("a ticket"),
        transports: vec![Transport::WebSocket, Transport::Sse],
        heartbeat_ms: Millis(limit::HEARTBEAT_MS),
        retry: RetryPolicy::default(),
        protocol: 1,
        features: Vec::new(),
        server_time: START,
    }
}

fn asked(actions: &[Action]) -> u64 {
    match actions {
        [Action::AskTicket(number)] => *number,
        other => panic!("no ticket was asked for but {other:?}"),
    }
}

/// A stream that is open and has caught up at `START`.
fn open() -> (Stream, StreamKey) {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    let actions = stream.ticket(number, Ok(opened()), (START, &random()));
    let [Action::Open { key, transport: Transport::Sse, path }] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(path, "/api/events?ticket=t1");
    stream.connected(START);
    stream.caught_up();
    (stream, *key)
}

fn waits_until(stream: &Stream) -> Millis {
    match stream.connection() {
        Connection::Reconnecting { next_try_at, .. } => next_try_at,
        other => panic!("not waiting but {other:?}"),
    }
}

#[test]
fn a_fresh_start_connects_and_catches_up() {
    let mut stream = Stream::new(Network::Online);
    assert_eq!(stream.connection(), Connection::None);
    let number = asked(&stream.start(START));
    assert_eq!(stream.connection(), Connection::Connecting);
    stream.ticket(number, Ok(opened()), (START, &random()));
    assert_eq!(stream.connection(), Connection::Connecting);
    stream.connected(START);
    let online = |progress| {
        let (transport, since, round_trip) = (Transport::Sse, START, None);
        Connection::Online { transport, progress, since, round_trip }
    };
    assert_eq!(stream.connection(), online(Progress::CatchingUp));
    stream.caught_up();
    assert_eq!(stream.connection(), online(Progress::CaughtUp));
}

#[test]
fn failures_wait_longer_and_never_end() {
    let mut stream = Stream::new(Network::Online);
    let mut number = asked(&stream.start(START));
    let mut now = START;
    for attempt in 1..=200 {
        let problem = Problem::new(Code::Unavailable);
        assert_eq!(stream.ticket(number, Err(problem), (now, &random())), []);
        let next_try_at = waits_until(&stream);
        let (refusal, pace) = (Some(Code::Unavailable), Pace::Backoff);
        let expected = Connection::Reconnecting { attempt, next_try_at, refusal, pace };
        assert_eq!(stream.connection(), expected);
        assert!(next_try_at.since(now).0 <= 30_000);
        now = next_try_at;
        number = asked(&stream.timer(now, &random()));
    }
}

#[test]
fn the_servers_retry_after_is_obeyed() {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    stream.ticket(number, Err(Problem::new(Code::RateLimited).after(Millis(90_000))), (START, &random()));
    assert_eq!(waits_until(&stream), Millis(START.0 + 90_000));
}

#[test]
fn a_stream_without_a_first_frame_is_given_up_after_ten_seconds() {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    let actions = stream.ticket(number, Ok(opened()), (START, &random()));
    let [Action::Open { key, .. }] = actions[..] else { panic!("{actions:?}") };
    let due = stream.deadline().expect("a deadline");
    assert_eq!(due, START.after(CONNECT_MS));
    assert_eq!(stream.timer(Millis(due.0 - 1), &random()), []);
    assert_eq!(stream.timer(due, &random()), [Action::Close(key)]);
}

#[test]
fn silence_closes_and_any_frame_puts_it_off() {
    let (mut stream, key) = open();
    stream.heard(Millis(START.0 + 40_000));
    assert_eq!(stream.timer(Millis(START.0 + limit::STREAM_SILENCE_MS), &random()), []);
    let due = Millis(START.0 + 40_000 + limit::STREAM_SILENCE_MS);
    assert_eq!(stream.timer(due, &random()), [Action::Close(key)]);
}

#[test]
fn the_network_the_page_and_the_button_end_the_wait() {
    type Wake = fn(&mut Stream, Millis) -> Vec<Action>;
    let wakes: [Wake; 3] = [|s, now| s.network(Network::Online, now), Stream::visible, Stream::reconnect];
    for wake in wakes {
        let (mut stream, key) = open();
        stream.closed(key, START, &random());
        asked(&wake(&mut stream, START));
        assert_eq!(stream.connection(), Connection::Connecting);
    }
}

#[test]
fn offline_closes_and_online_connects_again() {
    let (mut stream, key) = open();
    assert_eq!(stream.network(Network::Offline, START), [Action::Close(key)]);
    assert_eq!(stream.connection(), Connection::Offline);
    assert_eq!(stream.deadline(), None);
    asked(&stream.network(Network::Online, START));
}

#[test]
fn a_page_that_slept_opens_a_fresh_stream_and_one_that_did_not_keeps_its_own() {
    let (mut stream, key) = open();
    assert_eq!(stream.visible(Millis(START.0 + 20_000)), []);
    let actions = stream.visible(Millis(START.0 + 26_000));
    assert!(matches!(actions[..], [Action::Close(closed), Action::AskTicket(_)] if closed == key), "{actions:?}");
}

#[test]
fn shutdown_comes_back_when_it_was_told_to() {
    let (mut stream, key) = open();
    assert_eq!(stream.shut_down(Millis(3_210), START), [Action::Close(key)]);
    assert_eq!(waits_until(&stream), Millis(START.0 + 3_210));
}

#[test]
fn an_old_ticket_and_an_old_stream_change_nothing() {
    let (mut stream, key) = open();
    assert_eq!(stream.ticket(0, Ok(opened()), (START, &random())), []);
    stream.closed(StreamKey(key.0 + 100), START, &random());
    assert!(stream.is_open());
}

#[test]
fn a_stream_that_ends_before_it_caught_up_counts_as_a_failure() {
    let mut stream = Stream::new(Network::Online);
    let mut actions = stream.start(START);
    let mut now = START;
    for attempt in 1..5 {
        let opening = stream.ticket(asked(&actions), Ok(opened()), (now, &random()));
        let [Action::Open { key, .. }] = opening[..] else { panic!("{opening:?}") };
        stream.connected(now);
        stream.closed(key, now, &random());
        assert!(matches!(stream.connection(), Connection::Reconnecting { attempt: a, .. } if a == attempt));
        now = waits_until(&stream);
        actions = stream.timer(now, &random());
    }
}

#[test]
fn no_known_transport_is_a_refusal_that_is_tried_again() {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    let ticket = TicketOpened { transports: vec![Transport::Unknown], ..opened() };
    assert_eq!(stream.ticket(number, Ok(ticket), (START, &random())), []);
    assert!(stream.deadline().is_some());
}
