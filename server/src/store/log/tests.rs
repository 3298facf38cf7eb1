//! What it costs to read the log of a device that is far behind.

use super::*;
use crate::delivery::testing::{Bench, bytes, message};
use crate::store::append::append;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PAGE: PageSize = PageSize { rows_max: 128, body_max_bytes: 1 << 30 };

fn ends(after: i64, upto: i64) -> Vec<i64> {
    windows(LogNumber(after), LogNumber(upto)).map(|end| end.0).collect()
}

#[test]
fn windows_grow_until_they_reach_the_end() {
    assert_eq!(ends(5, 5), [5]);
    assert_eq!(ends(0, 1_024), [1_024]);
    assert_eq!(ends(100, 1_125), [1_124, 1_125]);
    assert_eq!(ends(0, 100_000), [1_024, 4_096, 16_384, 65_536, 100_000]);
    assert_eq!(ends(0, i64::MAX).last(), Some(&i64::MAX));
}

/// One person with so many others, each in a room; one message in `every` is theirs, the rest that of strangers. The
/// newest room is the first to speak and then says nothing more, and so on: the order that is worst for a reader who
/// looks at the rooms by age.
async fn filled(bench: &Bench, (count, every, rooms): (usize, usize, usize)) -> DeviceRef {
    let (mine, strange, stranger) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
    let elsewhere = bench.direct(9, (strange, stranger)).await;
    let mut others = Vec::new();
    for number in 0..rooms {
        let other = bench.person(100 + number).await;
        others.push((bench.direct(100 + number, (mine, other)).await, other));
    }
    let appends: Vec<_> = (0..count * every)
        .map(|number| {
            let is_mine = number % every == 0;
            let (room, sender) =
                if is_mine { others[rooms - 1 - number / every * rooms / count] } else { (elsewhere, stranger) };
            message(room, sender, 1_000 + number)
        })
        .collect();
    for some in appends.chunks(512) {
        let mut tx = bench.write().await;
        append(&mut tx, some.to_vec(), bench.clock.now()).await.expect("append");
        tx.commit().await.expect("commit");
    }
    mine
}

#[tokio::test]
async fn device_far_behind_reads_everything_once_in_order_however_sparse_it_is() {
    for (count, every) in [(3_000, 1), (300, 10), (5, 2_000)] {
        let bench = Bench::new().await;
        let device = filled(&bench, (count, every, 7)).await.device;
        let pool = bench.store.read();
        let head = bounds(pool).await.expect("bounds").head;
        let (mut after, mut texts) = (LogNumber(0), Vec::new());
        loop {
            let rows = read_device(pool, device, (after, head), PAGE).await.expect("rows");
            let Some(newest) = rows.last().map(|row| row.n) else { break };
            after = newest;
            texts.extend(rows.into_iter().map(|row| String::from_utf8(row.body).expect("a text")));
        }
        let expected: Vec<String> = (0..count).map(|number| (1_000 + number * every).to_string()).collect();
        let messages: Vec<String> = texts.into_iter().filter(|text| text.starts_with(char::is_numeric)).collect();
        assert_eq!(messages, expected, "one in {every}");
    }
}

#[tokio::test]
async fn those_who_are_behind_are_those_for_whom_a_page_is_not_empty() {
    let bench = Bench::new().await;
    filled(&bench, (40, 3, 7)).await;
    let pool = bench.store.read();
    let head = bounds(pool).await.expect("bounds").head;
    let devices: Vec<DeviceId> = (0..=107).map(|number| DeviceId(bytes(number))).collect();
    let positions = [0, 20, 60, head.0 - 1, head.0];
    let places: Vec<Place> =
        positions.iter().flat_map(|position| devices.iter().map(|device| (*device, LogNumber(*position)))).collect();
    for upto in [head, LogNumber(head.0 / 2)] {
        let mut expected = Vec::new();
        for (at, (device, position)) in places.iter().enumerate() {
            if !read_device(pool, *device, (*position, upto), PAGE).await.expect("rows").is_empty() {
                expected.push(at);
            }
        }
        let mut connection = pool.acquire().await.expect("a connection");
        let mut found = behind(&mut connection, &places, upto).await.expect("an answer");
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(expected.len() > 10 && expected.len() < places.len() - 10, "{}", expected.len());
    }
}

/// How much the database works to read all of a device's log page by page, in hundreds of its instructions.
async fn work(bench: &Bench, device: DeviceId, head: LogNumber) -> usize {
    let options = SqliteConnectOptions::new().filename(bench.folder.path().join("sotto.db")).read_only(true);
    let mut connection: SqliteConnection = options.connect().await.expect("a connection");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let count_one = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        true
    };
    connection.lock_handle().await.expect("a handle").set_progress_handler(100, count_one);
    let mut after = LogNumber(0);
    loop {
        let mut newest = None;
        for end in windows(after, head) {
            let numbers: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(device_sql()))
                .bind(after.0)
                .bind(end.0)
                .bind(device.0.as_slice())
                .bind(Stream::Device(device).to_bytes())
                .bind(rows_max(PAGE))
                .fetch_all(&mut connection)
                .await
                .expect("rows");
            newest = numbers.last().copied();
            if numbers.len() >= PAGE.rows_max {
                break;
            }
        }
        let Some(newest) = newest else { return count.load(Ordering::Relaxed) };
        after = LogNumber(newest);
    }
}

#[tokio::test]
async fn four_times_as_far_behind_is_four_times_the_work_and_not_sixteen_times() {
    let mut works = Vec::new();
    for rooms in [25, 100] {
        let bench = Bench::new().await;
        let device = filled(&bench, (rooms * 150, 1, rooms)).await.device;
        let head = bounds(bench.store.read()).await.expect("bounds").head;
        works.push(work(&bench, device, head).await);
    }
    assert!(works[0] > 1_000 && works[1] < works[0] * 8, "{works:?}");
}
