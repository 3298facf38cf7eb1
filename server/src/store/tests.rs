//! The contract of the store, on a real database.

use crate::delivery::testing::{Bench, NOW, bytes, commit, direct, message, state};
use crate::store::append::{Append, Appended, append};
use crate::store::conversation::{self, Creation, NewConversation};
use crate::store::group::{self, Commitment, Committer};
use crate::store::log::{self, LogNumber, PageSize, RowKind};
use crate::store::{Store, account};
use sotto_wire::conversation::{Kind, Welcome};
use sotto_wire::{Base64, ClientId, ConversationId, DeviceId, DeviceRef, Millis, UserId};

const PAGE: PageSize = PageSize { rows_max: 1_000, body_max_bytes: 1 << 30 };

async fn append_all(bench: &Bench, batch: &[Append]) -> Vec<Appended> {
    let mut tx = bench.write().await;
    let (outcomes, _) = append(&mut tx, batch.to_vec(), bench.clock.now()).await.expect("append");
    tx.commit().await.expect("commit");
    outcomes
}

fn stored(outcome: Appended) -> (LogNumber, Millis) {
    match outcome {
        Appended::Stored { n, sent_at } => (n, sent_at),
        refused => panic!("not stored: {refused:?}"),
    }
}

async fn texts(bench: &Bench, conversation: ConversationId) -> Vec<String> {
    let window = (LogNumber(0), LogNumber::END);
    let rows = log::read_conversation(bench.store.read(), conversation, window, PAGE).await.expect("rows");
    let messages = rows.into_iter().filter(|row| row.kind == RowKind::Message).rev();
    messages.map(|row| String::from_utf8(row.body).expect("a text")).collect()
}

#[tokio::test]
async fn resend_gets_the_first_answer_and_keeps_one_message() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let first = append_all(&bench, &[message(room, one, 1)]).await;
    bench.clock.advance(Millis(5_000));
    // Alone, within a batch, and twice in one batch.
    let again = append_all(&bench, &[message(room, one, 1)]).await;
    let mixed = append_all(
        &bench,
        &[message(room, one, 2), message(room, one, 1), message(room, one, 3), message(room, one, 3)],
    )
    .await;
    assert_eq!(again, first);
    assert_eq!(mixed[1], first[0]);
    assert_eq!(mixed[2], mixed[3]);
    assert_eq!(texts(&bench, room).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn one_id_of_two_devices_or_in_two_conversations_is_two_messages() {
    let bench = Bench::new().await;
    let (one, other, third) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
    let room = bench.direct(8, (one, other)).await;
    let second = bench.direct(9, (one, third)).await;
    let outcomes = append_all(&bench, &[message(room, one, 1), message(room, other, 1), message(second, one, 1)]).await;
    let mut numbers: Vec<_> = outcomes.into_iter().map(|outcome| stored(outcome).0).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

#[tokio::test]
async fn resend_after_the_epoch_moved_on_still_gets_the_first_answer() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let first = append_all(&bench, &[message(room, one, 1)]).await;
    for epoch in 2..=6 {
        let new = commit((room, one), (epoch, epoch as u64), &[one, other]);
        assert!(matches!(bench.commit(&new).await, Commitment::Stored { .. }));
    }
    assert_eq!(append_all(&bench, &[message(room, one, 1)]).await, first);
}

#[tokio::test]
async fn messages_are_taken_for_the_current_epoch_and_two_before_it() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let mut newest_commit = LogNumber(0);
    for epoch in 2..=5 {
        match bench.commit(&commit((room, one), (epoch, epoch as u64), &[one, other])).await {
            Commitment::Stored { n, .. } => newest_commit = n,
            refused => panic!("not stored: {refused:?}"),
        }
    }
    let of_epoch = |epoch: u64| Append { epoch, ..message(room, one, 100 + epoch as usize) };
    let batch: Vec<Append> = (1..=7).map(of_epoch).collect();
    let outcomes = append_all(&bench, &batch).await;
    let is_stored: Vec<bool> = outcomes.iter().map(|outcome| matches!(outcome, Appended::Stored { .. })).collect();
    assert_eq!(is_stored, [false, false, true, true, true, false, false]);
    assert_eq!(outcomes[0], Appended::StaleEpoch { newest_commit });
    assert_eq!(outcomes[6], Appended::StaleEpoch { newest_commit });
}

#[tokio::test]
async fn who_is_not_a_member_appends_nothing() {
    let bench = Bench::new().await;
    let (one, other, stranger) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
    let room = bench.direct(9, (one, other)).await;
    let outcomes = append_all(&bench, &[message(room, stranger, 1), message(ConversationId(bytes(77)), one, 2)]).await;
    assert_eq!(outcomes, [Appended::NotAMember, Appended::NotAMember]);
    assert!(texts(&bench, room).await.is_empty());
}

#[tokio::test]
async fn an_id_of_another_kind_of_command_is_taken() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    append_all(&bench, &[message(room, one, 5)]).await;
    assert_eq!(bench.commit(&commit((room, one), (5, 2), &[one, other])).await, Commitment::IdTaken);
    // The creation of the room was command 9 of device one.
    assert_eq!(append_all(&bench, &[message(room, one, 9)]).await, [Appended::IdTaken]);
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_numbers_rise_without_gap() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let batch: Vec<Append> = (100..356).map(|number| message(room, one, number)).collect();
    let numbers: Vec<i64> = append_all(&bench, &batch).await.into_iter().map(|outcome| stored(outcome).0.0).collect();
    let expected: Vec<i64> = (numbers[0]..numbers[0] + 256).collect();
    assert_eq!(numbers, expected);
    let expected: Vec<String> = (100..356).map(|number: usize| number.to_string()).collect();
    assert_eq!(texts(&bench, room).await, expected);
    assert_eq!(log::bounds(bench.store.read()).await.expect("bounds").head, LogNumber(numbers[255]));
}

#[tokio::test]
async fn of_two_commits_at_once_one_wins_and_the_other_learns_where() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let (by_one, by_other) =
        (commit((room, one), (21, 2), &[one, other]), commit((room, other), (22, 2), &[one, other]));
    let (first, second) = tokio::join!(bench.commit(&by_one), bench.commit(&by_other));
    let (winner, loser) = if matches!(first, Commitment::Stored { .. }) { (first, second) } else { (second, first) };
    let Commitment::Stored { n, .. } = winner else { panic!("nobody won: {winner:?}") };
    assert_eq!(loser, Commitment::StaleEpoch { newest_commit: n });
    // The winner's answer may be lost: sent again, it is the same.
    let again = if first == winner { &by_one } else { &by_other };
    assert_eq!(bench.commit(again).await, winner);
    let mut connection = bench.store.read().acquire().await.expect("a connection");
    let (state, at) = group::load_state(&mut connection, room, None).await.expect("a state").expect("one state");
    assert_eq!((state.epoch, at), (2, n));
}

#[tokio::test]
async fn a_commit_by_a_stranger_or_with_other_people_changes_nothing() {
    let bench = Bench::new().await;
    let (one, other, stranger) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
    let room = bench.direct(9, (one, other)).await;
    let head = log::bounds(bench.store.read()).await.expect("bounds").head;
    let by_stranger = commit((room, stranger), (31, 2), &[one, other, stranger]);
    let external = group::NewCommit { committer: Committer::External, ..by_stranger.clone() };
    assert_eq!(bench.commit(&by_stranger).await, Commitment::NotAMember);
    assert_eq!(bench.commit(&external).await, Commitment::NotAMember);
    let with_stranger = commit((room, one), (32, 2), &[one, other, stranger]);
    assert_eq!(bench.commit(&with_stranger).await, Commitment::WrongMembers);
    assert_eq!(bench.commit(&commit((room, one), (33, 2), &[one])).await, Commitment::WrongMembers);
    assert_eq!(bench.commit(&commit((room, one), (34, 2), &[one, one, other])).await, Commitment::WrongMembers);
    let elsewhere = commit((ConversationId(bytes(99)), one), (35, 2), &[one, other]);
    assert_eq!(bench.commit(&elsewhere).await, Commitment::NoSuchConversation);
    assert_eq!(log::bounds(bench.store.read()).await.expect("bounds").head, head);
}

#[tokio::test]
async fn a_new_device_takes_its_place_by_an_external_commit() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let new = bench.replace(other, 12).await;
    let by_member = commit((room, new), (42, 2), &[one, new]);
    assert_eq!(bench.commit(&by_member).await, Commitment::NotAMember);
    let external = group::NewCommit { committer: Committer::External, ..by_member };
    let Commitment::Stored { n, .. } = bench.commit(&external).await else { panic!("not stored") };
    let mut connection = bench.store.read().acquire().await.expect("a connection");
    let devices = [new.device, other.device, DeviceId(bytes(99))];
    let found = crate::store::member::memberships(&mut connection, &devices, LogNumber(0)).await.expect("read");
    let of = |device| found[&device].iter().map(|at| (at.first, at.last)).collect::<Vec<_>>();
    assert_eq!((found.len(), of(new.device)), (2, vec![(n, LogNumber::END)]));
    assert_eq!(of(other.device).iter().map(|(_, last)| *last).collect::<Vec<_>>(), [n]);
    assert_eq!(append_all(&bench, &[message(room, other, 43)]).await, [Appended::NotAMember]);
    let back = commit((room, one), (44, 3), &[one, other]);
    assert_eq!(bench.commit(&back).await, Commitment::StaleDevices);
}

#[tokio::test]
async fn two_accounts_whose_devices_are_replaced_at_the_same_time_both_come_back() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let (new_one, new_other) = (bench.replace(one, 11).await, bench.replace(other, 12).await);
    let external = |new| group::NewCommit { committer: Committer::External, ..new };
    let first = external(commit((room, new_one), (45, 2), &[new_one, other]));
    assert!(matches!(bench.commit(&first).await, Commitment::Stored { .. }));
    let second = external(commit((room, new_other), (46, 3), &[new_one, new_other]));
    assert!(matches!(bench.commit(&second).await, Commitment::Stored { .. }));
}

#[tokio::test]
async fn who_is_added_needs_a_welcome_and_nobody_else_gets_one() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let new = bench.replace(other, 12).await;
    let plain = commit((room, one), (51, 2), &[one, new]);
    assert_eq!(bench.commit(&plain).await, Commitment::WrongWelcome);
    let to = |to: &[DeviceRef]| Some(Welcome { to: to.to_vec(), welcome: Base64(vec![1]) });
    let for_outsider = group::NewCommit { welcome: to(&[new, other]), ..plain.clone() };
    assert_eq!(bench.commit(&for_outsider).await, Commitment::WrongWelcome);
    let right = group::NewCommit { welcome: to(&[new]), ..plain };
    assert!(matches!(bench.commit(&right).await, Commitment::Stored { .. }));
}

#[tokio::test]
async fn creates_at_once_from_both_sides_give_one_conversation() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let (mine, theirs) = (direct(61, (one, other)), direct(62, (other, one)));
    let (first, second) = tokio::join!(bench.create(&mine), bench.create(&theirs));
    let (won, winner, loser) =
        if matches!(first, Creation::Created { .. }) { (&mine, first, second) } else { (&theirs, second, first) };
    assert!(matches!(winner, Creation::Created { .. }));
    assert_eq!(loser, Creation::Exists(won.conversation));
    assert_eq!(bench.create(won).await, winner, "sent again, it gets the first answer");
    for user in [one.user, other.user] {
        let page = conversation::page(bench.store.read(), (user, None), cursor).await.expect("a page");
        assert_eq!(page.0.iter().map(|summary| summary.conversation).collect::<Vec<_>>(), [won.conversation]);
    }
}

fn cursor(n: LogNumber) -> sotto_wire::Cursor {
    sotto_wire::Cursor::new(n.0.to_string()).expect("a cursor")
}

#[tokio::test]
async fn creation_is_refused_for_what_is_not_so() {
    let bench = Bench::new().await;
    let (one, other, third) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
    let room = direct(9, (one, other));
    let nobody = DeviceRef { user: UserId(bytes(99)), ..third };
    assert_eq!(bench.create(&direct(9, (one, nobody))).await, Creation::NoSuchUser);
    let stale = NewConversation { state: state(1, &[one]), ..room.clone() };
    assert_eq!(bench.create(&stale).await, Creation::StaleDevices);
    let stale = NewConversation { state: state(1, &[one, other, third]), ..room.clone() };
    assert_eq!(bench.create(&stale).await, Creation::StaleDevices);
    assert_eq!(bench.create(&NewConversation { welcome: None, ..room.clone() }).await, Creation::WrongWelcome);
    assert!(matches!(bench.create(&room).await, Creation::Created { .. }));
    let same_id = NewConversation { client_id: ClientId(bytes(10)), ..direct(9, (one, third)) };
    assert_eq!(bench.create(&same_id).await, Creation::IdTaken);
}

#[tokio::test]
async fn notes_exist_once_and_have_no_peer() {
    let bench = Bench::new().await;
    let one = bench.person(1).await;
    let notes = |number| NewConversation {
        kind: Kind::Notes,
        state: state(0, &[one]),
        welcome: None,
        ..direct(number, (one, one))
    };
    assert!(matches!(bench.create(&notes(71)).await, Creation::Created { .. }));
    assert_eq!(bench.create(&notes(72)).await, Creation::Exists(ConversationId(bytes(71))));
    let (summaries, more) = conversation::page(bench.store.read(), (one.user, None), cursor).await.expect("a page");
    assert_eq!((summaries.len(), summaries[0].kind, more), (1, Kind::Notes, false));
}

#[tokio::test]
async fn conversations_come_in_pages() {
    let bench = Bench::new().await;
    let one = bench.person(1).await;
    for number in 2..=106 {
        let other = bench.person(number).await;
        bench.direct(1_000 + number, (one, other)).await;
    }
    let (first, more) = conversation::page(bench.store.read(), (one.user, None), cursor).await.expect("a page");
    assert_eq!((first.len(), more), (100, true));
    let after = first.last().map(|summary| summary.conversation);
    let (rest, more) = conversation::page(bench.store.read(), (one.user, after), cursor).await.expect("a page");
    assert_eq!((rest.len(), more), (5, false));
    assert_eq!(rest[4].kind, Kind::Direct { peer: UserId(bytes(106)) });
    assert_eq!(rest[4].members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["person1", "person106"]);
}

#[tokio::test]
async fn old_states_of_a_group_are_dropped_and_members_are_those_of_the_state() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let new = bench.replace(other, 12).await;
    let external = commit((room, new), (81, 2), &[one, new]);
    let external = group::NewCommit { committer: Committer::External, ..external };
    assert!(matches!(bench.commit(&external).await, Commitment::Stored { .. }));
    let mut connection = bench.store.read().acquire().await.expect("a connection");
    let members_of = |state: sotto_wire::conversation::GroupState| state.members;
    let old = group::load_state(&mut connection, room, Some(1)).await.expect("read").expect("kept").0;
    assert_eq!(members_of(old), [one, other]);
    let newest = group::load_state(&mut connection, room, None).await.expect("read").expect("kept").0;
    assert_eq!(members_of(newest), [one, new]);
    for epoch in 3..=10 {
        bench.commit(&commit((room, one), (80 + epoch, epoch as u64), &[one, new])).await;
    }
    assert!(group::load_state(&mut connection, room, Some(2)).await.expect("read").is_none());
    assert!(group::load_state(&mut connection, room, Some(3)).await.expect("read").is_some());
    assert!(group::load_state(&mut connection, room, Some(11)).await.expect("read").is_none());
}

#[tokio::test]
async fn retention_deletes_what_is_old_and_moves_the_horizon() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let old = stored(append_all(&bench, &[message(room, one, 1)]).await[0]).0;
    bench.clock.advance(Millis(10_000));
    append_all(&bench, &[message(room, one, 2)]).await;
    let mut tx = bench.write().await;
    // Creation and its Welcome went as well.
    assert_eq!(log::purge(&mut tx, NOW.after(Millis(1))).await.expect("purge"), 3);
    assert_eq!(log::purge(&mut tx, NOW.after(Millis(1))).await.expect("purge"), 0);
    tx.commit().await.expect("commit");
    assert_eq!(log::bounds(bench.store.read()).await.expect("bounds").horizon, old);
    assert_eq!(texts(&bench, room).await, ["2"]);
    assert_eq!(group::load_welcome(bench.store.read(), room, 1).await.expect("read"), None);
}

#[tokio::test]
async fn a_store_opened_again_is_the_same_deployment_with_its_log() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    append_all(&bench, &[message(room, one, 1)]).await;
    bench.store.close().await;
    let again = Bench { store: Store::open(bench.folder.path()).await.expect("a store"), ..bench };
    assert_eq!(texts(&again, room).await, ["1"]);
    let elsewhere = Bench::new().await;
    assert_ne!(again.store.secret(), elsewhere.store.secret());
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing_and_lets_the_next_begin() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(9, (one, other)).await;
    let mut tx = bench.write().await;
    append(&mut tx, vec![message(room, one, 1)], NOW).await.expect("append");
    drop(tx);
    append_all(&bench, &[message(room, one, 2)]).await;
    assert_eq!(texts(&bench, room).await, ["2"]);
}

#[tokio::test]
async fn devices_in_use_that_have_not_said_so_much_are_behind() {
    let bench = Bench::new().await;
    let (behind, ahead) = (bench.person(1).await, bench.person(2).await);
    let replaced = bench.person(3).await;
    bench.replace(replaced, 13).await;
    let late = bench.person(4).await;
    let mut tx = bench.write().await;
    for (device, n) in [(behind, 4), (ahead, 5), (DeviceRef { device: DeviceId(bytes(13)), ..replaced }, 6)] {
        account::acknowledge(&mut tx, device.device, LogNumber(n)).await.expect("acknowledged");
    }
    account::revoke_device(&mut tx, late, NOW).await.expect("revoked");
    let device = account::Device {
        device: DeviceRef { device: DeviceId(bytes(14)), ..late },
        certificate: vec![5],
        last_resort: vec![6],
        registered_n: 5,
        registered_at: NOW,
        is_revoked: false,
        acknowledged_n: 0,
    };
    account::insert_device(&mut tx, &device).await.expect("a device that came after");
    tx.commit().await.expect("commit");
    assert_eq!(account::count_behind(bench.store.read(), LogNumber(5)).await.expect("a count"), 1);
    assert_eq!(account::count_behind(bench.store.read(), LogNumber(4)).await.expect("a count"), 0);
}
