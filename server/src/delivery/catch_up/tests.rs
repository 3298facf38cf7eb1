//! Streams that are looked up together: all get what they missed, and none gets in the way of another.

use super::*;
use crate::delivery::frame::Codec;
use crate::delivery::outlet::Outlet;
use crate::delivery::testing::{Bench, NOW, PATIENCE, Reader, bytes, message, room_of_two, send, start, texts, until};
use sotto_wire::{DeviceRef, UserId};
use std::sync::Mutex;
use tokio::time::timeout;

const STREAMS: usize = 3 * TOGETHER_MAX;

#[tokio::test]
async fn streams_that_come_back_at_once_each_get_what_they_missed() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let middle = send(&delivery, message(room, one, 0)).await;
    for number in 1..5 {
        send(&delivery, message(room, one, number)).await;
    }
    let turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let from = if number % 2 == 0 { LogNumber(0) } else { middle };
        streams.push(Reader::open(&delivery, other, from).await);
    }
    until(|| delivery.0.line().0.len() == STREAMS).await;
    drop(turns);
    for (number, stream) in streams.iter_mut().enumerate() {
        let missed = timeout(PATIENCE, stream.catch_up()).await.expect("in time");
        assert_eq!(missed, texts(number % 2..5), "stream {number}");
    }
    send(&delivery, message(room, one, 5)).await;
    for stream in &mut streams {
        assert_eq!(stream.text().await, "5");
    }
}

#[tokio::test]
async fn who_leaves_takes_nobody_elses_turn_along() {
    let bench = Bench::new().await;
    let (_, _, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let replays = &delivery.0.replays;
    let (turn, _others) =
        (replays.acquire().await.expect("a turn"), replays.acquire_many(2).await.expect("the others"));
    let leaves = tokio::spawn({
        let delivery = delivery.clone();
        async move { delivery.poll(start(other, LogNumber(0)), None).await }
    });
    until(|| delivery.0.line().0.len() == 1).await;
    // It has everything, so that it needs no second turn.
    let mut last = Reader::open(&delivery, other, delivery.delivered()).await;
    until(|| delivery.0.line().0.len() == 2).await;
    let mut connections = Vec::new();
    for _ in 0..bench.store.read().options().get_max_connections() {
        connections.push(bench.store.read().acquire().await.expect("a connection"));
    }
    drop(turn);
    until(|| delivery.0.line().0.is_empty()).await;
    // The one in front works for both, and waits for a connection. A turn that it gave back now would go to this:
    let mut next_turn = std::pin::pin!(replays.acquire());
    tokio::select! {
        biased;
        _ = &mut next_turn => panic!("the turn is taken"),
        () = std::future::ready(()) => {}
    }
    leaves.abort();
    assert!(leaves.await.is_err_and(|error| error.is_cancelled()));
    drop(connections);
    timeout(PATIENCE, last.catch_up()).await.expect("in time");
}

#[tokio::test]
async fn stream_that_cannot_be_looked_up_ends_alone() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let mut tx = bench.write().await;
    sqlx::query("UPDATE member SET first_n = 'damaged' WHERE device = $1")
        .bind(one.device.0.as_slice())
        .execute(&mut *tx)
        .await
        .expect("updated");
    tx.commit().await.expect("commit");
    let turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
    let damaged = Reader::open(&delivery, one, LogNumber(0)).await;
    let mut sound = Reader::open(&delivery, other, LogNumber(0)).await;
    until(|| delivery.0.line().0.len() == 2).await;
    drop(turns);
    sound.catch_up().await;
    assert_eq!(damaged.last().await, None);
    send(&delivery, message(room, one, 1)).await;
    assert_eq!(sound.text().await, "1");
}

#[test]
fn those_who_left_while_they_waited_do_not_make_the_line_longer() {
    let mut line = Line::default();
    let device = DeviceRef { user: UserId(bytes(1)), device: DeviceId(bytes(1)) };
    let outlet = Outlet::Memory(Mutex::default());
    let subscriber = Arc::new(Subscriber::new(1, start(device, LogNumber(0)), (Codec::List, outlet), NOW));
    let mut push = || {
        let (done, waits) = oneshot::channel();
        line.push(Wish { subscriber: subscriber.clone(), position: LogNumber(0), done });
        waits
    };
    let waiting: Vec<_> = (0..100).map(|_| push()).collect();
    (0..10_000).for_each(|_| drop(push()));
    assert!(line.0.capacity() <= 256, "{}", line.0.capacity());
    assert_eq!(line.0.iter().filter(|wish| !wish.done.is_closed()).count(), waiting.len());
}
