//! Appending a batch of messages in one transaction (design §3).
//!
//! The rule: a command that was seen before gets its first answer, whatever has changed since; only then membership and
//! epoch count.

use crate::store::log::{self, Command, LogNumber, Row, RowKind, Stream};
use crate::store::rows::{column, runs, with_tuples};
use crate::store::{StoreError, Write, party};
use sotto_wire::{ClientId, ConversationId, DeviceId, DeviceRef, Millis, limit};
use std::collections::{HashMap, HashSet};

/// A message on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Append {
    pub(crate) conversation: ConversationId,
    pub(crate) sender: DeviceRef,
    pub(crate) client_id: ClientId,
    pub(crate) epoch: u64,
    pub(crate) ciphertext: Vec<u8>,
}

impl Append {
    fn command(&self) -> Command {
        (Stream::Conversation(self.conversation), self.sender.device, self.client_id)
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is in the log; maybe since an earlier try.
    Stored { n: LogNumber, sent_at: Millis },
    /// The device is not a member of the conversation.
    NotAMember,
    /// Its epoch is too old, or not reached yet.
    StaleEpoch { newest_commit: LogNumber },
    /// The other one of a direct conversation blocks the sender.
    NotAccepted,
    /// Its id names another kind of command.
    IdTaken,
}

/// Where a member's conversation stands.
#[derive(Clone, Copy)]
struct Standing {
    epoch: u64,
    newest_commit: LogNumber,
    /// The sender's account has accepted the conversation.
    has_accepted: bool,
    /// It is a direct one, and the other blocks the sender.
    is_blocked: bool,
}

impl Standing {
    fn takes(self, epoch: u64) -> bool {
        !self.is_blocked && epoch <= self.epoch && epoch.saturating_add(limit::EPOCHS_BEFORE) >= self.epoch
    }
}

/// What a transaction appended: all numbers after `before` and up to `upto` are its own, and these are its rows.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) before: LogNumber,
    pub(crate) upto: LogNumber,
    pub(crate) rows: Vec<Row>,
}

/// Appends messages as sent at `now`; gives the outcome of each in its order, and what will stand in the log once the
/// transaction is committed.
///
/// In the usual case these are three statements: standing, numbers, rows. What was sent before shows as a conflict on
/// insertion; only then, and for what would be refused, the first answer is looked up.
pub(crate) async fn append(
    tx: &mut Write,
    appends: Vec<Append>,
    now: Millis,
) -> Result<(Vec<Appended>, Option<Batch>), StoreError> {
    let standings = standings(tx, &appends).await?;
    let standing = |append: &Append| standings.get(&(append.conversation, append.sender.device)).copied();
    let asked: Vec<(Command, Option<Standing>)> =
        appends.iter().map(|append| (append.command(), standing(append))).collect();
    let mut taken = appends;
    taken.retain(|append| standing(append).is_some_and(|at| at.takes(append.epoch)));
    let batch = insert(tx, taken, now).await?;
    for row in batch.iter().flat_map(|batch| &batch.rows) {
        // Who writes has accepted.
        let standing = standings.get(&(row.conversation, row.sender.device));
        if standing.is_some_and(|standing| !standing.has_accepted) {
            party::accept(tx, (row.conversation, row.sender.user)).await?;
        }
    }
    let rows = batch.iter().flat_map(|batch| &batch.rows);
    let stored: HashMap<Command, Appended> = rows
        .map(|row| {
            let command = (row.stream, row.sender.device, row.client_id);
            (command, Appended::Stored { n: row.n, sent_at: row.sent_at })
        })
        .collect();
    let open: Vec<Command> =
        asked.iter().map(|(command, _)| *command).filter(|command| !stored.contains_key(command)).collect();
    let seen = if open.is_empty() { HashMap::new() } else { log::seen(tx, &open).await? };
    let outcomes = asked
        .iter()
        .map(|(command, standing)| match (stored.get(command), seen.get(command), standing) {
            (Some(stored), _, _) => *stored,
            (None, Some(seen), _) if seen.kind == RowKind::Message => {
                Appended::Stored { n: seen.n, sent_at: seen.sent_at }
            }
            (None, Some(_), _) => Appended::IdTaken,
            (None, None, Some(at)) if at.is_blocked => Appended::NotAccepted,
            (None, None, Some(at)) => Appended::StaleEpoch { newest_commit: at.newest_commit },
            (None, None, None) => Appended::NotAMember,
        })
        .collect();
    Ok((outcomes, batch))
}

async fn insert(tx: &mut Write, taken: Vec<Append>, now: Millis) -> Result<Option<Batch>, StoreError> {
    if taken.is_empty() {
        return Ok(None);
    }
    let count = taken.len();
    let first = log::reserve(tx, count).await?;
    let mut rows: Vec<Row> =
        taken.into_iter().enumerate().map(|(i, append)| message(append, first.plus(i), now)).collect();
    let inserted = log::insert(tx, &rows).await?;
    rows.retain(|row| inserted.contains(&row.n));
    let upto = first.plus(count - 1);
    Ok(Some(Batch { before: LogNumber(first.0 - 1), upto, rows }))
}

fn message(append: Append, n: LogNumber, now: Millis) -> Row {
    Row {
        n,
        stream: Stream::Conversation(append.conversation),
        kind: RowKind::Message,
        conversation: append.conversation,
        sender: append.sender,
        client_id: append.client_id,
        epoch: append.epoch,
        body: append.ciphertext,
        sent_at: now,
    }
}

/// Where the conversations stand, for each pair of conversation and device that is a member of it.
async fn standings(
    tx: &mut Write,
    batch: &[Append],
) -> Result<HashMap<(ConversationId, DeviceId), Standing>, StoreError> {
    let pairs: HashSet<(ConversationId, DeviceId)> =
        batch.iter().map(|append| (append.conversation, append.sender.device)).collect();
    let pairs: Vec<_> = pairs.into_iter().collect();
    let mut standings = HashMap::with_capacity(pairs.len());
    for run in runs(&pairs) {
        let sql = with_tuples(
            "WITH wanted (conversation, device) AS (VALUES ",
            (run.len(), 2),
            ") SELECT m.conversation, m.device, c.epoch, c.commit_n, c.pair, p.accepted, \
               (SELECT COUNT(*) FROM block b JOIN party o ON o.conversation = m.conversation \
                  AND o.account = b.account WHERE b.blocked = m.account) FROM wanted \
             JOIN member m ON m.conversation = wanted.conversation AND m.device = wanted.device \
               AND m.last_n = 9223372036854775807 \
             JOIN party p ON p.conversation = m.conversation AND p.account = m.account \
             JOIN conversation c ON c.id = wanted.conversation",
        );
        let mut query = sqlx::query(sql);
        for (conversation, device) in run {
            query = query.bind(conversation.0.as_slice()).bind(device.0.as_slice());
        }
        for row in query.fetch_all(&mut **tx).await? {
            let pair: Vec<u8> = column(&row, 4)?;
            let standing = Standing {
                epoch: column(&row, 2)?,
                newest_commit: LogNumber(column(&row, 3)?),
                has_accepted: column::<i64>(&row, 5)? != 0,
                is_blocked: pair.first() == Some(&b'd') && column::<i64>(&row, 6)? > 0,
            };
            standings.insert((column(&row, 0)?, column(&row, 1)?), standing);
        }
    }
    Ok(standings)
}
