//! What a client does, step by step, in calm weather with the model server.

use crate::browser::Browser;
use crate::script::{BEGIN, Beginning, PEOPLE};
use crate::world::{Spoiled, World};
use bytes::Bytes;
use sotto_core::contract::{CommandKey, Failure, Input, Network, Outgoing, Reply, Table, ViewerKey};
use sotto_core::view::{Body, Change, Connection, Item, MessageKey, MessageState, Session, UnreadableCause};
use sotto_core::wire::event::{Ephemeral, Event, HistoryLost, LossCause};
use sotto_core::wire::message::SendMessage;
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{Code, ConversationId, Cursor, DeviceRef, Endpoint, Millis, limit};
use sotto_core::{Client, Command, Output};
use std::sync::OnceLock;

pub(crate) const ANNA: usize = 0;
pub(crate) const BERT: usize = 1;

pub(crate) fn beginning() -> &'static Beginning {
    static BEGINNING: OnceLock<Beginning> = OnceLock::new();
    BEGINNING.get_or_init(Beginning::new)
}

/// Anna and Bert, signed in and online.
pub(crate) fn world() -> World {
    people(2)
}

/// The first `count` people, signed in and online.
pub(crate) fn people(count: usize) -> World {
    let browsers = beginning().browsers.iter().take(count).map(Browser::restore).collect();
    let mut world = World::new(1, BEGIN.after(Millis(60_000)), beginning().server.clone(), browsers);
    world.run_for(1_000);
    world
}

/// Gives a command and waits for its answer.
pub(crate) fn ask(world: &mut World, browser: usize, command: Command) -> Result<Reply, Failure> {
    world.command(browser, command).expect("it runs");
    world.run_for(20_000);
    world.browsers[browser].results.last().expect("every command is answered").clone()
}

pub(crate) fn direct(world: &mut World) -> ConversationId {
    match ask(world, ANNA, Command::StartDirect { name: PEOPLE[BERT].to_owned() }) {
        Ok(Reply::Conversation(id)) => id,
        other => panic!("no conversation but {other:?}"),
    }
}

pub(crate) fn write(world: &mut World, browser: usize, conversation: ConversationId, text: &str) {
    let text = text.to_owned();
    let answer = ask(world, browser, Command::Send { conversation, message: Outgoing::text(text), client_id: None });
    assert!(matches!(answer, Ok(Reply::Message(_))), "{answer:?}");
}

pub(crate) fn items(world: &mut World, browser: usize, id: ConversationId) -> Vec<Item> {
    world.command(browser, Command::OpenConversation(ViewerKey(0), id));
    world.run_for(1_000);
    let shown = world.browsers[browser].screen.timeline.as_ref().expect("it was opened");
    shown.ordered().into_iter().cloned().collect()
}

pub(crate) fn texts(world: &mut World, browser: usize, id: ConversationId) -> Vec<String> {
    let text = |item: Item| match item.body {
        Body::Text(text) => Some(text),
        _ => None,
    };
    items(world, browser, id).into_iter().filter_map(text).collect()
}

fn states(world: &mut World, browser: usize, id: ConversationId) -> Vec<MessageState> {
    items(world, browser, id).into_iter().map(|item| item.state).collect()
}

fn device(world: &World, browser: usize) -> DeviceRef {
    let Some(Session::SignedIn(me)) = &world.browsers[browser].screen.session else { panic!("nobody is signed in") };
    world.server.accounts.current_ref(me.user).expect("it has a device")
}

/// Everything that a client wants done now.
pub(crate) fn outputs(client: &mut Client) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match client.poll() {
            Output::Idle(_) => return outputs,
            output => outputs.push(output),
        }
    }
}

fn sends(outputs: &[Output]) -> bool {
    outputs.iter().any(|it| matches!(it, Output::Request(request) if request.path == SendMessage::PATH))
}

#[test]
fn a_message_passes_through_all_its_states() {
    let mut world = world();
    let id = direct(&mut world);
    world.network(ANNA, Network::Offline);
    write(&mut world, ANNA, id, "hi");
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Sending]);
    world.network(BERT, Network::Offline);
    world.network(ANNA, Network::Online);
    world.run_for(1_000);
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Sent]);
    world.network(BERT, Network::Online);
    world.run_for(5_000);
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Delivered]);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 1);
    assert_eq!(ask(&mut world, BERT, Command::MarkRead(id)), Ok(Reply::Done));
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Read]);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 0);
}

#[test]
fn both_starting_at_once_get_one_conversation() {
    let mut world = world();
    world.command(ANNA, Command::StartDirect { name: PEOPLE[BERT].to_owned() });
    world.command(BERT, Command::StartDirect { name: PEOPLE[ANNA].to_owned() });
    world.run_for(10_000);
    let (anna, bert) = (world.browsers[ANNA].results.clone(), world.browsers[BERT].results.clone());
    assert!(matches!(anna[..], [Ok(Reply::Conversation(_))]), "{anna:?}");
    assert_eq!(anna, bert);
    assert_eq!(world.server.groups().count(), 1);
}

#[test]
fn display_names_reach_the_other_side_under_the_encryption() {
    let mut world = world();
    let id = direct(&mut world);
    let titles = |world: &World, browser: usize| match &world.browsers[browser].screen.conversations[&id].kind {
        sotto_core::view::ConversationKind::Direct(person) => person.title().to_owned(),
        other => panic!("not direct but {other:?}"),
    };
    assert_eq!((titles(&world, ANNA), titles(&world, BERT)), ("BERT".to_owned(), "ANNA".to_owned()));
    assert_eq!(ask(&mut world, BERT, Command::SetDisplayName("Berta".to_owned())), Ok(Reply::Done));
    assert_eq!(titles(&world, ANNA), "Berta");
}

#[test]
fn notes_to_self_are_made_once_and_keep_what_is_written() {
    let mut world = world();
    let first = ask(&mut world, ANNA, Command::StartNotes);
    let Ok(Reply::Conversation(id)) = first else { panic!("{first:?}") };
    assert_eq!(ask(&mut world, ANNA, Command::StartNotes), first);
    write(&mut world, ANNA, id, "milk");
    assert_eq!(texts(&mut world, ANNA, id), ["milk"]);
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Sent]);
}

#[test]
fn written_offline_and_after_a_crash_it_goes_out_once_in_order() {
    let mut world = world();
    let id = direct(&mut world);
    world.network(ANNA, Network::Offline);
    for text in ["one", "two", "three"] {
        write(&mut world, ANNA, id, text);
    }
    world.crash(ANNA);
    world.run_for(30_000);
    assert_eq!(texts(&mut world, BERT, id), ["one", "two", "three"]);
    assert_eq!(texts(&mut world, ANNA, id), ["one", "two", "three"]);
}

#[test]
fn what_is_on_disk_is_shown_before_any_network() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "hi");
    world.stop_server(600_000);
    world.crash(ANNA);
    world.boot(ANNA);
    world.run_for(100);
    assert!(world.browsers[ANNA].is_signed_in());
    assert!(world.browsers[ANNA].screen.conversations.contains_key(&id));
    assert_eq!(texts(&mut world, ANNA, id), ["hi"]);
}

#[test]
fn after_a_crash_the_stream_begins_behind_what_is_on_disk() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "hi");
    world.crash(BERT);
    world.run_for(10_000);
    let (asked_from, rows) = world.server.asked_from();
    assert_eq!(asked_from, rows);
    assert!(rows > 1, "something was to be read");
}

#[test]
fn nothing_sealed_leaves_before_its_batch_and_all_of_it_after() {
    let mut world = world();
    let id = direct(&mut world);
    let mut client = world.browsers[ANNA].client.take().expect("it runs");
    let (key, now) = (CommandKey(900), world.now);
    client.handle(
        Input::Command {
            key,
            command: Command::Send { conversation: id, message: Outgoing::text("hi"), client_id: None },
        },
        now,
    );
    let before = outputs(&mut client);
    let [Output::Persist(batch)] = &before[..] else { panic!("{before:?}") };
    client.handle(Input::Persisted(batch.key), now);
    let after = outputs(&mut client);
    assert!(sends(&after), "{after:?}");
    assert!(after.iter().any(|it| matches!(it, Output::Answer { result: Ok(Reply::Message(_)), .. })));
}

#[test]
fn who_writes_on_after_a_text_is_seen_to_write_although_the_text_has_ended_it() {
    let mut world = world();
    let id = direct(&mut world);
    let (typing, text) =
        (Command::Typing(id), Command::Send { conversation: id, message: Outgoing::text("hi"), client_id: None });
    let is_seen = |world: &World| !world.browsers[BERT].screen.conversations[&id].typing.is_empty();
    let mut ended = 0;
    for _ in 0..10 {
        world.command(ANNA, text.clone());
        world.command(ANNA, typing.clone());
        world.run_for(1_000);
        // Sometimes the text is there first.
        ended += usize::from(!is_seen(&world));
        world.command(ANNA, typing.clone());
        world.run_for(500);
        assert!(is_seen(&world));
        world.run_for(10_000);
    }
    assert!(ended > 0);
}

#[test]
fn a_device_says_how_far_it_has_come_once_a_minute_at_most_and_only_when_something_came() {
    for transport in [Transport::Sse, Transport::WebSocket, Transport::LongPoll] {
        let mut world = world();
        let id = direct(&mut world);
        world.command(BERT, Command::UseTransport(Some(transport)));
        world.run_for(100_000);
        world.server.acknowledged.clear();
        for number in 0..30 {
            let text = format!("text {number}");
            world.command(ANNA, Command::Send { conversation: id, message: Outgoing::text(text), client_id: None });
            world.run_for(1_000);
        }
        world.run_for(600_000);
        let bert = device(&world, BERT);
        let said: Vec<_> = world.server.acknowledged.iter().filter(|(device, _)| *device == bert).collect();
        let head = world.server.asked_from().1;
        assert!(matches!(&said[..], [(_, cursor)] if cursor.as_str() == head.to_string()), "{said:?} of {head}");
    }
}

#[test]
fn trying_again_and_forgetting_are_answered_alike_when_they_are_asked_again() {
    let mut world = world();
    let id = direct(&mut world);
    let refusal = |world: &mut World| {
        world.server.lies.refuses = Some(Code::NotAMember);
        let answer =
            ask(world, ANNA, Command::Send { conversation: id, message: Outgoing::text("no"), client_id: None });
        world.server.lies.refuses = None;
        let Ok(Reply::Message(key)) = answer else { panic!("no message but {answer:?}") };
        key
    };
    let key = refusal(&mut world);
    assert!(matches!(states(&mut world, ANNA, id)[..], [MessageState::Failed(_)]));
    for _ in 0..2 {
        assert_eq!(ask(&mut world, ANNA, Command::Retry(key)), Ok(Reply::Done));
        assert_eq!(states(&mut world, ANNA, id), [MessageState::Delivered]);
    }
    // It has come: nothing is forgotten.
    assert_eq!(ask(&mut world, ANNA, Command::Discard(key)), Ok(Reply::Done));
    assert_eq!(states(&mut world, ANNA, id), [MessageState::Delivered]);
    let key = refusal(&mut world);
    for _ in 0..2 {
        assert_eq!(ask(&mut world, ANNA, Command::Discard(key)), Ok(Reply::Done));
        assert_eq!(states(&mut world, ANNA, id), [MessageState::Delivered]);
    }
    let elsewhere = MessageKey { conversation: ConversationId([9; 16]), ..key };
    let of_bert = MessageKey { sender: device(&world, BERT), ..key };
    for message in [elsewhere, of_bert] {
        assert_eq!(ask(&mut world, ANNA, Command::Retry(message)), Err(Failure::NotFound));
        assert_eq!(ask(&mut world, ANNA, Command::Discard(message)), Err(Failure::NotFound));
    }
}

#[test]
fn a_failed_batch_sends_nothing_then_or_later() {
    let mut world = world();
    let id = direct(&mut world);
    let mut client = world.browsers[ANNA].client.take().expect("it runs");
    let (now, send) =
        (world.now, |text: &str| Command::Send { conversation: id, message: Outgoing::text(text), client_id: None });
    client.handle(Input::Command { key: CommandKey(900), command: send("hi") }, now);
    let before = outputs(&mut client);
    let [Output::Persist(batch)] = &before[..] else { panic!("{before:?}") };
    client.handle(Input::Command { key: CommandKey(901), command: send("there") }, now);
    client.handle(Input::PersistFailed(batch.key), now);
    client.handle(Input::Command { key: CommandKey(902), command: send("too late") }, now);
    client.handle(Input::Network(Network::Online), now);
    client.handle(Input::Timer, now.after(Millis(60_000)));
    let mut refused = Vec::new();
    for output in outputs(&mut client) {
        match output {
            Output::Answer { key, result } => refused.push((key, result)),
            Output::Changed(
                Change::Connection(Connection::None) | Change::Logged(_) | Change::Link(_) | Change::Presence(_),
            )
            | Output::CloseStream(_) => {}
            other => panic!("after a failed batch comes {other:?}"),
        }
    }
    let storage = |key| (CommandKey(key), Err(Failure::Storage));
    assert_eq!(refused, [storage(900), storage(901), storage(902)]);
}

/// Takes Bert's client out of the world, with the stream that it has open.
pub(crate) fn alone(world: &mut World, browser: usize) -> (Client, sotto_core::contract::StreamKey) {
    let key = world.stream_of(browser).expect("it is online");
    (world.browsers[browser].client.take().expect("it runs"), key)
}

#[test]
fn unknown_and_broken_frames_are_skipped() {
    let mut world = world();
    let (mut client, key) = alone(&mut world, BERT);
    let frames: [&[u8]; 4] = [
        br#"{"type":"party_started","payload":{"cake":true},"timestamp":"2026-11-20T09:43:45.123Z"}"#,
        br#"{"type":"message_received","payload":{},"timestamp":"2026-11-20T09:43:45.123Z"}"#,
        b"not even JSON \xFF",
        b"",
    ];
    for frame in frames {
        client.handle(Input::Frame { key, bytes: Bytes::from_static(frame) }, world.now);
        let outputs = outputs(&mut client);
        assert!(outputs.is_empty(), "{outputs:?}");
    }
}

#[test]
fn a_frame_that_comes_twice_is_shown_once() {
    let mut world = world();
    let id = direct(&mut world);
    items(&mut world, BERT, id);
    world.record_frames(BERT);
    write(&mut world, ANNA, id, "hi");
    let frames = world.recorded();
    assert_eq!(texts(&mut world, BERT, id), ["hi"]);
    let (mut client, key) = alone(&mut world, BERT);
    for bytes in frames.into_iter().filter(|it| matches!(Event::from_frame(it), Ok(Event::Durable(_)))) {
        client.handle(Input::Frame { key, bytes }, world.now);
    }
    let again = outputs(&mut client);
    let shows = |it: &Output| matches!(it, Output::Changed(Change::Timeline(..)) | Output::Notify { .. });
    assert!(!again.iter().any(shows), "{again:?}");
}

#[test]
fn a_message_changed_on_its_way_is_an_item_that_says_so() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "before");
    world.spoil_next(BERT, Spoiled::Message);
    write(&mut world, ANNA, id, "forged");
    write(&mut world, ANNA, id, "after");
    let bodies: Vec<Body> = items(&mut world, BERT, id).into_iter().map(|item| item.body).collect();
    let text = |text: &str| Body::Text(text.to_owned());
    assert_eq!(bodies, [text("before"), Body::Unreadable(UnreadableCause::NotAuthentic), text("after")]);
}

#[test]
fn a_name_changed_while_both_create_the_same_conversation_leaves_nothing_behind() {
    for pause in (0..400).step_by(20) {
        let mut world = world();
        world.command(ANNA, Command::StartDirect { name: PEOPLE[BERT].to_owned() });
        world.command(BERT, Command::StartDirect { name: PEOPLE[ANNA].to_owned() });
        world.run_for(pause);
        for person in [ANNA, BERT] {
            world.command(person, Command::SetDisplayName("New".to_owned()));
        }
        world.run_for(30_000);
        assert_eq!([ANNA, BERT].map(|person| world.browsers[person].waiting()), [0, 0], "after {pause} ms");
    }
}

#[test]
fn a_typing_notice_comes_and_ends_by_itself() {
    let mut world = world();
    let id = direct(&mut world);
    world.command(ANNA, Command::Typing(id));
    world.run_for(1_000);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].typing.len(), 1);
    world.run_for(limit::TYPING_LIFE_MS);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].typing, []);
}

#[test]
fn history_that_is_gone_is_a_line_and_the_conversation_goes_on() {
    let mut world = world();
    let id = direct(&mut world);
    let frame = Ephemeral::HistoryLost(HistoryLost {
        from: Cursor::new("1").expect("a digit"),
        to: Cursor::new("2").expect("a digit"),
        cause: LossCause::Retention,
    });
    world.inject(BERT, frame.to_frame(world.now).into());
    world.run_for(30_000);
    write(&mut world, ANNA, id, "still here");
    let bodies: Vec<Body> = items(&mut world, BERT, id).into_iter().map(|item| item.body).collect();
    assert_eq!(bodies, [Body::HistoryLost, Body::JoinedHere, Body::Text("still here".to_owned())]);
}

#[test]
fn a_low_stock_of_key_packages_is_topped_up_and_the_secrets_are_on_disk() {
    let mut world = world();
    let secrets =
        |world: &World| world.browsers[ANNA].disk.keys().filter(|place| place.table == Table::KeyPackage).count();
    let before = secrets(&world);
    world.server.accounts.use_up(PEOPLE[ANNA], limit::KEY_PACKAGE_STOCK - limit::KEY_PACKAGE_LOW + 1);
    world.network(ANNA, Network::Offline);
    world.network(ANNA, Network::Online);
    world.run_for(5_000);
    assert_eq!(world.server.accounts.use_up(PEOPLE[ANNA], 0), limit::KEY_PACKAGE_STOCK);
    assert_eq!(secrets(&world), before + limit::KEY_PACKAGE_STOCK - limit::KEY_PACKAGE_LOW + 1);
}

#[test]
fn a_new_person_offline_is_refused_and_a_known_one_is_not() {
    let mut world = world();
    let id = direct(&mut world);
    world.stop_server(600_000);
    let known = Command::StartDirect { name: PEOPLE[BERT].to_owned() };
    assert_eq!(ask(&mut world, ANNA, known), Ok(Reply::Conversation(id)));
    let stranger = Command::StartDirect { name: PEOPLE[2].to_owned() };
    assert_eq!(ask(&mut world, ANNA, stranger), Err(Failure::Refused(Code::Unreachable)));
}

#[test]
fn a_long_history_is_read_page_by_page() {
    let mut world = world();
    let id = direct(&mut world);
    for number in 0..120 {
        world.command(
            ANNA,
            Command::Send { conversation: id, message: Outgoing::text(format!("text {number}")), client_id: None },
        );
        world.run_for(400);
    }
    world.run_for(10_000);
    let expected: Vec<String> = (0..120).map(|number| format!("text {number}")).collect();
    assert_eq!(texts(&mut world, BERT, id), expected[70..]);
    world.command(BERT, Command::LoadOlder(ViewerKey(0), id));
    world.command(BERT, Command::LoadOlder(ViewerKey(0), id));
    world.run_for(1_000);
    let shown = world.browsers[BERT].screen.timeline.as_ref().expect("it is open");
    assert_eq!((shown.items.len(), shown.older), (100, sotto_core::view::Older::More));
    world.command(BERT, Command::LoadOlder(ViewerKey(0), id));
    world.run_for(1_000);
    let shown = world.browsers[BERT].screen.timeline.as_ref().expect("it is open");
    assert_eq!((shown.items.len(), shown.older), (120, sotto_core::view::Older::None));
}
