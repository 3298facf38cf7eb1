//! The tail reader: takes each new row of the log once, makes its event once, and gives it to all that it is for.
//!
//! Rows come from this node's writer as soon as they are committed, where they follow the tail without a gap; all others
//! (commits, creations, what another node wrote, what the writer could not hand over) are read from the log. The rule:
//! rows are given in the order of their numbers, and a row is given only after the hub has claimed it.

use crate::delivery::Inner;
use crate::delivery::event;
use crate::delivery::frame::Page;
use crate::delivery::hub::{self, Routes};
use crate::delivery::writer::News;
use crate::refusal::causes;
use crate::store::StoreError;
use crate::store::append::Batch;
use crate::store::log::{self, LogNumber, PageSize, Row, RowKind};
use crate::store::member::{Membership, changed_by};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// One page of the tail: as many rows as the writer puts into one transaction.
const PAGE: PageSize = PageSize { rows_max: 256, body_max_bytes: 4 * 1_024 * 1_024 };
/// Most rows of batches that are given in one go, so that a tail that lags catches up in fewer writes.
const MERGED_ROWS_MAX: usize = 1_024;
/// How often the tail looks without being woken: heals a wake that was lost.
const POLL: Duration = Duration::from_secs(5);
/// How long it waits after the store failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// After how many subscribers it lets other tasks run: 256 writes are about a millisecond.
const SUBSCRIBERS_PER_TURN: usize = 256;

/// Gives out whatever is appended, until `stop` says so.
pub(crate) async fn run(inner: Arc<Inner>, mut news: News, mut stop: watch::Receiver<bool>) {
    let mut pause = POLL;
    loop {
        let batch = tokio::select! {
            batch = news.batches.recv() => batch,
            () = news.hint.notified() => None,
            () = tokio::time::sleep(pause) => None,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        pause = match follow(&inner, batch, &mut news).await {
            Ok(()) => POLL,
            Err(error) => {
                tracing::error!(causes = causes(&error), "failed to read the tail of the log");
                AFTER_FAILURE
            }
        };
    }
}

/// Gives out `batch` and those that follow it where they continue the tail; else reads the log to its end.
async fn follow(inner: &Inner, batch: Option<Batch>, news: &mut News) -> Result<(), StoreError> {
    let tail = inner.hub().tail();
    match batch {
        Some(mut batch) if batch.before == tail => {
            while batch.rows.len() < MERGED_ROWS_MAX
                && let Ok(next) = news.batches.try_recv()
            {
                if next.before != batch.upto {
                    // The gap is read from the log, and this batch with it.
                    news.hint.notify_one();
                    break;
                }
                batch.upto = next.upto;
                batch.rows.extend(next.rows);
            }
            give_out(inner, batch.rows, batch.upto).await
        }
        // Read from the log already, as part of what came before it.
        Some(batch) if batch.upto <= tail => Ok(()),
        Some(_) | None => loop {
            let tail = inner.hub().tail();
            let rows = log::read_after(inner.store.read(), tail, PAGE).await?;
            let Some(newest) = rows.last().map(|row| row.n) else { return Ok(()) };
            give_out(inner, rows, newest).await?;
        },
    }
}

/// Gives rows, which are all after the tail and up to `upto`, to their subscribers.
async fn give_out(inner: &Inner, rows: Vec<Row>, upto: LogNumber) -> Result<(), StoreError> {
    let changes = changes(inner, &rows).await?;
    let deliveries = inner.hub().claim((&rows, upto), &changes);
    deliver(inner, rows, deliveries).await;
    inner.delivered.store(upto.0, Ordering::Release);
    Ok(())
}

/// The changes of membership that rows made, each with the place of its row.
async fn changes(inner: &Inner, rows: &[Row]) -> Result<Vec<(usize, Vec<Membership>)>, StoreError> {
    let mut changes = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match row.kind {
            RowKind::Created | RowKind::Commit | RowKind::Left => {
                changes.push((place, changed_by(inner.store.read(), row.conversation, row.n).await?));
            }
            RowKind::Message | RowKind::Welcome => {}
        }
    }
    Ok(changes)
}

async fn deliver(inner: &Inner, rows: Vec<Row>, deliveries: Vec<(usize, Routes)>) {
    if deliveries.is_empty() {
        return;
    }
    let now = inner.clock.now();
    let mut events = Vec::with_capacity(deliveries.len());
    let mut rows = rows.into_iter().enumerate();
    let mut given = Vec::with_capacity(deliveries.len());
    for (place, routes) in deliveries {
        let Some((_, row)) = rows.find(|(at, _)| *at == place) else { break };
        let n = row.n;
        match event::of_row(&inner.store, &inner.cursors, row).await {
            Ok(Some(event)) => {
                given.push((events.len(), routes));
                events.push((n, event));
            }
            Ok(None) => {}
            Err(error) => {
                // Who was to get the row reads it, and all after it, from the log, where the failure may not recur.
                tracing::error!(causes = causes(&error), "failed to make an event of a row");
                routes.iter().for_each(|route| route.subscriber.fall_behind());
            }
        }
    }
    let (mut events, mut pages) = (events.into_iter(), Vec::new());
    for (range, routes) in hub::runs(given) {
        // A page for each run: nothing is written in a codec that none of those who get it reads.
        let page = Arc::new(Page::new(events.by_ref().take(range.len()).collect(), now));
        give(inner, &page, &routes).await;
        pages.push(page);
    }
    let mut hub = inner.hub();
    pages.into_iter().for_each(|page| hub.remember(page));
}

async fn give(inner: &Inner, page: &Arc<Page>, routes: &Routes) {
    let now = inner.clock.now();
    for turn in routes.chunks(SUBSCRIBERS_PER_TURN) {
        for route in turn {
            route.subscriber.offer(page, (route.first, route.last), now);
        }
        if routes.len() > SUBSCRIBERS_PER_TURN {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::frame::Codec;
    use crate::delivery::testing::{Bench, Reader, sockets};
    use crate::store::log::LogNumber;
    use crate::websocket::Compression;

    #[tokio::test]
    async fn rows_that_are_read_together_are_written_as_those_who_get_them_read() {
        let bench = Bench::new().await;
        let (one, two, three) = (bench.person(1).await, bench.person(2).await, bench.person(3).await);
        let delivery = bench.deliver().await;
        let codec = Codec::Json(Compression::Wide);
        let mut websocket = Reader::by(codec, sockets().await, (&delivery, two, LogNumber(0)));
        let mut sse = Reader::open(&delivery, three, LogNumber(0)).await;
        websocket.catch_up().await;
        sse.catch_up().await;
        bench.direct(10, (one, two)).await;
        bench.direct(11, (one, three)).await;
        delivery.appended();
        websocket.durable().await;
        sse.durable().await;
        let written: Vec<Vec<Codec>> = delivery.0.hub().recent().map(|page| page.written_in()).collect();
        assert_eq!(written, [vec![codec], vec![Codec::Sse]]);
    }
}
