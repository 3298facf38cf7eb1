//! The writer: gathers messages that come at the same time into one transaction, so that they share one sync of the
//! disk (design §3).
//!
//! The rule: nobody is answered before the transaction that holds the message is on disk.

use crate::clock::Clock;
use crate::store::append::{Append, Appended, Batch, append};
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Most messages of one transaction: it stays in the milliseconds, so commits and sign-ins do not wait long.
const BATCH_ROWS_MAX: usize = 256;
/// How long a batch waits for company, when the one before it had some.
const GATHER: Duration = Duration::from_millis(2);
/// Under this many in the last batch nobody is waited for: the lone sender pays no delay.
const CROWD_ROWS: usize = 8;
/// Messages that wait for their batch. At 64 kB each these are 256 MB at the very worst, in which case senders are
/// told to come back; at 10 000/s it is 0.4 s.
pub(crate) const QUEUED_MAX: usize = 4_096;
/// Batches on their way to the tail reader. With more it reads the log.
const BATCHES_MAX: usize = 8;

/// How what was appended gets to the tail reader: as it is, which spares reading it again, or as a hint to look.
pub(crate) struct News {
    pub(crate) batches: mpsc::Receiver<Batch>,
    pub(crate) hint: Arc<Notify>,
}

/// Why a message was neither stored nor refused.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// Too many wait, or the server stops: come back later.
    #[error("queue a message")]
    Unavailable,
    /// The store failed; nothing of the batch is in it.
    #[error("append a batch of messages")]
    Store(#[source] Arc<StoreError>),
}

type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// The way to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Appender(mpsc::Sender<(Append, Answer)>);

impl Appender {
    /// Appends a message and waits until it is on disk.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send((append, answer)).map_err(|_| AppendError::Unavailable)?;
        answered.await.map_err(|_| AppendError::Unavailable)?
    }
}

/// Starts the writer. It ends when `stop` says so and its queue is empty.
pub(crate) fn start(
    (store, clock): (Store, Clock),
    stop: watch::Receiver<bool>,
) -> (Appender, News, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(QUEUED_MAX);
    let (batches, received) = mpsc::channel(BATCHES_MAX);
    let hint = Arc::new(Notify::new());
    let news = News { batches: received, hint: hint.clone() };
    (Appender(sender), news, tokio::spawn(run((store, clock), (batches, hint), (receiver, stop))))
}

async fn run(
    (store, clock): (Store, Clock),
    (batches, hint): (mpsc::Sender<Batch>, Arc<Notify>),
    (mut queue, mut stop): (mpsc::Receiver<(Append, Answer)>, watch::Receiver<bool>),
) {
    let mut crowd = 0;
    loop {
        let mut batch = Vec::with_capacity(BATCH_ROWS_MAX);
        tokio::select! {
            biased;
            count = queue.recv_many(&mut batch, BATCH_ROWS_MAX) => if count == 0 { return },
            _ = stop.wait_for(|stop| *stop) => queue.close(),
        }
        if crowd >= CROWD_ROWS {
            gather(&mut queue, &mut batch, crowd).await;
        }
        crowd = batch.len();
        if batch.is_empty() {
            continue;
        }
        let (appends, answers): (Vec<Append>, Vec<Answer>) = batch.into_iter().unzip();
        match write(&store, appends, &clock).await {
            Ok((outcomes, batch)) => {
                if batch.is_some_and(|batch| batches.try_send(batch).is_err()) {
                    hint.notify_one();
                }
                answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| {
                    // Who asked may have hung up.
                    let _ = answer.send(Ok(outcome));
                });
            }
            Err(error) => {
                // A commit may have failed after it took effect.
                hint.notify_one();
                let error = AppendError::Store(Arc::new(error));
                answers.into_iter().for_each(|answer| {
                    let _ = answer.send(Err(error.clone()));
                });
            }
        }
    }
}

/// Waits until as many have come as last time, at most [`GATHER`].
async fn gather(queue: &mut mpsc::Receiver<(Append, Answer)>, batch: &mut Vec<(Append, Answer)>, crowd: usize) {
    let deadline = tokio::time::sleep(GATHER);
    tokio::pin!(deadline);
    while batch.len() < crowd.min(BATCH_ROWS_MAX) {
        let room = BATCH_ROWS_MAX - batch.len();
        tokio::select! {
            biased;
            count = queue.recv_many(batch, room) => if count == 0 { return },
            () = &mut deadline => return,
        }
    }
}

async fn write(
    store: &Store,
    appends: Vec<Append>,
    clock: &Clock,
) -> Result<(Vec<Appended>, Option<Batch>), StoreError> {
    let mut tx = store.write().await?;
    let outcomes = append(&mut tx, appends, clock.now()).await?;
    tx.commit().await?;
    Ok(outcomes)
}
