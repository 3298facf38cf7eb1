//! What changes a message that is there, in calm weather: every device shows the same, and of what is deleted nothing is
//! left.

use crate::behaviour::{ANNA, BERT, ask, direct, items, texts, world, write};
use crate::world::World;
use sotto_core::Command;
use sotto_core::content::{Mention, Origin};
use sotto_core::contract::{Failure, Network, Outgoing, Reply, ReplyTo, Table, ViewerKey};
use sotto_core::view::{Body, Item, LastWhat, MessageKey, QuoteStanding, Session};
use sotto_core::wire::{ConversationId, UserId};

fn key(world: &mut World, id: ConversationId, text: &str) -> MessageKey {
    let items = items(world, ANNA, id);
    items.iter().find(|item| item.body == Body::Text(text.to_owned())).expect("it was written").key
}

fn item(world: &mut World, browser: usize, key: MessageKey) -> Option<Item> {
    items(world, browser, key.conversation).into_iter().find(|item| item.key == key)
}

fn user(world: &World, browser: usize) -> UserId {
    match &world.browsers[browser].screen.session {
        Some(Session::SignedIn(me)) => me.user,
        other => panic!("nobody is signed in: {other:?}"),
    }
}

fn disks_hold(world: &World, words: &str) -> bool {
    let holds = |row: &[u8]| row.windows(words.len()).any(|part| part == words.as_bytes());
    world.browsers.iter().flat_map(|browser| browser.disk.values()).any(|row| holds(row))
}

fn edit(message: MessageKey, text: &str) -> Command {
    Command::Edit { message, text: text.to_owned(), mentions: Vec::new() }
}

fn reply(to: MessageKey, excerpt: &str, text: &str) -> Command {
    let reply = Some(ReplyTo { message: to, excerpt: excerpt.to_owned() });
    let message = Outgoing { reply, ..Outgoing::text(text) };
    Command::Send { conversation: to.conversation, message, client_id: None }
}

#[test]
fn an_edit_is_shown_by_both_and_by_the_list_and_the_words_before_are_gone() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "words before");
    let key = key(&mut world, id, "words before");
    items(&mut world, BERT, id);
    assert_eq!(ask(&mut world, ANNA, edit(key, "words after")), Ok(Reply::Done));
    for browser in [ANNA, BERT] {
        let shown = world.browsers[browser].screen.timeline.as_ref().expect("it is open").items[&key].clone();
        assert_eq!(Some(&shown), item(&mut world, browser, key).as_ref(), "what is on screen is what is on disk");
        assert_eq!(shown.body, Body::Text("words after".to_owned()));
        assert!(shown.edited_at.is_some());
        let last = world.browsers[browser].screen.conversations[&id].last.clone().expect("a text");
        assert_eq!((last.text.as_str(), last.what), ("words after", LastWhat::Text));
    }
    assert!(!disks_hold(&world, "words before"));
    assert!(disks_hold(&world, "words after"), "the search finds what is there");
}

#[test]
fn what_is_deleted_for_all_is_gone_from_items_lists_quotes_and_the_count() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "first");
    write(&mut world, ANNA, id, "secret words");
    let key = key(&mut world, id, "secret words");
    ask(&mut world, ANNA, reply(key, "secret words", "an answer")).expect("it is sent");
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 3);
    assert!(disks_hold(&world, "secret words"));
    assert_eq!(ask(&mut world, ANNA, Command::DeleteForAll(key)), Ok(Reply::Done));
    for browser in [ANNA, BERT] {
        assert_eq!(item(&mut world, browser, key).map(|item| item.body), Some(Body::Deleted));
        let quotes = items(&mut world, browser, id).into_iter().filter_map(|item| item.reply);
        let quotes: Vec<_> = quotes.map(|quote| (quote.message, quote.excerpt, quote.standing)).collect();
        assert_eq!(quotes, [(key, String::new(), QuoteStanding::Deleted)]);
    }
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 2);
    assert!(!disks_hold(&world, "secret words"));
}

#[test]
fn the_newest_text_is_deleted_in_the_list_too() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "secret words");
    let key = key(&mut world, id, "secret words");
    ask(&mut world, ANNA, Command::DeleteForAll(key)).expect("it is done");
    for browser in [ANNA, BERT] {
        let last = world.browsers[browser].screen.conversations[&id].last.clone().expect("it stays");
        assert_eq!((last.text.as_str(), last.what), ("", LastWhat::Deleted));
    }
    assert!(!disks_hold(&world, "secret words"));
}

#[test]
fn a_quote_that_claims_other_words_is_shown_with_the_right_ones() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "I never said that");
    let key = key(&mut world, id, "I never said that");
    ask(&mut world, BERT, reply(key, "I did it", "aha")).expect("it is sent");
    for browser in [ANNA, BERT] {
        let quotes: Vec<_> = items(&mut world, browser, id).into_iter().filter_map(|item| item.reply).collect();
        assert_eq!(quotes.len(), 1);
        assert_eq!((quotes[0].excerpt.as_str(), quotes[0].standing), ("I never said that", QuoteStanding::Here));
    }
    assert!(!disks_hold(&world, "I did it"));
}

#[test]
fn reactions_are_counted_once_a_person_and_shown_while_offline() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "what do you think");
    let key = key(&mut world, id, "what do you think");
    items(&mut world, BERT, id);
    world.network(BERT, Network::Offline);
    assert_eq!(ask(&mut world, BERT, Command::React(key, Some("👍".to_owned()))), Ok(Reply::Done));
    let shown = |world: &World| {
        let timeline = world.browsers[BERT].screen.timeline.as_ref().expect("it is open");
        let reactions = timeline.items[&key].reactions.iter();
        reactions.map(|it| (it.emoji.clone(), it.count, it.mine)).collect::<Vec<_>>()
    };
    assert_eq!(shown(&world), [("👍".to_owned(), 1, true)]);
    world.network(BERT, Network::Online);
    ask(&mut world, BERT, Command::React(key, Some("🎉".to_owned()))).expect("it is done");
    assert_eq!(shown(&world), [("🎉".to_owned(), 1, true)]);
    let anna = item(&mut world, ANNA, key).expect("it is there").reactions;
    assert_eq!(anna.iter().map(|it| (it.emoji.as_str(), it.count, it.mine)).collect::<Vec<_>>(), [("🎉", 1, false)]);
    ask(&mut world, BERT, Command::React(key, None)).expect("it is done");
    assert_eq!(item(&mut world, ANNA, key).expect("it is there").reactions, []);
}

#[test]
fn changes_survive_a_crash_at_once_after_their_answer() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "words before");
    let key = key(&mut world, id, "words before");
    world.network(ANNA, Network::Offline);
    ask(&mut world, ANNA, edit(key, "words after")).expect("it is on disk");
    world.crash(ANNA);
    world.run_for(30_000);
    for browser in [ANNA, BERT] {
        assert_eq!(texts(&mut world, browser, id), ["words after"]);
    }
    let rows = world.browsers.iter().flat_map(|browser| browser.disk.keys());
    let left = rows.filter(|place| matches!(place.table, Table::Change | Table::Outbox)).count();
    assert_eq!(left, 0, "nothing waits any more");
}

#[test]
fn what_is_deleted_for_me_is_gone_here_only() {
    let mut world = world();
    let id = direct(&mut world);
    write(&mut world, ANNA, id, "keep");
    write(&mut world, ANNA, id, "not for me");
    let key = key(&mut world, id, "not for me");
    assert_eq!(ask(&mut world, BERT, Command::DeleteForMe(key)), Ok(Reply::Done));
    assert_eq!(texts(&mut world, BERT, id), ["keep"]);
    assert_eq!(world.browsers[BERT].screen.conversations[&id].unread, 1);
    assert_eq!(texts(&mut world, ANNA, id), ["keep", "not for me"]);
}

#[test]
fn what_has_not_left_is_changed_and_deleted_before_it_does() {
    let mut world = world();
    let id = direct(&mut world);
    world.network(ANNA, Network::Offline);
    write(&mut world, ANNA, id, "first words");
    write(&mut world, ANNA, id, "never mind");
    let (first, second) = (key(&mut world, id, "first words"), key(&mut world, id, "never mind"));
    ask(&mut world, ANNA, edit(first, "second thoughts")).expect("it is done");
    ask(&mut world, ANNA, Command::DeleteForAll(second)).expect("it is done");
    world.network(ANNA, Network::Online);
    world.run_for(30_000);
    let shown = items(&mut world, BERT, id);
    assert_eq!(shown.len(), 1);
    assert_eq!((&shown[0].body, shown[0].edited_at), (&Body::Text("second thoughts".to_owned()), None));
    let log = world.server.messages(id);
    assert!(log.contains(&(first.sender, first.client_id)), "the log has what was sent");
    assert!(!log.contains(&(second.sender, second.client_id)), "what was deleted never left");
}

#[test]
fn a_mention_of_the_reader_counts_until_it_is_read_and_who_changes_what_is_not_theirs_is_refused() {
    let mut world = world();
    let id = direct(&mut world);
    let mentions = vec![Mention { user: user(&world, BERT), start: 0, end: 4 }];
    let message = Outgoing { mentions: mentions.clone(), origin: Origin::Forwarded, ..Outgoing::text("Bert: look") };
    ask(&mut world, ANNA, Command::Send { conversation: id, message, client_id: None }).expect("it is sent");
    let counts = |world: &World| {
        let row = &world.browsers[BERT].screen.conversations[&id];
        (row.unread, row.mentions)
    };
    assert_eq!(counts(&world), (1, 1));
    let shown = items(&mut world, BERT, id).pop().expect("it came");
    assert_eq!((shown.mentions, shown.forwarded), (mentions, true));
    world.command(BERT, Command::MarkRead(id));
    world.run_for(1_000);
    assert_eq!(counts(&world), (0, 0));
    assert_eq!(ask(&mut world, BERT, edit(shown.key, "changed")), Err(Failure::NotYours));
    assert_eq!(ask(&mut world, BERT, Command::DeleteForAll(shown.key)), Err(Failure::NotYours));
    assert_eq!(ask(&mut world, BERT, Command::React(shown.key, Some("ab".to_owned()))), Err(Failure::EmojiInvalid));
    world.command(BERT, Command::CloseConversation(ViewerKey(0)));
}
