//! MLS groups as the server sees them: the epoch that is compared and set, the newest states, the Welcomes.
//!
//! The rule: of two commits from the same epoch one wins (RFC 9420 §14); the loser learns which event it must read.

use crate::store::conversation::{current_devices, join, leave, members_at};
use crate::store::log::{self, LogNumber, Row, RowKind, Stream};
use crate::store::rows::{bigint, column};
use crate::store::{StoreError, Write};
use sotto_wire::conversation::{GroupState, Welcome};
use sotto_wire::{ClientId, ConversationId, DeviceRef, Millis, UserId};
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// States kept of each group: whoever is welcomed may come this many commits late.
const STATES_MAX: u64 = 8;

/// Who may make a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committer {
    /// A member device.
    Member,
    /// A device that adds itself (RFC 9420 §12.4.3.2); its account must be of the conversation.
    External,
}

/// A commit on its way into the log.
#[derive(Clone, Debug)]
pub(crate) struct NewCommit {
    pub(crate) sender: DeviceRef,
    pub(crate) client_id: ClientId,
    pub(crate) conversation: ConversationId,
    pub(crate) committer: Committer,
    pub(crate) commit: Vec<u8>,
    pub(crate) state: GroupState,
    pub(crate) welcome: Option<Welcome>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// It is in the log; maybe since an earlier try.
    Stored { n: LogNumber, sent_at: Millis },
    /// There is no such conversation.
    NoSuchConversation,
    /// The device, or the account of an external committer, is not of the conversation.
    NotAMember,
    /// Another commit came first, or the committer is ahead of what is known.
    StaleEpoch { newest_commit: LogNumber },
    /// A device that is added is not current.
    StaleDevices,
    /// The people are not those of the conversation, or the committer is not among the members.
    WrongMembers,
    /// The Welcome is not for the devices that the commit adds.
    WrongWelcome,
    /// Its id names another kind of command.
    IdTaken,
}

/// Appends a commit as of `now`, when the epoch before its own is the current one.
pub(crate) async fn commit(tx: &mut Write, new: &NewCommit, now: Millis) -> Result<Commitment, StoreError> {
    let stream = Stream::Conversation(new.conversation);
    let command = (stream, new.sender.device, new.client_id);
    if let Some(seen) = log::seen(tx, &[command]).await?.get(&command) {
        return Ok(match seen.kind {
            RowKind::Commit => Commitment::Stored { n: seen.n, sent_at: seen.sent_at },
            RowKind::Created | RowKind::Message | RowKind::Welcome => Commitment::IdTaken,
        });
    }
    let Some((epoch, newest_commit)) = standing(tx, new.conversation).await? else {
        return Ok(Commitment::NoSuchConversation);
    };
    let before = members_at(tx, new.conversation, newest_commit).await?;
    let people = accounts(tx, new.conversation).await?;
    let is_allowed = match new.committer {
        Committer::Member => before.contains(&new.sender),
        Committer::External => people.contains(&new.sender.user),
    };
    if !is_allowed {
        return Ok(Commitment::NotAMember);
    }
    if new.state.epoch.checked_sub(1) != Some(epoch) {
        return Ok(Commitment::StaleEpoch { newest_commit });
    }
    let after: BTreeSet<DeviceRef> = new.state.members.iter().copied().collect();
    let people_after: BTreeSet<UserId> = after.iter().map(|member| member.user).collect();
    if people_after != people || !after.contains(&new.sender) || after.len() != new.state.members.len() {
        return Ok(Commitment::WrongMembers);
    }
    let mut current = BTreeSet::new();
    for person in &people {
        current.extend(current_devices(tx, *person).await?);
    }
    // Who was replaced may stay until its account rejoins: were it not so, two accounts that are replaced at the same
    // time would each be refused for the other's leaf.
    if !after.difference(&before).all(|member| current.contains(member)) {
        return Ok(Commitment::StaleDevices);
    }
    let welcomed: BTreeSet<DeviceRef> = new.welcome.iter().flat_map(|welcome| welcome.to.iter().copied()).collect();
    let mut added = after.difference(&before).filter(|member| **member != new.sender);
    if !added.all(|member| welcomed.contains(member)) || !welcomed.is_subset(&after) {
        return Ok(Commitment::WrongWelcome);
    }
    let n = log::reserve(tx, 1 + welcomed.len()).await?;
    let moved = sqlx::query("UPDATE conversation SET epoch = $1, commit_n = $2 WHERE id = $3 AND epoch = $4")
        .bind(bigint(new.state.epoch))
        .bind(n.0)
        .bind(new.conversation.0.as_slice())
        .bind(bigint(epoch))
        .execute(&mut **tx)
        .await?;
    if moved.rows_affected() != 1 {
        return Ok(Commitment::StaleEpoch { newest_commit });
    }
    for member in before.difference(&after) {
        leave(tx, (new.conversation, member.device), n).await?;
    }
    for member in after.difference(&before) {
        // Who adds itself gets its own commit, like every committer; who is added begins after it.
        let first = if *member == new.sender { n } else { n.plus(1) };
        join(tx, (new.conversation, *member), (n, first)).await?;
    }
    keep_state(tx, (new.conversation, n), &new.state).await?;
    let row = Row {
        n,
        stream,
        kind: RowKind::Commit,
        conversation: new.conversation,
        sender: new.sender,
        client_id: new.client_id,
        epoch: new.state.epoch,
        body: new.commit.clone(),
        sent_at: now,
    };
    if !invite(tx, (&row, n.plus(1)), new.welcome.as_ref()).await? {
        return Ok(Commitment::IdTaken);
    }
    log::insert(tx, &[row]).await?;
    Ok(Commitment::Stored { n, sent_at: now })
}

/// Epoch and newest commit of a group.
async fn standing(
    connection: &mut AnyConnection,
    conversation: ConversationId,
) -> Result<Option<(u64, LogNumber)>, StoreError> {
    let row = sqlx::query("SELECT epoch, commit_n FROM conversation WHERE id = $1")
        .bind(conversation.0.as_slice())
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((column(&row, 0)?, LogNumber(column(&row, 1)?)))).transpose()
}

/// The accounts of a conversation.
pub(crate) async fn accounts(
    connection: &mut AnyConnection,
    conversation: ConversationId,
) -> Result<BTreeSet<UserId>, StoreError> {
    let rows = sqlx::query("SELECT account FROM party WHERE conversation = $1")
        .bind(conversation.0.as_slice())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Keeps the state that event `n` led to and drops those that are too old.
pub(crate) async fn keep_state(
    tx: &mut Write,
    (conversation, n): (ConversationId, LogNumber),
    state: &GroupState,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO group_state (conversation, epoch, n, group_info, ratchet_tree) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(conversation.0.as_slice())
    .bind(bigint(state.epoch))
    .bind(n.0)
    .bind(state.group_info.as_slice())
    .bind(state.ratchet_tree.as_slice())
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM group_state WHERE conversation = $1 AND epoch <= $2")
        .bind(conversation.0.as_slice())
        .bind(bigint(state.epoch).saturating_sub(bigint(STATES_MAX)))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The state of `epoch`, or the newest, with the event that led to it.
pub(crate) async fn load_state(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    epoch: Option<u64>,
) -> Result<Option<(GroupState, LogNumber)>, StoreError> {
    let newest = "SELECT epoch, n, group_info, ratchet_tree FROM group_state WHERE conversation = $1 AND epoch <= $2 \
                  ORDER BY epoch DESC LIMIT 1";
    let row = sqlx::query(newest)
        .bind(conversation.0.as_slice())
        .bind(epoch.map_or(i64::MAX, bigint))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (found, n): (u64, LogNumber) = (column(&row, 0)?, LogNumber(column(&row, 1)?));
    if epoch.is_some_and(|epoch| epoch != found) {
        return Ok(None);
    }
    let members = members_at(connection, conversation, n).await?.into_iter().collect();
    let (group_info, ratchet_tree) = (column::<Vec<u8>>(&row, 2)?.into(), column::<Vec<u8>>(&row, 3)?.into());
    Ok(Some((GroupState { epoch: found, group_info, ratchet_tree, members }, n)))
}

/// Sends the Welcome that goes with `cause` to each device that it names, from number `first` on. Says no when the
/// command's id was used for another Welcome to one of them.
pub(crate) async fn invite(
    tx: &mut Write,
    (cause, first): (&Row, LogNumber),
    welcome: Option<&Welcome>,
) -> Result<bool, StoreError> {
    let Some(welcome) = welcome.filter(|welcome| !welcome.to.is_empty()) else { return Ok(true) };
    let to: BTreeSet<DeviceRef> = welcome.to.iter().copied().collect();
    let rows: Vec<Row> = to
        .iter()
        .enumerate()
        .map(|(i, device)| Row {
            n: first.plus(i),
            stream: Stream::Device(device.device),
            kind: RowKind::Welcome,
            body: Vec::new(),
            ..cause.clone()
        })
        .collect();
    sqlx::query("INSERT INTO welcome (conversation, epoch, n, body) VALUES ($1, $2, $3, $4)")
        .bind(cause.conversation.0.as_slice())
        .bind(bigint(cause.epoch))
        .bind(first.plus(to.len() - 1).0)
        .bind(welcome.welcome.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(log::insert(tx, &rows).await?.len() == rows.len())
}

/// The Welcome of the commit that led to `epoch`; `None` when retention has taken it.
pub(crate) async fn load_welcome(
    pool: &sqlx::AnyPool,
    conversation: ConversationId,
    epoch: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT body FROM welcome WHERE conversation = $1 AND epoch = $2")
        .bind(conversation.0.as_slice())
        .bind(bigint(epoch))
        .fetch_optional(pool)
        .await?;
    row.map(|row| column(&row, 0)).transpose()
}
