//! Who may change an item, and what is seen of it then.

use super::*;
use sotto_wire::DeviceId;

const HERE: ConversationId = ConversationId([1; 16]);
const ADA: UserId = UserId([2; 16]);
const BEN: UserId = UserId([3; 16]);
const SENT: Millis = Millis(1_000_000_000);

fn text() -> Logged {
    let sender = DeviceRef { user: ADA, device: DeviceId([4; 16]) };
    Logged::text(sender, ClientId([5; 16]), SENT, Text { text: "before".to_owned(), ..Text::default() })
}

fn step(by: UserId, after: Millis, what: What) -> Step {
    Step { conversation: HERE, of: text().message(), by, at: SENT.after(after), what }
}

fn edit() -> What {
    What::Edit { text: "after".to_owned(), mentions: Vec::new() }
}

fn react(emoji: &str) -> What {
    What::React(Some(emoji.to_owned()))
}

#[test]
fn only_the_author_edits_and_deletes() {
    for what in [edit(), What::Delete] {
        let mut logged = text();
        assert_eq!(logged.change(&step(BEN, Millis(1), what.clone())), Effect::None);
        assert_eq!(logged, text());
        assert_eq!(logged.change(&step(ADA, Millis(1), what)), Effect::Changed);
        assert_ne!(logged.body, text().body);
    }
}

#[test]
fn what_comes_after_its_deadline_changes_nothing() {
    for (what, deadline) in [(edit(), EDIT_WITHIN_MS), (What::Delete, DELETE_WITHIN_MS)] {
        let mut logged = text();
        assert_eq!(logged.change(&step(ADA, Millis(deadline.0 + 1), what.clone())), Effect::None);
        assert_eq!(logged, text());
        assert_eq!(logged.change(&step(ADA, deadline, what)), Effect::Changed);
    }
}

#[test]
fn a_person_has_one_reaction_and_takes_it_back() {
    let mut logged = text();
    logged.change(&step(BEN, Millis(1), react("👍")));
    logged.change(&step(ADA, Millis(2), react("👍")));
    logged.change(&step(BEN, Millis(3), react("🎉")));
    let count = |emoji: &str, mine, who| ReactionCount { emoji: emoji.to_owned(), count: 1, mine, who: vec![who] };
    assert_eq!(logged.reaction_counts(BEN), [count("👍", false, ADA), count("🎉", true, BEN)]);
    assert_eq!(logged.change(&step(BEN, Millis(4), react("🎉"))), Effect::None);
    logged.change(&step(BEN, Millis(5), What::React(None)));
    assert_eq!(logged.reaction_counts(BEN), [count("👍", false, ADA)]);
}

#[test]
fn names_of_those_who_reacted_are_bounded_and_all_are_counted() {
    let mut logged = text();
    for user in 0..20 {
        logged.change(&step(UserId([user; 16]), Millis(1), react("👍")));
    }
    let counts = logged.reaction_counts(UserId([19; 16]));
    assert_eq!(counts.iter().map(|it| (it.count, it.mine, it.who.len())).collect::<Vec<_>>(), [(20, true, WHO_MAX)]);
}

#[test]
fn nothing_but_its_place_is_left_of_what_is_deleted_and_nothing_changes_it_again() {
    let mut logged = text();
    logged.change(&step(BEN, Millis(1), react("👍")));
    logged.change(&step(ADA, Millis(2), What::Delete));
    assert_eq!(logged, text().bare(LoggedBody::Deleted));
    for what in [edit(), react("👍"), What::Delete] {
        assert_eq!(logged.change(&step(ADA, Millis(3), what)), Effect::None);
    }
}

#[test]
fn a_quote_says_what_the_message_itself_says() {
    let of = text().message();
    let claimed = crate::content::Quote { of, excerpt: "words in the mouth".to_owned() };
    let sender = DeviceRef { user: BEN, device: DeviceId([6; 16]) };
    let answer = Text { text: "no".to_owned(), reply: Some(claimed), ..Text::default() };
    let mut answer = Logged::text(sender, ClientId([7; 16]), SENT, answer);
    let excerpt = |answer: &Logged| answer.reply.clone().map(|quote| (quote.excerpt, quote.standing));
    answer.quote(of, None);
    assert_eq!(excerpt(&answer), Some(("words in the mouth".to_owned(), Standing::Elsewhere)));
    answer.quote(of, Some(&text().body));
    assert_eq!(excerpt(&answer), Some(("before".to_owned(), Standing::Here)));
    answer.quote(of, Some(&LoggedBody::Deleted));
    assert_eq!(excerpt(&answer), Some((String::new(), Standing::Deleted)));
}

#[test]
fn rows_of_an_earlier_version_are_read() {
    let row = br#"{"sender":{"user":"AgICAgICAgICAgICAgICAg","device":"BAQEBAQEBAQEBAQEBAQEBA"},"client_id":"BQUFBQUFBQUFBQUFBQUFBQ","at":1000000000,"body":{"text":"before"}}"#;
    assert_eq!(serde_json::from_slice::<Logged>(row).ok(), Some(text()));
}
