//! Behaviour of the connection.

use super::*;
use sotto_suite::Provider;
use sotto_wire::event::SessionEndCause;

const START: Millis = Millis(1_000_000);
const ALL: [Transport; 3] = [Transport::Sse, Transport::WebSocket, Transport::LongPoll];

fn random() -> Random {
    Random::new(Provider::new([1; 32]))
}

fn offered(transports: &[Transport]) -> TicketOpened {
    TicketOpened {
        ticket: Ticket::new("t1").expect("a ticket"),
        transports: transports.to_vec(),
        heartbeat_ms: Millis(limit::HEARTBEAT_MS),
        retry: RetryPolicy::default(),
        protocol: 1,
        features: Vec::new(),
        server_time: START,
    }
}

fn opened() -> TicketOpened {
    offered(&ALL)
}

fn asked(actions: &[Action]) -> u64 {
    match actions {
        [.., Action::AskTicket { number, .. }] => *number,
        other => panic!("no ticket was asked for but {other:?}"),
    }
}

fn opens(actions: &[Action]) -> (StreamKey, Transport) {
    match actions {
        [.., Action::Open { key, transport, .. }] => (*key, *transport),
        other => panic!("nothing is opened but {other:?}"),
    }
}

/// Answers what is asked for, and gives the stream that is opened.
fn answer(stream: &mut Stream, actions: &[Action], now: Millis) -> (StreamKey, Transport) {
    opens(&stream.ticket(asked(actions), Ok(opened()), (now, &random())))
}

/// A stream that is open by the best of these and has caught up at `START`.
fn open_by(transports: &[Transport]) -> (Stream, StreamKey) {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    let (key, transport) = opens(&stream.ticket(number, Ok(offered(transports)), (START, &random())));
    assert_eq!(transport, transports[0]);
    assert_eq!(stream.connected(key, START), Some(Vec::new()));
    stream.caught_up(START);
    (stream, key)
}

fn open() -> (Stream, StreamKey) {
    open_by(&ALL)
}

/// Waits for the next attempt, which opens by the first transport again and catches up.
fn open_again(stream: &mut Stream) -> (StreamKey, Millis) {
    let now = waits_until(stream);
    let actions = stream.timer(now, &random());
    let (key, transport) = answer(stream, &actions, now);
    assert_eq!(transport, Transport::Sse);
    stream.connected(key, now);
    stream.caught_up(now);
    (key, now)
}

fn waits_until(stream: &Stream) -> Millis {
    match stream.connection(None) {
        Connection::Reconnecting { next_try_at, .. } => next_try_at,
        other => panic!("not waiting but {other:?}"),
    }
}

fn carried_by(stream: &Stream) -> Option<Transport> {
    match stream.connection(None) {
        Connection::Online { transport, progress: Progress::CaughtUp, .. } => Some(transport),
        _ => None,
    }
}

fn later(ms: u64) -> Millis {
    START.after(Millis(ms))
}

#[test]
fn a_fresh_start_connects_and_catches_up() {
    let mut stream = Stream::new(Network::Online);
    assert_eq!(stream.connection(None), Connection::None);
    let number = asked(&stream.start(START));
    assert_eq!(stream.connection(None), Connection::Connecting);
    let actions = stream.ticket(number, Ok(opened()), (START, &random()));
    let (key, _) = opens(&actions);
    let path = "/api/events?ticket=t1".to_owned();
    assert_eq!(actions, [Action::Open { key, transport: Transport::Sse, path }]);
    assert_eq!(stream.connection(None), Connection::Connecting);
    assert_eq!(stream.connected(key, START), Some(Vec::new()));
    let online = |progress| {
        let (transport, since, round_trip) = (Transport::Sse, START, Some(Millis(12)));
        Connection::Online { transport, progress, since, round_trip }
    };
    assert_eq!(stream.connection(Some(Millis(12))), online(Progress::CatchingUp));
    stream.caught_up(START);
    assert_eq!(stream.connection(Some(Millis(12))), online(Progress::CaughtUp));
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
        let pace = if attempt < 5 { Pace::Backoff } else { Pace::Pause };
        let refusal = Some(Code::Unavailable);
        assert_eq!(stream.connection(None), Connection::Reconnecting { attempt, next_try_at, refusal, pace });
        match pace {
            Pace::Backoff => assert!(next_try_at.since(now).0 <= 8_000),
            Pace::Pause => assert_eq!(next_try_at.since(now), Millis(30_000)),
        }
        now = next_try_at;
        number = asked(&stream.timer(now, &random()));
    }
}

#[test]
fn the_servers_retry_after_is_obeyed() {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    stream.ticket(number, Err(Problem::new(Code::RateLimited).after(Millis(50_000))), (START, &random()));
    assert_eq!(waits_until(&stream), later(50_000));
}

#[test]
fn where_two_transports_hold_frames_back_the_third_is_open_within_ten_seconds() {
    let mut stream = Stream::new(Network::Online);
    let mut actions = stream.start(START);
    let mut now = START;
    for expected in &ALL[..2] {
        let (key, transport) = answer(&mut stream, &actions, now);
        assert_eq!(transport, *expected);
        let due = stream.deadline().expect("a deadline");
        assert_eq!(stream.timer(Millis(due.0 - 1), &random()), []);
        now = due;
        actions = stream.timer(now, &random());
        assert!(matches!(actions[..], [Action::Close(closed), Action::AskTicket { .. }] if closed == key));
    }
    let (key, transport) = answer(&mut stream, &actions, now);
    stream.connected(key, now);
    stream.caught_up(now);
    assert_eq!((transport, carried_by(&stream)), (Transport::LongPoll, Some(Transport::LongPoll)));
    assert!(now.since(START) < Millis(10_000), "online after {:?}", now.since(START));
}

#[test]
fn a_transport_that_is_cut_three_times_in_a_row_is_left_even_though_it_opens() {
    let (mut stream, mut key) = open();
    let mut now = START;
    for _ in 0..2 {
        assert_eq!(stream.closed(key, None, (now, &random())), []);
        (key, now) = open_again(&mut stream);
    }
    let actions = stream.closed(key, None, (now, &random()));
    assert_eq!(answer(&mut stream, &actions, now).1, Transport::WebSocket);
    assert!(now.since(START) < Millis(10_000));
}

#[test]
fn streams_that_live_long_and_end_are_no_reason_to_change() {
    let (mut stream, mut key) = open();
    let mut now = START;
    for _ in 0..9 {
        now = now.after(Millis(60_000));
        stream.closed(key, None, (now, &random()));
        (key, now) = open_again(&mut stream);
    }
}

#[test]
fn a_disabled_transport_is_left_at_once() {
    let mut stream = Stream::new(Network::Online);
    let actions = stream.start(START);
    let (key, _) = answer(&mut stream, &actions, START);
    let problem = Problem::new(Code::UpgradeRequired);
    let actions = stream.closed(key, Some(&problem), (START, &random()));
    assert_eq!(answer(&mut stream, &actions, START).1, Transport::WebSocket);
}

#[test]
fn where_nothing_works_the_attempts_wait_and_go_round() {
    let mut stream = Stream::new(Network::Online);
    let (mut actions, mut now, mut tried) = (stream.start(START), START, Vec::new());
    for _ in 0..6 {
        if actions.is_empty() || matches!(actions[..], [Action::Close(_)]) {
            now = waits_until(&stream);
            actions = stream.timer(now, &random());
        }
        tried.push(answer(&mut stream, &actions, now).1);
        now = stream.deadline().expect("a deadline");
        actions = stream.timer(now, &random());
    }
    assert_eq!(tried, [ALL, ALL].concat());
    assert!(waits_until(&stream) > now, "a wait after each round");
    assert!(matches!(stream.connection(None), Connection::Reconnecting { attempt: 2, .. }));
}

/// Online by the second transport, since the first one said nothing.
fn fallen_back() -> (Stream, StreamKey, Millis) {
    let mut stream = Stream::new(Network::Online);
    let actions = stream.start(START);
    answer(&mut stream, &actions, START);
    let now = stream.deadline().expect("a deadline");
    let actions = stream.timer(now, &random());
    let (key, transport) = answer(&mut stream, &actions, now);
    assert_eq!(transport, Transport::WebSocket);
    stream.connected(key, now);
    stream.caught_up(now);
    (stream, key, now)
}

#[test]
fn a_better_transport_takes_over_only_when_it_has_caught_up() {
    let (mut stream, old, since) = fallen_back();
    let now = since.after(Millis(5 * 60_000));
    stream.heard(old, now);
    assert_eq!(stream.deadline(), Some(now));
    let actions = stream.timer(now, &random());
    assert!(matches!(actions[..], [Action::AskTicket { place: Place::Spare, .. }]), "{actions:?}");
    let (new, transport) = answer(&mut stream, &actions, now);
    assert_eq!((transport, stream.place(new)), (Transport::Sse, Some(Place::Spare)));
    assert_eq!(stream.connected(new, now), Some(Vec::new()));
    assert_eq!((carried_by(&stream), stream.place(old)), (Some(Transport::WebSocket), Some(Place::Main)));
    assert_eq!(stream.spare_caught_up(), [Action::Close(old), Action::ChangeOver]);
    stream.caught_up(now);
    assert_eq!((carried_by(&stream), stream.place(new)), (Some(Transport::Sse), Some(Place::Main)));
    let changed = LogKind::TransportChanged { from: Transport::WebSocket, to: Transport::Sse };
    assert!(stream.take_log().contains(&changed));
}

#[test]
fn a_better_transport_that_still_fails_is_tried_ever_more_seldom_and_disturbs_nothing() {
    let (mut stream, old, mut now) = fallen_back();
    for minutes in [5, 10, 20, 40, 60, 60] {
        let (_, at) = stream.better().expect("it is to be tried");
        // The stream had its first doubt a moment before.
        assert!(at.since(now).0.abs_diff(minutes * 60_000) < 10_000, "{:?} are not {minutes} min", at.since(now));
        stream.heard(old, at);
        let actions = stream.timer(at, &random());
        let (spare, _) = answer(&mut stream, &actions, at);
        now = at.after(choice::FIRST_FRAME_MS);
        stream.heard(old, now);
        assert_eq!(stream.timer(now, &random()), [Action::Close(spare)]);
        assert_eq!(carried_by(&stream), Some(Transport::WebSocket));
    }
}

#[test]
fn when_the_stream_dies_the_spare_one_takes_over_however_far_it_is() {
    let (mut stream, old, since) = fallen_back();
    let now = since.after(Millis(5 * 60_000));
    stream.heard(old, now);
    let actions = stream.timer(now, &random());
    assert_eq!(stream.closed(old, None, (now, &random())), [Action::ChangeOver]);
    let (new, _) = answer(&mut stream, &actions, now);
    assert_eq!(stream.place(new), Some(Place::Main));
    stream.connected(new, now);
    stream.caught_up(now);
    assert_eq!(carried_by(&stream), Some(Transport::WebSocket), "no time for doubts");
}

#[test]
fn on_another_network_a_doubted_transport_is_tried_again_soon() {
    let (mut stream, _, now) = fallen_back();
    stream.network(Network::Offline, now);
    let actions = stream.network(Network::Online, now);
    let (key, transport) = answer(&mut stream, &actions, now);
    assert_eq!(transport, Transport::WebSocket, "what worked is remembered");
    stream.connected(key, now);
    stream.caught_up(now);
    let (better, at) = stream.better().expect("it is to be tried");
    assert_eq!((better, at), (Transport::Sse, now.after(Millis(10_000))));
}

#[test]
fn after_a_restart_what_worked_is_used_at_once_and_the_better_one_tried_soon() {
    let (before, ..) = fallen_back();
    assert_eq!(before.working(), Some(Transport::WebSocket));
    let mut stream = Stream::new(Network::Online);
    stream.remember(before.working());
    let actions = stream.start(START);
    let (key, transport) = answer(&mut stream, &actions, START);
    assert_eq!(transport, Transport::WebSocket);
    stream.connected(key, START);
    stream.caught_up(START);
    assert_eq!(stream.plans(), (None, Some(later(10_000))));
}

#[test]
fn silence_closes_and_any_frame_puts_it_off() {
    for transport in ALL {
        let (mut stream, key) = open_by(&[transport]);
        let silence = if transport == Transport::LongPoll { 35_000 } else { limit::STREAM_SILENCE_MS };
        stream.heard(key, later(30_000));
        assert_eq!(stream.timer(later(silence), &random()), [], "{transport:?}");
        let due = later(30_000 + silence);
        assert_eq!(stream.timer(due, &random()), [Action::Close(key)], "{transport:?}");
    }
}

#[test]
fn the_next_poll_goes_out_under_the_same_name_and_the_last_one_has_none() {
    let (mut stream, key) = open_by(&[Transport::LongPoll]);
    let ticket = Ticket::new("t2").expect("a ticket");
    let path = "/api/events?ticket=t2".to_owned();
    let next = stream.polled(key, Some(&ticket), later(25_000));
    assert_eq!(next, Some(Action::Open { key, transport: Transport::LongPoll, path }));
    assert_eq!(stream.deadline(), Some(later(25_000 + 35_000)));
    assert_eq!(stream.polled(key, None, later(25_000)), None);
}

#[test]
fn the_network_the_page_and_the_button_end_the_wait() {
    type Wake = fn(&mut Stream, Millis) -> Vec<Action>;
    let wakes: [Wake; 3] = [|s, now| s.network(Network::Online, now), Stream::visible, Stream::reconnect];
    for wake in wakes {
        let mut stream = Stream::new(Network::Online);
        let mut number = asked(&stream.start(START));
        let mut now = START;
        for _ in 0..5 {
            stream.ticket(number, Err(Problem::new(Code::Unreachable)), (now, &random()));
            let woken = wake(&mut stream, now);
            number = asked(&woken);
            assert_eq!(stream.connection(None), Connection::Connecting);
            now = now.after(Millis(1));
        }
    }
}

#[test]
fn offline_closes_and_online_connects_again() {
    let (mut stream, key) = open();
    assert_eq!(stream.network(Network::Offline, START), [Action::Close(key)]);
    assert_eq!(stream.connection(None), Connection::Offline);
    assert_eq!(stream.deadline(), None);
    asked(&stream.network(Network::Online, START));
}

#[test]
fn after_sleep_a_fresh_stream_takes_over_with_its_first_frame_and_not_before() {
    let (mut stream, old) = open();
    assert_eq!(stream.visible(later(5_000)), [], "it has just spoken");
    let now = later(6_000);
    let actions = stream.visible(now);
    assert!(matches!(actions[..], [Action::AskTicket { place: Place::Spare, .. }]), "{actions:?}");
    assert_eq!(stream.visible(now), [], "one is enough");
    let (new, _) = answer(&mut stream, &actions, now);
    assert_eq!(carried_by(&stream), Some(Transport::Sse));
    assert_eq!(stream.connected(new, now), Some(vec![Action::Close(old), Action::ChangeOver]));
    stream.caught_up(now);
    assert_eq!((stream.place(old), stream.place(new)), (None, Some(Place::Main)));
}

#[test]
fn after_sleep_without_a_way_the_old_stream_is_given_up() {
    let (mut stream, old) = open();
    let actions = stream.network(Network::Online, later(1));
    let problem = Problem::new(Code::Unreachable);
    assert_eq!(stream.ticket(asked(&actions), Err(problem), (later(9), &random())), [Action::Close(old)]);
    assert!(waits_until(&stream) >= later(9));
}

#[test]
fn a_server_that_refuses_a_second_stream_is_there_and_the_first_one_stays() {
    let (mut stream, old) = open();
    let actions = stream.network(Network::Online, later(1));
    let problem = Problem::new(Code::RateLimited).after(Millis(60_000));
    assert_eq!(stream.ticket(asked(&actions), Err(problem), (later(9), &random())), []);
    assert_eq!((carried_by(&stream), stream.place(old)), (Some(Transport::Sse), Some(Place::Main)));
    let number = asked(&stream.visible(later(6_000)));
    assert!(!stream.is_asked(number), "it is asked for beside the other");
}

#[test]
fn a_web_socket_answers_a_ping_within_three_seconds_or_is_replaced_at_once() {
    let (mut stream, key) = open_by(&[Transport::WebSocket, Transport::Sse]);
    assert_eq!(stream.wake(later(60)), [Action::Ping(key)]);
    stream.ponged();
    assert_eq!(stream.timer(later(9_000), &random()), []);
    assert_eq!(stream.wake(later(10_000)), [Action::Ping(key)]);
    assert_eq!(stream.wake(later(10_001)), [], "one ping at a time");
    assert_eq!(stream.deadline(), Some(later(13_000)));
    let actions = stream.timer(later(13_000), &random());
    assert!(matches!(actions[..], [Action::Close(closed), Action::AskTicket { .. }] if closed == key), "{actions:?}");
}

#[test]
fn a_pinned_transport_takes_over_and_is_not_left_until_it_is_set_free() {
    let (mut stream, old) = open();
    let actions = stream.pin(Some(Transport::LongPoll), later(1));
    let (key, transport) = answer(&mut stream, &actions, later(1));
    assert_eq!(transport, Transport::LongPoll);
    assert_eq!(stream.connected(key, later(2)), Some(vec![Action::Close(old), Action::ChangeOver]));
    stream.caught_up(later(2));
    assert_eq!(stream.plans(), (Some(Transport::LongPoll), None));
    let mut now = later(3);
    stream.closed(key, None, (now, &random()));
    for _ in 0..6 {
        now = waits_until(&stream);
        let actions = stream.timer(now, &random());
        let (key, transport) = answer(&mut stream, &actions, now);
        assert_eq!(transport, Transport::LongPoll);
        stream.closed(key, None, (now, &random()));
    }
    let actions = stream.pin(None, now);
    assert_eq!(answer(&mut stream, &actions, now).1, Transport::Sse);
}

#[test]
fn shutdown_comes_back_when_it_was_told_to() {
    let (mut stream, key) = open();
    assert_eq!(stream.shut_down(Millis(3_210), START), [Action::Close(key)]);
    assert_eq!(waits_until(&stream), later(3_210));
}

#[test]
fn an_old_ticket_and_an_old_stream_change_nothing() {
    let (mut stream, key) = open();
    assert_eq!(stream.ticket(0, Ok(opened()), (START, &random())), []);
    assert_eq!(stream.closed(StreamKey(key.0 + 100), None, (START, &random())), []);
    assert!(stream.is_open());
}

#[test]
fn a_stream_that_ends_before_it_caught_up_counts_as_a_failure() {
    let mut stream = Stream::new(Network::Online);
    let mut actions = stream.start(START);
    let mut now = START;
    for attempt in 1..3 {
        let (key, _) = answer(&mut stream, &actions, now);
        stream.connected(key, now);
        stream.closed(key, None, (now, &random()));
        assert!(matches!(stream.connection(None), Connection::Reconnecting { attempt: a, .. } if a == attempt));
        now = waits_until(&stream);
        actions = stream.timer(now, &random());
    }
}

#[test]
fn no_known_transport_is_a_refusal_that_is_tried_again() {
    let mut stream = Stream::new(Network::Online);
    let number = asked(&stream.start(START));
    assert_eq!(stream.ticket(number, Ok(offered(&[Transport::Unknown])), (START, &random())), []);
    assert!(stream.deadline().is_some());
}

#[test]
fn what_happened_is_told_once_with_its_gravity() {
    let (mut stream, key) = open();
    stream.closed(key, None, (later(20_000), &random()));
    let told = stream.take_log();
    let closed = LogKind::Closed { transport: Transport::Sse, cause: CloseCause::Ended };
    let (opened, resumed) = (
        LogKind::Opened { transport: Transport::Sse, took: Millis(0) },
        LogKind::Resumed { events: 0, took: Millis(0) },
    );
    let (asked, opening) = (LogKind::Asked(0), LogKind::Opening(Transport::Sse));
    assert_eq!(told[..5], [asked, opening, opened, resumed, closed]);
    assert!(matches!(told[5..], [LogKind::Waiting { attempt: 1, pace: Pace::Backoff, .. }]), "{told:?}");
    assert_eq!(stream.take_log(), []);
    assert_eq!(LogKind::SessionEnded(SessionEndCause::TokenReused).severity(), crate::view::Severity::Error);
}

#[test]
fn after_five_failures_the_client_pauses_half_a_minute_and_says_so_and_the_button_overrides() {
    let mut stream = Stream::new(Network::Online);
    let mut number = asked(&stream.start(START));
    let mut now = START;
    for attempt in 1..=5 {
        stream.ticket(number, Err(Problem::new(Code::Unreachable)), (now, &random()));
        if attempt < 5 {
            now = waits_until(&stream);
            number = asked(&stream.timer(now, &random()));
        }
    }
    let (refusal, next_try_at, pace) = (Some(Code::Unreachable), now.after(PAUSE_MS), Pace::Pause);
    assert_eq!(stream.connection(None), Connection::Reconnecting { attempt: 5, next_try_at, refusal, pace });
    assert_eq!(stream.timer(Millis(next_try_at.0 - 1), &random()), []);
    asked(&stream.reconnect(now));
}
