//! What is kept of presence, and whom a list of people has.

use super::*;
use crate::delivery::testing::Bench;
use sqlx::Row as _;
use std::collections::BTreeSet;

async fn change(bench: &Bench, user: UserId, settings: Settings) {
    let mut tx = bench.write().await;
    set(&mut tx, user, settings).await.expect("set");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn settings_read_back_as_they_were_set_and_begin_as_the_default() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    for status in [Status::Busy, Status::Available] {
        for audience in [Audience::Nobody, Audience::People] {
            let wanted = Settings { status, audience };
            change(&bench, one.user, wanted).await;
            assert_eq!(settings(bench.store.read(), one.user).await.expect("read"), wanted);
            assert_eq!(beginning(bench.store.read(), one).await.expect("read"), (wanted, 0));
        }
    }
    assert_eq!(settings(bench.store.read(), other.user).await.expect("read"), Settings::default());
}

#[tokio::test]
async fn people_are_those_of_the_own_conversations_who_show_themselves_each_once() {
    let bench = Bench::new().await;
    let (me, seen, hidden, stranger) =
        (bench.person(1).await, bench.person(2).await, bench.person(3).await, bench.person(4).await);
    bench.direct(10, (me, seen)).await;
    bench.direct(11, (hidden, me)).await;
    bench.direct(12, (seen, stranger)).await;
    change(&bench, hidden.user, Settings { audience: Audience::Nobody, ..Settings::default() }).await;
    let mut tx = bench.write().await;
    for at in [Millis(5_000), Millis(4_000)] {
        see(&mut tx, seen.user, at).await.expect("seen");
    }
    tx.commit().await.expect("commit");
    let of = async |user| people(bench.store.read(), user).await.expect("people");
    assert_eq!(of(me.user).await, [(seen.user, Some(Millis(5_000)))]);
    let of_seen: BTreeSet<UserId> = of(seen.user).await.into_iter().map(|(user, _)| user).collect();
    assert_eq!(of_seen, BTreeSet::from([me.user, stranger.user]));
    assert_eq!(of(stranger.user).await, [(seen.user, Some(Millis(5_000)))], "nobody of the others'");
}

#[tokio::test]
async fn conversation_over_the_bound_shows_nobody() {
    let bench = Bench::new().await;
    let (me, other) = (bench.person(1).await, bench.person(2).await);
    let room = bench.direct(10, (me, other)).await;
    for (count, expected) in [(limit::PRESENCE_MEMBERS_MAX, 1), (limit::PRESENCE_MEMBERS_MAX + 1, 0)] {
        let mut tx = bench.write().await;
        for number in 2..count {
            sqlx::query("INSERT INTO party (conversation, account) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(room.0.as_slice())
                .bind(crate::delivery::testing::bytes(1_000 + number).as_slice())
                .execute(&mut *tx)
                .await
                .expect("a party");
        }
        tx.commit().await.expect("commit");
        assert_eq!(people(bench.store.read(), me.user).await.expect("people").len(), expected, "{count} parties");
    }
}

#[tokio::test]
async fn people_are_found_by_indexes_alone() {
    let bench = Bench::new().await;
    let me = bench.person(1).await;
    let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {PEOPLE_SQL}")))
        .bind(me.user.0.as_slice())
        .bind(10_i64)
        .bind(10_i64)
        .fetch_all(bench.store.read())
        .await
        .expect("a plan");
    let steps: Vec<String> = plan.iter().map(|row| row.try_get(3).expect("a step")).collect();
    let searches = steps.iter().filter(|step| step.starts_with("SEARCH") && step.contains("INDEX")).count();
    assert_eq!(searches, 6, "{steps:#?}");
    // What is counted is a subquery's rows, of which the bound leaves a few hundred.
    let scans: Vec<&String> = steps.iter().filter(|step| step.starts_with("SCAN")).collect();
    assert!(scans.iter().all(|step| step.contains("counted")), "{scans:?}");
}
