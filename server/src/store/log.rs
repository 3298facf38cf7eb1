//! The log (design §3): numbers, rows, and reading them back in the order of their numbers.
//!
//! The rule: a number is given out only inside the transaction that inserts its row, so what has a number below the
//! head is there for every reader.

use crate::store::rows::{bigint, column, runs, with_tuples};
use crate::store::{StoreError, Write};
use futures_util::TryStreamExt as _;
use sotto_wire::{ClientId, ConversationId, DeviceId, DeviceRef, Millis, UserId};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Executor};
use std::collections::{HashMap, HashSet};

/// A place in the log. Counts from 1; 0 is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogNumber(pub(crate) i64);

impl LogNumber {
    /// Behind every event that can be.
    pub(crate) const END: Self = Self(i64::MAX);

    /// The number `steps` further on.
    pub(crate) fn plus(self, steps: usize) -> Self {
        Self(self.0.saturating_add(i64::try_from(steps).unwrap_or(i64::MAX)))
    }
}

/// Where a row is delivered: to a conversation's members or to one device.
///
/// Both are ids that clients choose; the letter before a device's keeps one from posing as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    /// All members of a conversation.
    Conversation(ConversationId),
    /// One device.
    Device(DeviceId),
}

impl Stream {
    /// As it stands in the column.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Conversation(id) => id.0.to_vec(),
            Self::Device(id) => [b"d".as_slice(), &id.0].concat(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'd', id @ ..] if id.len() == 16 => Some(Self::Device(DeviceId(id.try_into().ok()?))),
            id => Some(Self::Conversation(ConversationId(id.try_into().ok()?))),
        }
    }
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// A conversation was created: the server's own mark, no event for anyone.
    Created,
    /// A message.
    Message,
    /// A commit.
    Commit,
    /// An invitation for one device.
    Welcome,
    /// Somebody left: the server's own mark, no event for anyone.
    Left,
}

impl RowKind {
    fn to_number(self) -> i64 {
        match self {
            Self::Created => 0,
            Self::Message => 1,
            Self::Commit => 2,
            Self::Welcome => 3,
            Self::Left => 4,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        let all = [Self::Created, Self::Message, Self::Commit, Self::Welcome, Self::Left];
        all.into_iter().find(|kind| kind.to_number() == number)
    }
}

/// A row of the log. The body of a [`RowKind::Welcome`] stands apart and is empty here when written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) n: LogNumber,
    pub(crate) stream: Stream,
    pub(crate) kind: RowKind,
    pub(crate) conversation: ConversationId,
    pub(crate) sender: DeviceRef,
    pub(crate) client_id: ClientId,
    pub(crate) epoch: u64,
    pub(crate) body: Vec<u8>,
    pub(crate) sent_at: Millis,
}

/// What names a command: the same again gets the first answer.
pub(crate) type Command = (Stream, DeviceId, ClientId);

/// What became of a command that was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) n: LogNumber,
    pub(crate) kind: RowKind,
    pub(crate) sent_at: Millis,
}

/// Both ends of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The newest number.
    pub(crate) head: LogNumber,
    /// Rows up to here may be gone.
    pub(crate) horizon: LogNumber,
}

/// Bounds of one page: whichever is reached first ends it, after at least one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    pub(crate) rows_max: usize,
    pub(crate) body_max_bytes: usize,
}

const COLUMNS: &str = "l.n, l.stream, l.kind, l.conversation, l.sender_account, l.sender_device, l.client_id, l.epoch, \
     l.body, l.sent_at";
const COLUMNS_COUNT: usize = 10;

fn row(row: &AnyRow) -> Result<Row, StoreError> {
    let stream: Vec<u8> = column(row, 1)?;
    Ok(Row {
        n: LogNumber(column(row, 0)?),
        stream: Stream::from_bytes(&stream).ok_or(StoreError::Corrupt)?,
        kind: RowKind::from_number(column(row, 2)?).ok_or(StoreError::Corrupt)?,
        conversation: column(row, 3)?,
        sender: DeviceRef { user: column::<UserId>(row, 4)?, device: column(row, 5)? },
        client_id: column(row, 6)?,
        epoch: column(row, 7)?,
        body: column(row, 8)?,
        sent_at: column(row, 9)?,
    })
}

/// Both ends of the log.
pub(crate) async fn bounds<'e>(executor: impl Executor<'e, Database = Any>) -> Result<Bounds, StoreError> {
    let row = sqlx::query("SELECT head, horizon FROM deployment WHERE id = 1").fetch_one(executor).await?;
    Ok(Bounds { head: LogNumber(column(&row, 0)?), horizon: LogNumber(column(&row, 1)?) })
}

/// Takes the next `count` numbers and gives the first of them.
pub(crate) async fn reserve(tx: &mut Write, count: usize) -> Result<LogNumber, StoreError> {
    let row = sqlx::query("UPDATE deployment SET head = head + $1 WHERE id = 1 RETURNING head - $1")
        .bind(LogNumber(0).plus(count).0)
        .fetch_one(&mut **tx)
        .await?;
    Ok(LogNumber(column::<i64>(&row, 0)?).plus(1))
}

/// Inserts rows, skips those whose command was seen before, and gives the numbers of the inserted.
pub(crate) async fn insert(tx: &mut Write, rows: &[Row]) -> Result<HashSet<LogNumber>, StoreError> {
    let mut inserted = HashSet::with_capacity(rows.len());
    for run in runs(rows) {
        let sql = with_tuples(
            "INSERT INTO log (n, stream, kind, conversation, sender_account, sender_device, client_id, epoch, body, \
             sent_at) VALUES ",
            (run.len(), COLUMNS_COUNT),
            " ON CONFLICT (stream, sender_device, client_id) DO NOTHING RETURNING n",
        );
        let mut query: Query<'_, Any, AnyArguments> = sqlx::query(sql);
        for row in run {
            query = query
                .bind(row.n.0)
                .bind(row.stream.to_bytes())
                .bind(row.kind.to_number())
                .bind(row.conversation.0.as_slice())
                .bind(row.sender.user.0.as_slice())
                .bind(row.sender.device.0.as_slice())
                .bind(row.client_id.0.as_slice())
                .bind(bigint(row.epoch))
                .bind(row.body.as_slice())
                .bind(bigint(row.sent_at.0));
        }
        for row in query.fetch_all(&mut **tx).await? {
            inserted.insert(LogNumber(column(&row, 0)?));
        }
    }
    Ok(inserted)
}

/// Which of `commands` were seen before, and what became of them.
pub(crate) async fn seen(tx: &mut Write, commands: &[Command]) -> Result<HashMap<Command, Seen>, StoreError> {
    let mut found = HashMap::new();
    for run in runs(commands) {
        let sql = with_tuples(
            "WITH wanted (stream, device, client_id) AS (VALUES ",
            (run.len(), 3),
            ") SELECT l.stream, l.sender_device, l.client_id, l.n, l.kind, l.sent_at FROM wanted JOIN log l \
             ON l.stream = wanted.stream AND l.sender_device = wanted.device AND l.client_id = wanted.client_id",
        );
        let mut query: Query<'_, Any, AnyArguments> = sqlx::query(sql);
        for (stream, device, client_id) in run {
            query = query.bind(stream.to_bytes()).bind(device.0.as_slice()).bind(client_id.0.as_slice());
        }
        for row in query.fetch_all(&mut **tx).await? {
            let stream: Vec<u8> = column(&row, 0)?;
            let stream = Stream::from_bytes(&stream).ok_or(StoreError::Corrupt)?;
            let kind = RowKind::from_number(column(&row, 4)?).ok_or(StoreError::Corrupt)?;
            let seen = Seen { n: LogNumber(column(&row, 3)?), kind, sent_at: column(&row, 5)? };
            found.insert((stream, column(&row, 1)?, column(&row, 2)?), seen);
        }
    }
    Ok(found)
}

/// The rows after `after`, of all streams.
pub(crate) async fn read_after(pool: &AnyPool, after: LogNumber, size: PageSize) -> Result<Vec<Row>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM log l WHERE l.n > $1 ORDER BY l.n LIMIT $2");
    page(pool, sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after.0).bind(rows_max(size)), size).await
}

/// How far a device that is behind looks at first, in numbers of the log.
const WINDOW_MIN: usize = 1_024;
/// How much further each time that it has found less than a page.
const WINDOW_GROWTH: usize = 4;

/// Where the windows end in which a page is looked for, the last at `upto`. Without them each page looks at a page of
/// every conversation that has something left, and all pages of a device that is far behind in many of them at the
/// square of it.
fn windows(after: LogNumber, upto: LogNumber) -> impl Iterator<Item = LogNumber> {
    let sizes = std::iter::successors(Some(WINDOW_MIN), |size| Some(size.saturating_mul(WINDOW_GROWTH)));
    let ends = sizes.map(move |size| after.plus(size).min(upto));
    let mut is_over = false;
    ends.take_while(move |end| !std::mem::replace(&mut is_over, *end == upto))
}

/// The events of a device in a window. The numbers come from the index alone; bodies are read for the page only.
fn device_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM log l WHERE l.n IN (\
           SELECT n FROM (\
             SELECT i.n AS n FROM member m JOIN log i ON i.stream = m.conversation \
               AND i.n > $1 AND i.n <= $2 AND i.n >= m.first_n AND i.n <= m.last_n \
             WHERE m.device = $3 AND m.last_n > $1 \
             UNION ALL SELECT o.n AS n FROM log o WHERE o.stream = $4 AND o.n > $1 AND o.n <= $2\
           ) AS mine ORDER BY n LIMIT $5\
         ) ORDER BY l.n"
    )
}

/// The events for `device` after `after` and up to `upto`, of its own stream and of the conversations it is in, each
/// for as long as it is in it.
pub(crate) async fn read_device(
    pool: &AnyPool,
    device: DeviceId,
    (after, upto): (LogNumber, LogNumber),
    size: PageSize,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for end in windows(after, upto) {
        let query = sqlx::query(sqlx::AssertSqlSafe(device_sql()))
            .bind(after.0)
            .bind(end.0)
            .bind(device.0.as_slice())
            .bind(Stream::Device(device).to_bytes())
            .bind(rows_max(size));
        rows = page(pool, query, size).await?;
        let body_bytes: usize = rows.iter().map(|row| row.body.len()).sum();
        if rows.len() >= size.rows_max || body_bytes >= size.body_max_bytes {
            break;
        }
    }
    Ok(rows)
}

/// A device, and how far it has read the log.
pub(crate) type Place = (DeviceId, LogNumber);

/// For which of `places` the log has more, up to `upto`: their positions in the list.
pub(crate) async fn behind(
    connection: &mut AnyConnection,
    places: &[Place],
    upto: LogNumber,
) -> Result<Vec<usize>, StoreError> {
    let (mut behind, mut first) = (Vec::new(), 0);
    for run in runs(places) {
        let sql = with_tuples(
            "WITH wanted (place, device, stream, after) AS (VALUES ",
            (run.len(), 4),
            &format!(
                ") SELECT w.place FROM wanted w WHERE \
                   EXISTS (SELECT 1 FROM log o WHERE o.stream = w.stream AND o.n > w.after AND o.n <= ${upto}) \
                   OR EXISTS (SELECT 1 FROM member m JOIN log i ON i.stream = m.conversation \
                     AND i.n > w.after AND i.n <= ${upto} AND i.n >= m.first_n AND i.n <= m.last_n \
                     WHERE m.device = w.device AND m.last_n > w.after)",
                upto = 4 * run.len() + 1
            ),
        );
        let mut query: Query<'_, Any, AnyArguments> = sqlx::query(sql);
        for (place, (device, after)) in run.iter().enumerate() {
            let place = i64::try_from(first + place).expect("no list is that long");
            query = query.bind(place).bind(device.0.as_slice()).bind(Stream::Device(*device).to_bytes()).bind(after.0);
        }
        for row in query.bind(upto.0).fetch_all(&mut *connection).await? {
            behind.push(usize::try_from(column::<i64>(&row, 0)?).map_err(|_| StoreError::Corrupt)?);
        }
        first += run.len();
    }
    Ok(behind)
}

/// The newest events of a conversation from `first` on and before `before`, newest first.
pub(crate) async fn read_conversation(
    pool: &AnyPool,
    conversation: ConversationId,
    (first, before): (LogNumber, LogNumber),
    size: PageSize,
) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM log l WHERE l.stream = $1 AND l.n >= $2 AND l.n < $3 AND l.kind IN (1, 2) \
         ORDER BY l.n DESC LIMIT $4"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(conversation.0.as_slice())
        .bind(first.0)
        .bind(before.0)
        .bind(rows_max(size));
    page(pool, query, size).await
}

fn rows_max(size: PageSize) -> i64 {
    i64::try_from(size.rows_max).unwrap_or(i64::MAX)
}

async fn page(pool: &AnyPool, query: Query<'_, Any, AnyArguments>, size: PageSize) -> Result<Vec<Row>, StoreError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut found = query.fetch(pool);
    while let Some(found) = found.try_next().await? {
        let found = row(&found)?;
        bytes += found.body.len();
        rows.push(found);
        if bytes >= size.body_max_bytes {
            break;
        }
    }
    Ok(rows)
}

/// Most rows that one step of retention deletes, so that appends wait for milliseconds only.
pub(crate) const PURGE_ROWS_MAX: i64 = 1_000;

/// Deletes the oldest rows that were sent before `before`, at most [`PURGE_ROWS_MAX`], and moves the horizon behind
/// them. Gives how many went.
pub(crate) async fn purge(tx: &mut Write, before: Millis) -> Result<u64, StoreError> {
    // Numbers and times rise together, so the end of the oldest rows is found without an index over times.
    let newest = sqlx::query(
        "SELECT COALESCE(MAX(n), 0) FROM (SELECT n, sent_at FROM log ORDER BY n LIMIT $1) AS oldest WHERE sent_at < $2",
    )
    .bind(PURGE_ROWS_MAX)
    .bind(bigint(before.0))
    .fetch_one(&mut **tx)
    .await?;
    let newest: i64 = column(&newest, 0)?;
    if newest == 0 {
        return Ok(0);
    }
    let gone = sqlx::query("DELETE FROM log WHERE n <= $1").bind(newest).execute(&mut **tx).await?;
    sqlx::query("DELETE FROM welcome WHERE n <= $1").bind(newest).execute(&mut **tx).await?;
    sqlx::query("UPDATE deployment SET horizon = $1 WHERE id = 1 AND horizon < $1")
        .bind(newest)
        .execute(&mut **tx)
        .await?;
    Ok(gone.rows_affected())
}

#[cfg(test)]
mod tests;
