//! Behaviour of the outbox.

use super::*;
use sotto_suite::Provider;
use sotto_wire::Cursor;

const NOW: Millis = Millis(1_000_000);
const HERE: ConversationId = ConversationId([1; 16]);
const THERE: ConversationId = ConversationId([2; 16]);

fn random() -> Random {
    Random::new(Provider::new([9; 32]))
}

fn add(outbox: &mut Outbox, conversation: ConversationId) -> u64 {
    let sequence = outbox.next_sequence();
    let client_id = ClientId([u8::try_from(sequence).expect("few items"); 16]);
    let content = Content::Text(Text { sequence, after: 0, text: format!("text {sequence}"), ..Text::default() });
    outbox.add(Item { conversation, client_id, content, at: NOW, stage: Stage::Waiting })
}

/// Everything may be sent, by groups in their first epoch.
fn free(_: ConversationId) -> May {
    May::Send { epoch: Some(1) }
}

fn ciphertext(byte: u8) -> Base64 {
    vec![byte; 4].into()
}

/// Seals and sends what may be sent; gives the numbers back in that order.
fn dispatch(outbox: &mut Outbox, epoch: u64) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(next) = outbox.next(NOW, |_| May::Send { epoch: Some(epoch) }) {
        let sequence = match next {
            Next::Seal(sequence) => {
                outbox.sealed(sequence, epoch, ciphertext(u8::try_from(epoch).expect("a small epoch")));
                sequence
            }
            Next::Send(sequence) => sequence,
        };
        outbox.asked(sequence);
        sent.push(sequence);
    }
    sent
}

fn taken() -> Result<MessageSent, Problem> {
    Ok(MessageSent { cursor: Cursor::new("7").expect("a digit"), sent_at: Millis(5) })
}

fn answer(outbox: &mut Outbox, at: (ConversationId, u64), answer: Result<MessageSent, Problem>) -> Outcome {
    outbox.answered(at, answer, Some(1), (NOW, &random()))
}

fn stage(outbox: &Outbox, sequence: u64) -> Stage {
    outbox.item(sequence).expect("an item").stage.clone()
}

#[test]
fn one_after_the_other_in_a_conversation_and_conversations_side_by_side() {
    let mut outbox = Outbox::default();
    let (first, second, other) = (add(&mut outbox, HERE), add(&mut outbox, HERE), add(&mut outbox, THERE));
    assert_eq!(dispatch(&mut outbox, 1), [first, other]);
    assert_eq!(answer(&mut outbox, (HERE, first), taken()), Outcome::Shown);
    assert_eq!(dispatch(&mut outbox, 1), [second]);
}

#[test]
fn at_most_eight_conversations_are_sent_to_at_once() {
    let mut outbox = Outbox::default();
    for byte in 10..20 {
        add(&mut outbox, ConversationId([byte; 16]));
    }
    assert_eq!(dispatch(&mut outbox, 1).len(), UNDER_WAY_MAX);
}

#[test]
fn no_answer_sends_the_same_bytes_again_after_a_while() {
    let mut outbox = Outbox::default();
    let first = add(&mut outbox, HERE);
    dispatch(&mut outbox, 1);
    let sealed = stage(&outbox, first);
    assert_eq!(answer(&mut outbox, (HERE, first), Err(Problem::new(Code::Unreachable))), Outcome::Unchanged);
    assert_eq!(stage(&outbox, first), sealed);
    let due = outbox.deadline(NOW).expect("it pauses");
    assert!(due > NOW && due.since(NOW).0 <= 1_000);
    assert_eq!(outbox.next(NOW, free), None);
    assert_eq!(outbox.next(due, free), Some(Next::Send(first)));
}

#[test]
fn a_new_connection_ends_the_pause() {
    let mut outbox = Outbox::default();
    let first = add(&mut outbox, HERE);
    dispatch(&mut outbox, 1);
    answer(&mut outbox, (HERE, first), Err(Problem::new(Code::RateLimited).after(Millis(60_000))));
    assert_eq!(outbox.deadline(NOW), Some(Millis(NOW.0 + 60_000)));
    outbox.wake();
    assert_eq!(outbox.next(NOW, free), Some(Next::Send(first)));
}

#[test]
fn a_stale_epoch_is_sealed_anew_once_the_group_has_moved() {
    let mut outbox = Outbox::default();
    let first = add(&mut outbox, HERE);
    let client_id = outbox.item(first).expect("an item").client_id;
    dispatch(&mut outbox, 1);
    assert_eq!(answer(&mut outbox, (HERE, first), Err(Problem::new(Code::StaleEpoch))), Outcome::Changed);
    assert_eq!(stage(&outbox, first), Stage::Waiting);
    assert_eq!(outbox.next(NOW, |_| May::Send { epoch: Some(1) }), None);
    assert_eq!(outbox.next(NOW, |_| May::Not), None);
    assert_eq!(outbox.next(NOW, |_| May::Send { epoch: Some(2) }), Some(Next::Seal(first)));
    assert_eq!(dispatch(&mut outbox, 2), [first]);
    assert_eq!(stage(&outbox, first), Stage::Sealed { epoch: 2, ciphertext: ciphertext(2) });
    assert_eq!(outbox.item(first).expect("an item").client_id, client_id);
}

#[test]
fn a_stale_epoch_that_the_group_has_left_already_is_sealed_anew_at_once() {
    let mut outbox = Outbox::default();
    let first = add(&mut outbox, HERE);
    dispatch(&mut outbox, 1);
    let stale = Err(Problem::new(Code::StaleEpoch));
    outbox.answered((HERE, first), stale, Some(4), (NOW, &random()));
    assert_eq!(outbox.next(NOW, free), Some(Next::Seal(first)));
}

#[test]
fn a_refusal_for_good_lets_the_next_one_go() {
    let mut outbox = Outbox::default();
    let (first, second) = (add(&mut outbox, HERE), add(&mut outbox, HERE));
    dispatch(&mut outbox, 1);
    answer(&mut outbox, (HERE, first), Err(Problem::new(Code::NotAMember)));
    assert_eq!(stage(&outbox, first), Stage::Failed { code: Code::NotAMember });
    assert_eq!(dispatch(&mut outbox, 1), [second]);
}

#[test]
fn an_event_before_its_answer_settles_it_and_the_answer_changes_nothing() {
    let mut outbox = Outbox::default();
    let (first, second) = (add(&mut outbox, HERE), add(&mut outbox, HERE));
    dispatch(&mut outbox, 1);
    outbox.remove(first);
    assert_eq!(dispatch(&mut outbox, 1), [second]);
    assert_eq!(answer(&mut outbox, (HERE, first), Err(Problem::new(Code::Unreachable))), Outcome::Unchanged);
    assert_eq!(answer(&mut outbox, (HERE, second), taken()), Outcome::Shown);
}

#[test]
fn what_was_sealed_before_a_restart_is_sent_with_the_same_bytes() {
    let mut outbox = Outbox::default();
    let (first, second) = (add(&mut outbox, HERE), add(&mut outbox, HERE));
    dispatch(&mut outbox, 3);
    let records: Vec<_> = [first, second].into_iter().filter_map(|sequence| outbox.record(sequence)).collect();
    let mut after = Outbox::default();
    after.load(&records, 1);
    assert_eq!(after.next_sequence(), second + 1);
    assert_eq!(stage(&after, first), Stage::Sealed { epoch: 3, ciphertext: ciphertext(3) });
    assert_eq!(after.next(NOW, free), Some(Next::Send(first)));
    assert_eq!(stage(&after, second), Stage::Waiting);
}

#[test]
fn a_number_is_never_given_twice_even_when_the_outbox_was_empty() {
    let mut after = Outbox::default();
    after.load(&[], 42);
    assert_eq!(add(&mut after, HERE), 42);
}

#[test]
fn another_device_does_not_send_what_this_one_may_have_sent() {
    let mut outbox = Outbox::default();
    let (first, second, third) = (add(&mut outbox, HERE), add(&mut outbox, HERE), add(&mut outbox, HERE));
    dispatch(&mut outbox, 1);
    answer(&mut outbox, (HERE, first), taken());
    dispatch(&mut outbox, 1);
    assert_eq!(outbox.disown(Code::SessionEnded), [first, second], "both are to be written");
    assert_eq!(stage(&outbox, first), Stage::Taken { sent_at: Millis(5) });
    assert_eq!(stage(&outbox, second), Stage::Failed { code: Code::SessionEnded });
    assert_eq!(stage(&outbox, third), Stage::Waiting);
}
