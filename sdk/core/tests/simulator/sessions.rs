//! Signing in, out and anew, other devices in one's place, and what is refused: step by step, in calm weather.

use crate::behaviour::{ANNA, BERT, alone, ask, direct, items, outputs, texts, world, write};
use crate::browser::{Browser, Past};
use crate::script::{BEGIN, PASSWORD, PEOPLE};
use crate::world::Spoiled;
use bytes::Bytes;
use sotto_core::contract::{CommandKey, Failure, Input, Outgoing, Reply, ViewerKey, Wanted};
use sotto_core::view::{Body, Change, Connection, Session, SignedOutCause};
use sotto_core::wire::event::{Ephemeral, SessionEndCause, SessionOver};
use sotto_core::wire::{Code, ConversationId, limit};
use sotto_core::{Client, Command, Output};
use zeroize::Zeroizing;

fn sign_in(browser: usize) -> Command {
    Command::SignIn { name: PEOPLE[browser].to_owned(), password: password() }
}

fn password() -> Zeroizing<String> {
    Zeroizing::new(PASSWORD.to_owned())
}

#[test]
fn signing_out_erases_the_store_also_offline() {
    let mut world = world();
    direct(&mut world);
    world.stop_server(600_000);
    assert_eq!(ask(&mut world, ANNA, Command::SignOut), Ok(Reply::Done));
    assert_eq!(world.browsers[ANNA].screen.session, Some(Session::SignedOut(None)));
    assert!(world.browsers[ANNA].disk.is_empty());
    assert_eq!(world.browsers[ANNA].screen.connection, Some(Connection::None));
}

#[test]
fn a_replaced_device_keeps_its_store_and_goes_on_when_it_signs_in_again() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, BERT, id, "first");
    world.browsers.push(Browser::new(PEOPLE[ANNA]));
    let second = world.browsers.len() - 1;
    world.boot(second);
    world.run_for(1_000);
    assert_eq!(ask(&mut world, second, sign_in(ANNA)), Ok(Reply::Done));
    let replaced = SignedOutCause::SessionEnded(SessionEndCause::DeviceReplaced);
    assert_eq!(world.browsers[ANNA].screen.session, Some(Session::SignedOut(Some(replaced))));
    write(&mut world, BERT, id, "second");
    assert_eq!(texts(&mut world, second, id), ["second"]);
    assert_eq!(ask(&mut world, ANNA, sign_in(ANNA)), Ok(Reply::Done));
    write(&mut world, BERT, id, "third");
    assert_eq!(texts(&mut world, ANNA, id), ["first", "third"]);
    assert!(!world.browsers[second].is_signed_in());
}

#[test]
fn of_two_devices_that_sign_in_at_once_one_becomes_the_account_s_and_is_understood() {
    let mut world = world();
    let id = direct(&mut world);
    let both = [world.browsers.len(), world.browsers.len() + 1];
    for browser in both {
        world.browsers.push(Browser::new(PEOPLE[ANNA]));
        world.boot(browser);
    }
    world.run_for(1_000);
    for browser in both {
        world.command(browser, sign_in(ANNA)).expect("it runs");
    }
    world.run_for(30_000);
    let results = both.map(|browser| world.browsers[browser].results.last().cloned().expect("it was answered"));
    let overtaken = Err(Failure::Refused(Code::DeviceOvertaken));
    let one = results.iter().position(|result| *result == Ok(Reply::Done)).expect("one signs in");
    assert_eq!(results[1 - one], overtaken, "and the other is told");
    write(&mut world, both[one], id, "it is me");
    assert_eq!(texts(&mut world, BERT, id), ["it is me"]);
    assert_eq!(ask(&mut world, both[1 - one], sign_in(ANNA)), Ok(Reply::Done));
    write(&mut world, both[1 - one], id, "and now I");
    assert_eq!(texts(&mut world, BERT, id), ["it is me", "and now I"]);
}

#[test]
fn a_session_that_the_server_ends_is_ended_after_a_restart_too() {
    let mut world = world();
    direct(&mut world);
    let (mut client, key) = alone(&mut world, ANNA);
    let over = Ephemeral::SessionEnded(SessionOver { cause: SessionEndCause::TokenReused });
    client.handle(Input::Frame { key, bytes: over.to_frame(world.now).into() }, world.now);
    let ended = Session::SignedOut(Some(SignedOutCause::SessionEnded(SessionEndCause::TokenReused)));
    for output in outputs(&mut client) {
        if let Output::Persist(batch) = output {
            world.browsers[ANNA].write(&batch);
        }
    }
    world.boot(ANNA);
    world.run_for(1_000);
    assert_eq!(world.browsers[ANNA].screen.session, Some(ended));
    assert_eq!(ask(&mut world, ANNA, sign_in(ANNA)), Ok(Reply::Done));
    assert_eq!(world.browsers[ANNA].screen.conversations.len(), 1);
}

#[test]
fn a_wrong_password_changes_nothing() {
    let mut world = world();
    world.browsers[ANNA].past = Past::Broken;
    assert_eq!(ask(&mut world, ANNA, Command::SignOut), Ok(Reply::Done));
    let name = PEOPLE[ANNA].to_owned();
    let wrong = Command::SignIn { name, password: Zeroizing::new("wrong password".to_owned()) };
    assert_eq!(ask(&mut world, ANNA, wrong), Err(Failure::Refused(Code::SignInRefused)));
    assert_eq!(world.browsers[ANNA].screen.session, Some(Session::SignedOut(None)));
    assert!(world.browsers[ANNA].disk.is_empty());
}

#[test]
fn a_store_that_cannot_be_read_is_said_and_can_be_erased() {
    let mut client = Client::new(sotto_core::contract::Start { seed: [3; 32] });
    let first = outputs(&mut client);
    let load = first.iter().find_map(|it| match it {
        Output::Load { key, wanted: Wanted::Tables(_) } => Some(*key),
        _ => None,
    });
    client.handle(Input::LoadFailed(load.expect("it reads its store")), BEGIN);
    let unreadable = Session::SignedOut(Some(SignedOutCause::StoreUnreadable));
    let told = outputs(&mut client);
    assert!(told.iter().any(|it| matches!(it, Output::Changed(Change::Session(session)) if *session == unreadable)));
    client.handle(Input::Command { key: CommandKey(1), command: Command::SignOut }, BEGIN);
    let erased = outputs(&mut client);
    let erases =
        |it: &Output| matches!(it, Output::Persist(batch) if batch.erase == sotto_core::contract::Erase::Everything);
    assert!(erased.iter().any(erases), "{erased:?}");
}

#[test]
fn a_commit_that_cannot_be_followed_leads_to_joining_anew() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "before");
    world.spoil_next(BERT, Spoiled::Commit);
    // Anna has lost her store and comes back as another device.
    world.browsers[ANNA].past = Past::Broken;
    assert_eq!(ask(&mut world, ANNA, Command::SignOut), Ok(Reply::Done));
    assert_eq!(ask(&mut world, ANNA, sign_in(ANNA)), Ok(Reply::Done));
    world.run_for(30_000);
    write(&mut world, ANNA, id, "after");
    write(&mut world, BERT, id, "heard");
    let bert: Vec<Body> = items(&mut world, BERT, id).into_iter().map(|item| item.body).collect();
    let text = |text: &str| Body::Text(text.to_owned());
    assert_eq!(bert, [text("before"), Body::JoinedHere, text("after"), text("heard")]);
    assert_eq!(texts(&mut world, ANNA, id), ["after", "heard"]);
}

#[test]
fn commands_that_make_no_sense_are_refused_and_change_nothing() {
    let mut world = world();
    let id = direct(&mut world);
    let unknown = ConversationId([9; 16]);
    let before = world.browsers[ANNA].disk.clone();
    let long = |bytes: usize| "x".repeat(bytes);
    let refused = [
        (Command::Send { conversation: id, message: Outgoing::text(" \n "), client_id: None }, Failure::TextEmpty),
        (
            Command::Send {
                conversation: id,
                message: Outgoing::text(long(limit::TEXT_MAX_BYTES + 1)),
                client_id: None,
            },
            Failure::TextTooLong,
        ),
        (Command::Send { conversation: unknown, message: Outgoing::text("hi"), client_id: None }, Failure::NotFound),
        (Command::OpenConversation(ViewerKey(0), unknown), Failure::NotFound),
        (Command::MarkRead(unknown), Failure::NotFound),
        (Command::StartDirect { name: "a!".to_owned() }, Failure::NameInvalid),
        (Command::StartDirect { name: PEOPLE[ANNA].to_owned() }, Failure::Yourself),
        (Command::StartDirect { name: "nobody".to_owned() }, Failure::Refused(Code::NotFound)),
        (Command::SetDisplayName(long(limit::DISPLAY_NAME_MAX_BYTES + 1)), Failure::DisplayNameTooLong),
        (sign_in(ANNA), Failure::WrongState),
    ];
    for (command, failure) in refused {
        let text = format!("{command:?}");
        assert_eq!(ask(&mut world, ANNA, command), Err(failure), "{text}");
    }
    let rows = |disk: &std::collections::BTreeMap<_, Bytes>| disk.keys().cloned().collect::<Vec<_>>();
    assert_eq!(rows(&world.browsers[ANNA].disk), rows(&before));
}
