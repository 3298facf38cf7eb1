//! What a server that lies cannot do: show somebody under another's name, lead a text astray, stop what is not its
//! matter, or use up numbers. And a disk that fails for a while.

use crate::behaviour::{ANNA, BERT, ask, direct, items, people, texts, world, write};
use crate::browser::Browser;
use crate::script::{BEGIN, PASSWORD, PEOPLE};
use crate::world::{Spoiled, World};
use sotto_core::Command;
use sotto_core::contract::{Failure, Network, Reply};
use sotto_core::view::{Body, ConversationKind, MessageState};
use sotto_core::wire::account::Name;
use sotto_core::wire::event::{Durable, Ephemeral, HistoryLost, LossCause, MessageReceived};
use sotto_core::wire::message::SendMessageRequest;
use sotto_core::wire::{Code, ConversationId, Cursor, UserId};
use zeroize::Zeroizing;

const CLEO: usize = 2;

/// Lies of the model server.
#[derive(Clone, Default)]
pub(crate) struct Lies {
    /// Every new conversation exists already, as this one.
    pub(crate) exists_as: Option<ConversationId>,
    /// What it says of the states of groups.
    pub(crate) states: States,
    /// Keeps every message and says that it came too late.
    pub(crate) keeps: Option<Vec<SendMessageRequest>>,
    /// Refuses every message for this reason.
    pub(crate) refuses: Option<Code>,
    /// Calls the first among the people of a conversation by the second name.
    pub(crate) calls: Option<(&'static str, &'static str)>,
}

impl Lies {
    /// By which name somebody of this name is called.
    pub(crate) fn name(&self, name: Name) -> Name {
        match self.calls {
            Some((of, to)) if of == name.as_str() => Name::new(to).expect("a name"),
            _ => name,
        }
    }
}

/// What the server says of the states of groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum States {
    /// The truth.
    #[default]
    Told,
    /// Nothing for now.
    Withheld,
    /// Those of another epoch than was asked for.
    OfAnotherEpoch,
    /// The one with which the group began, as the newest.
    Oldest,
}

fn start(world: &mut World, browser: usize, name: &str) -> Result<Reply, Failure> {
    ask(world, browser, Command::StartDirect { name: name.to_owned() })
}

fn started(world: &mut World, browser: usize, name: &str) -> ConversationId {
    match start(world, browser, name) {
        Ok(Reply::Conversation(id)) => id,
        other => panic!("no conversation but {other:?}"),
    }
}

/// The direct conversations on a screen: each with the name and the account of the other side.
fn names(world: &World, browser: usize) -> Vec<(ConversationId, String, UserId)> {
    let direct = |(id, it): (&ConversationId, &sotto_core::view::Conversation)| match &it.kind {
        ConversationKind::Direct(person) => Some((*id, person.name.as_str().to_owned(), person.user)),
        ConversationKind::Notes | ConversationKind::Group(_) => None,
    };
    world.browsers[browser].screen.conversations.iter().filter_map(direct).collect()
}

fn bodies(world: &mut World, browser: usize, id: ConversationId) -> Vec<Body> {
    items(world, browser, id).into_iter().map(|item| item.body).collect()
}

fn text(text: &str) -> Body {
    Body::Text(text.to_owned())
}

#[test]
fn nobody_comes_under_the_name_of_somebody_else() {
    for stolen in [BERT, ANNA] {
        let mut world = people(3);
        direct(&mut world);
        let before = names(&world, ANNA);
        world.server.lies.calls = Some((PEOPLE[CLEO], PEOPLE[stolen]));
        started(&mut world, CLEO, PEOPLE[ANNA]);
        world.run_for(30_000);
        assert_eq!(before.len(), 1);
        assert_eq!(names(&world, ANNA), before, "under the name of {}", PEOPLE[stolen]);
    }
}

#[test]
fn who_is_found_under_the_name_of_somebody_else_is_refused() {
    let mut world = people(3);
    started(&mut world, ANNA, PEOPLE[CLEO]);
    world.server.accounts.rename(PEOPLE[BERT], "nobody");
    world.server.accounts.rename(PEOPLE[CLEO], PEOPLE[BERT]);
    assert_eq!(start(&mut world, ANNA, PEOPLE[BERT]), Err(Failure::Untrusted));
    assert_eq!(world.server.groups().count(), 1);
}

#[test]
fn the_first_name_of_somebody_stays() {
    let mut world = world();
    let id = direct(&mut world);
    let before = names(&world, ANNA);
    world.server.lies.calls = Some((PEOPLE[BERT], PEOPLE[CLEO]));
    let frame = Ephemeral::HistoryLost(HistoryLost {
        from: Cursor::new("1").expect("a digit"),
        to: Cursor::new("2").expect("a digit"),
        cause: LossCause::Retention,
    });
    world.inject(ANNA, frame.to_frame(world.now).into());
    world.run_for(30_000);
    assert!(bodies(&mut world, ANNA, id).contains(&Body::JoinedHere), "people were told anew");
    assert_eq!(names(&world, ANNA), before);
}

fn lose_history(world: &mut World, browser: usize) {
    let (from, to) = (Cursor::new("1").expect("a digit"), Cursor::new("2").expect("a digit"));
    let lost = Ephemeral::HistoryLost(HistoryLost { from, to, cause: LossCause::Retention });
    world.inject(browser, lost.to_frame(world.now).into());
    world.run_for(30_000);
}

#[test]
fn a_text_whose_first_bytes_were_kept_is_shown_once_also_after_a_restart() {
    let mut world = world();
    let id = direct(&mut world);
    world.server.lies.keeps = Some(Vec::new());
    write(&mut world, ANNA, id, "hi");
    let kept = world.server.lies.keeps.take().and_then(|mut kept| kept.pop()).expect("it was sent");
    // Her group moves on, and the text goes out in other bytes.
    lose_history(&mut world, ANNA);
    assert_eq!(texts(&mut world, BERT, id), ["hi"]);
    comes_back(&mut world, 0);
    let sender = items(&mut world, ANNA, id)[0].key.sender;
    let SendMessageRequest { client_id, conversation, epoch, ciphertext } = kept;
    let (cursor, sent_at) = (Cursor::new("9999").expect("digits"), world.now);
    let again = MessageReceived { cursor, conversation, sender, client_id, epoch, ciphertext, sent_at };
    world.inject(BERT, Durable::MessageReceived(again).to_frame(world.now).into());
    world.run_for(5_000);
    assert_eq!(texts(&mut world, BERT, id), ["hi"]);
}

#[test]
fn a_text_that_is_kept_back_leaves_a_line_here_and_is_not_delivered_there() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "before");
    world.spoil_next(BERT, Spoiled::Kept);
    write(&mut world, ANNA, id, "kept back");
    write(&mut world, ANNA, id, "after");
    assert_eq!(bodies(&mut world, BERT, id), [text("before"), Body::Missing, text("after")]);
    let states: Vec<_> = items(&mut world, ANNA, id).into_iter().map(|item| item.state).collect();
    assert_eq!(states, [MessageState::Delivered, MessageState::Sent, MessageState::Delivered]);
}

#[test]
fn a_device_is_not_led_back_into_an_older_epoch_unseen() {
    let mut world = world();
    let id = direct(&mut world);
    // Her commit comes to him broken, so he has to join anew.
    world.spoil_next(BERT, Spoiled::Commit);
    world.network(BERT, Network::Offline);
    lose_history(&mut world, ANNA);
    world.server.lies.states = States::Oldest;
    let before = world.server.commits_asked;
    world.network(BERT, Network::Online);
    world.run_for(120_000);
    assert_eq!(world.server.commits_asked, before, "nobody commits to the epoch of the beginning");
    world.server.lies.states = States::Told;
    world.network(BERT, Network::Offline);
    world.network(BERT, Network::Online);
    world.run_for(60_000);
    write(&mut world, ANNA, id, "hi");
    assert_eq!(texts(&mut world, BERT, id).last().map(String::as_str), Some("hi"));
}

#[test]
fn a_conversation_that_exists_is_refused_when_it_is_another_one() {
    let mut world = people(3);
    let cleo = started(&mut world, ANNA, PEOPLE[CLEO]);
    world.server.lies.exists_as = Some(cleo);
    assert_eq!(start(&mut world, ANNA, PEOPLE[BERT]), Err(Failure::Untrusted));
    assert_eq!(ask(&mut world, ANNA, Command::StartNotes), Err(Failure::Untrusted));
}

#[test]
fn a_conversation_that_comes_later_is_refused_when_it_is_another_one() {
    let mut world = people(3);
    world.server.lies.states = States::Withheld;
    world.command(CLEO, Command::StartDirect { name: PEOPLE[ANNA].to_owned() });
    world.run_for(1_000);
    let [Ok(Reply::Conversation(cleo))] = world.browsers[CLEO].results[..] else { panic!("no conversation") };
    world.server.lies.exists_as = Some(cleo);
    world.command(ANNA, Command::StartDirect { name: PEOPLE[BERT].to_owned() });
    world.run_for(500);
    assert_eq!(world.browsers[ANNA].results, [], "it waits for the Welcome");
    world.server.lies.states = States::Told;
    world.run_for(10_000);
    assert_eq!(names(&world, ANNA).len(), 1, "the Welcome has come");
    assert_eq!(world.browsers[ANNA].results, [Err(Failure::Untrusted)]);
}

#[test]
fn a_welcome_without_its_tree_does_not_stop_the_other_conversations() {
    for lie in [States::Withheld, States::OfAnotherEpoch] {
        let mut world = people(3);
        let id = direct(&mut world);
        world.server.lies.states = lie;
        let cleo = started(&mut world, CLEO, PEOPLE[ANNA]);
        write(&mut world, BERT, id, "hi");
        world.run_for(240_000);
        assert_eq!(texts(&mut world, ANNA, id), ["hi"], "{lie:?}");
        world.server.lies.states = States::Told;
        world.run_for(60_000);
        write(&mut world, CLEO, cleo, "here too");
        assert_eq!(texts(&mut world, ANNA, cleo), ["here too"], "{lie:?}");
    }
}

#[test]
fn a_device_number_from_the_future_is_refused_and_uses_nothing_up() {
    let browsers = (0..3).map(|_| Browser::new(PEOPLE[ANNA])).collect();
    let mut world = World::new(1, BEGIN, people(1).server.clone(), browsers);
    world.run_for(1_000);
    let sign_in = || Command::SignIn { name: PEOPLE[ANNA].to_owned(), password: Zeroizing::new(PASSWORD.to_owned()) };
    for lie in [u64::MAX, 1 << 32, 0] {
        world.server.accounts.set_next_device_sequence(PEOPLE[ANNA], lie);
        assert_eq!(ask(&mut world, 0, sign_in()), Err(Failure::Refused(Code::NotSotto)), "{lie}");
    }
    // The highest number that is taken now leaves room for the next ones.
    let highest = (1 << 20) + world.now.0 / 1_000;
    world.server.accounts.set_next_device_sequence(PEOPLE[ANNA], highest);
    for browser in 0..3 {
        assert_eq!(ask(&mut world, browser, sign_in()), Ok(Reply::Done));
    }
}

/// Bert comes back with nothing of his groups in memory, and so many of his reads fail.
fn comes_back(world: &mut World, failing_reads: u32) {
    world.crash(BERT);
    world.boot(BERT);
    world.run_for(10);
    assert!(world.browsers[BERT].is_signed_in());
    world.browsers[BERT].failing_reads = failing_reads;
}

#[test]
fn a_group_that_cannot_be_read_at_once_is_read_again() {
    let mut world = world();
    let id = direct(&mut world);
    comes_back(&mut world, 2);
    write(&mut world, ANNA, id, "hi");
    assert_eq!(world.browsers[BERT].failing_reads, 0);
    assert_eq!(bodies(&mut world, BERT, id), [text("hi")]);
}

#[test]
fn a_group_that_cannot_be_read_is_joined_anew() {
    let mut world = world();
    let id = direct(&mut world);
    comes_back(&mut world, 3);
    write(&mut world, ANNA, id, "lost");
    world.run_for(30_000);
    write(&mut world, ANNA, id, "hi");
    assert_eq!(bodies(&mut world, BERT, id), [Body::JoinedHere, text("hi")]);
}

#[test]
fn a_page_that_cannot_be_read_is_read_again_and_in_the_end_empty() {
    for (failing_reads, shown) in [(2, &[text("hi")][..]), (3, &[])] {
        let mut world = world();
        let id = direct(&mut world);
        write(&mut world, ANNA, id, "hi");
        world.browsers[BERT].failing_reads = failing_reads;
        assert_eq!(bodies(&mut world, BERT, id), shown);
    }
}
