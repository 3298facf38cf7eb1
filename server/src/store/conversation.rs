//! Conversations: creating one, who is in it, and for how long each device is.
//!
//! The rule: a pair of people has one direct conversation and a person one notes, whoever creates first; and a device's
//! membership begins and ends at a number of the log.

use crate::store::log::{self, LogNumber, Row, RowKind, Stream};
use crate::store::rows::{bigint, column, runs, with_tuples};
use crate::store::{StoreError, Write, group};
use sotto_wire::account::Name;
use sotto_wire::conversation::{ConversationSummary, GroupState, Kind, Member, Welcome};
use sotto_wire::group::Role;
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceId, DeviceRef, Millis, UserId, limit};
use sqlx::{Any, AnyConnection, AnyPool, Executor};
use std::collections::{BTreeSet, HashMap};

/// A conversation that a device wants to create.
#[derive(Clone, Debug)]
pub(crate) struct NewConversation {
    pub(crate) creator: DeviceRef,
    pub(crate) client_id: ClientId,
    pub(crate) conversation: ConversationId,
    pub(crate) kind: Kind,
    pub(crate) state: GroupState,
    pub(crate) welcome: Option<Welcome>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It is there; maybe since an earlier try. `n` was the newest event then.
    Created { n: LogNumber },
    /// The pair has one already.
    Exists(ConversationId),
    /// The id names another conversation, or the command's id another command.
    IdTaken,
    /// The peer has no account.
    NoSuchUser,
    /// The members are not the people's current devices.
    StaleDevices,
    /// The Welcome is not for exactly the other members.
    WrongWelcome,
}

/// From when to when a device gets a conversation's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) conversation: ConversationId,
    pub(crate) device: DeviceId,
    pub(crate) first: LogNumber,
    pub(crate) last: LogNumber,
}

/// Creates a conversation as of `now`.
pub(crate) async fn create(tx: &mut Write, new: &NewConversation, now: Millis) -> Result<Creation, StoreError> {
    let stream = Stream::Conversation(new.conversation);
    let command = (stream, new.creator.device, new.client_id);
    if let Some(seen) = log::seen(tx, &[command]).await?.get(&command) {
        let is_creation = seen.kind == RowKind::Created;
        return Ok(if is_creation { Creation::Created { n: seen.n } } else { Creation::IdTaken });
    }
    let people = people_of(new.creator.user, new.kind);
    let pair = pair(&people, new.kind);
    let existing = sqlx::query("SELECT id, pair FROM conversation WHERE id = $1 OR pair = $2 ORDER BY pair = $2 DESC")
        .bind(new.conversation.0.as_slice())
        .bind(pair.as_slice())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(row) = existing {
        let is_same_pair = column::<Vec<u8>>(&row, 1)? == pair;
        return Ok(if is_same_pair { Creation::Exists(column(&row, 0)?) } else { Creation::IdTaken });
    }
    let mut devices = BTreeSet::new();
    for person in &people {
        let current = current_devices(tx, *person).await?;
        if current.is_empty() {
            return Ok(Creation::NoSuchUser);
        }
        devices.extend(current);
    }
    let members: BTreeSet<DeviceRef> = new.state.members.iter().copied().collect();
    if members != devices || members.len() != new.state.members.len() {
        return Ok(Creation::StaleDevices);
    }
    let others: BTreeSet<DeviceRef> = members.iter().copied().filter(|member| *member != new.creator).collect();
    let welcomed: BTreeSet<DeviceRef> = new.welcome.iter().flat_map(|welcome| welcome.to.iter().copied()).collect();
    if welcomed != others {
        return Ok(Creation::WrongWelcome);
    }
    // Welcomes first, so that the mark of creation is the newest event.
    let first = log::reserve(tx, others.len() + 1).await?;
    let n = first.plus(others.len());
    sqlx::query("INSERT INTO conversation (id, pair, epoch, commit_n) VALUES ($1, $2, $3, $4)")
        .bind(new.conversation.0.as_slice())
        .bind(pair.as_slice())
        .bind(bigint(new.state.epoch))
        .bind(n.0)
        .execute(&mut **tx)
        .await?;
    for person in &people {
        sqlx::query("INSERT INTO party (conversation, account) VALUES ($1, $2)")
            .bind(new.conversation.0.as_slice())
            .bind(person.0.as_slice())
            .execute(&mut **tx)
            .await?;
    }
    for member in &members {
        join(tx, (new.conversation, *member), (n, n.plus(1))).await?;
    }
    group::keep_state(tx, (new.conversation, n), &new.state).await?;
    let mark = Row {
        n,
        stream,
        kind: RowKind::Created,
        conversation: new.conversation,
        sender: new.creator,
        client_id: new.client_id,
        epoch: new.state.epoch,
        body: Vec::new(),
        sent_at: now,
    };
    if !group::invite(tx, (&mark, first), new.welcome.as_ref()).await? {
        return Ok(Creation::IdTaken);
    }
    log::insert(tx, &[mark]).await?;
    Ok(Creation::Created { n })
}

/// The people of a conversation of `kind`, the creator first.
fn people_of(creator: UserId, kind: Kind) -> Vec<UserId> {
    match kind {
        Kind::Direct { peer } => vec![creator, peer],
        Kind::Notes | Kind::Group => vec![creator],
    }
}

/// What is unique of a conversation: `d` and both people in order, or `n` and the one.
fn pair(people: &[UserId], kind: Kind) -> Vec<u8> {
    let letter = match kind {
        Kind::Direct { .. } => b'd',
        Kind::Notes => b'n',
        Kind::Group => b'g',
    };
    let ordered: BTreeSet<UserId> = people.iter().copied().collect();
    std::iter::once(letter).chain(ordered.into_iter().flat_map(|person| person.0)).collect()
}

/// The inverse of [`pair`], seen from `user`.
fn kind(pair: &[u8], user: UserId) -> Result<Kind, StoreError> {
    match pair {
        [b'n', ..] => Ok(Kind::Notes),
        [b'd', people @ ..] if people.len() == 32 => {
            let (one, other) = people.split_at(16);
            let peer = if one == user.0 { other } else { one };
            Ok(Kind::Direct { peer: UserId(peer.try_into().map_err(|_| StoreError::Corrupt)?) })
        }
        _ => Err(StoreError::Corrupt),
    }
}

/// The current devices of an account; none when there is no such account.
pub(crate) async fn current_devices(
    connection: &mut AnyConnection,
    user: UserId,
) -> Result<BTreeSet<DeviceRef>, StoreError> {
    let rows = sqlx::query("SELECT id FROM device WHERE account = $1 AND revoked_at IS NULL")
        .bind(user.0.as_slice())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok(DeviceRef { user, device: column(row, 0)? })).collect()
}

/// The account that a device is of.
pub(crate) async fn account_of(pool: &AnyPool, device: DeviceId) -> Result<Option<UserId>, StoreError> {
    let row =
        sqlx::query("SELECT account FROM device WHERE id = $1").bind(device.0.as_slice()).fetch_optional(pool).await?;
    row.map(|row| column(&row, 0)).transpose()
}

/// Begins a membership: by event `joined`, for the events from `first` on.
pub(crate) async fn join(
    tx: &mut Write,
    (conversation, member): (ConversationId, DeviceRef),
    (joined, first): (LogNumber, LogNumber),
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO member (conversation, device, account, joined_n, first_n, last_n) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(conversation.0.as_slice())
    .bind(member.device.0.as_slice())
    .bind(member.user.0.as_slice())
    .bind(joined.0)
    .bind(first.0)
    .bind(LogNumber::END.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends a membership by event `last`, which is the last that the device gets.
pub(crate) async fn leave(
    tx: &mut Write,
    (conversation, device): (ConversationId, DeviceId),
    last: LogNumber,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE member SET last_n = $1 WHERE conversation = $2 AND device = $3 AND last_n = $4")
        .bind(last.0)
        .bind(conversation.0.as_slice())
        .bind(device.0.as_slice())
        .bind(LogNumber::END.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The devices that were members right after event `n`.
pub(crate) async fn members_at(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    n: LogNumber,
) -> Result<BTreeSet<DeviceRef>, StoreError> {
    let rows =
        sqlx::query("SELECT account, device FROM member WHERE conversation = $1 AND joined_n <= $2 AND last_n > $2")
            .bind(conversation.0.as_slice())
            .bind(n.0)
            .fetch_all(connection)
            .await?;
    rows.iter().map(|row| Ok(DeviceRef { user: column(row, 0)?, device: column(row, 1)? })).collect()
}

/// The memberships that bring each of `devices`, each named once, events after `after`.
pub(crate) async fn memberships(
    connection: &mut AnyConnection,
    devices: &[DeviceId],
    after: LogNumber,
) -> Result<HashMap<DeviceId, Vec<Membership>>, StoreError> {
    let mut found: HashMap<DeviceId, Vec<Membership>> = HashMap::new();
    for run in runs(devices) {
        let sql = with_tuples(
            "WITH wanted (device) AS (VALUES ",
            (run.len(), 1),
            &format!(
                ") SELECT m.conversation, m.device, m.first_n, m.last_n FROM wanted w \
                 JOIN member m ON m.device = w.device AND m.last_n > ${}",
                run.len() + 1
            ),
        );
        let query = run.iter().fold(sqlx::query(sql), |query, device| query.bind(device.0.as_slice()));
        for row in query.bind(after.0).fetch_all(&mut *connection).await? {
            let membership = membership(&row)?;
            found.entry(membership.device).or_default().push(membership);
        }
    }
    Ok(found)
}

/// The memberships that event `n` of `conversation` began or ended.
pub(crate) async fn changed_by(
    pool: &AnyPool,
    conversation: ConversationId,
    n: LogNumber,
) -> Result<Vec<Membership>, StoreError> {
    let rows = sqlx::query(
        "SELECT conversation, device, first_n, last_n FROM member \
         WHERE conversation = $1 AND (joined_n = $2 OR last_n = $2)",
    )
    .bind(conversation.0.as_slice())
    .bind(n.0)
    .fetch_all(pool)
    .await?;
    rows.iter().map(membership).collect()
}

/// From when on `device`, which must be a member now, may read the conversation's history.
pub(crate) async fn first_readable(
    pool: &AnyPool,
    conversation: ConversationId,
    device: DeviceId,
) -> Result<Option<LogNumber>, StoreError> {
    let row = sqlx::query("SELECT first_n FROM member WHERE conversation = $1 AND device = $2 AND last_n = $3")
        .bind(conversation.0.as_slice())
        .bind(device.0.as_slice())
        .bind(LogNumber::END.0)
        .fetch_optional(pool)
        .await?;
    row.map(|row| column(&row, 0).map(LogNumber)).transpose()
}

fn membership(row: &sqlx::any::AnyRow) -> Result<Membership, StoreError> {
    Ok(Membership {
        conversation: column(row, 0)?,
        device: column(row, 1)?,
        first: LogNumber(column(row, 2)?),
        last: LogNumber(column(row, 3)?),
    })
}

/// The people of a conversation, in the order of their ids.
pub(crate) async fn people<'e>(
    executor: impl Executor<'e, Database = Any>,
    conversation: ConversationId,
) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.account, a.name FROM party p JOIN account a ON a.id = p.account WHERE p.conversation = $1 \
         ORDER BY p.account",
    )
    .bind(conversation.0.as_slice())
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| Ok(Member { user: column(row, 0)?, name: column::<Name>(row, 1)?, role: Role::Member }))
        .collect()
}

/// What sort of conversation it is, seen from `user`; `None` when there is none.
pub(crate) async fn kind_for<'e>(
    executor: impl Executor<'e, Database = Any>,
    conversation: ConversationId,
    user: UserId,
) -> Result<Option<Kind>, StoreError> {
    let row = sqlx::query("SELECT pair FROM conversation WHERE id = $1")
        .bind(conversation.0.as_slice())
        .fetch_optional(executor)
        .await?;
    row.map(|row| kind(&column::<Vec<u8>>(&row, 0)?, user)).transpose()
}

/// One page of an account's conversations after `after`, in the order of their ids, and whether there are more.
/// `cursor` writes a number of the log as a cursor.
pub(crate) async fn page(
    pool: &AnyPool,
    (user, after): (UserId, Option<ConversationId>),
    cursor: impl Fn(LogNumber) -> Cursor,
) -> Result<(Vec<ConversationSummary>, bool), StoreError> {
    let rows = sqlx::query(
        "SELECT c.id, c.pair, c.epoch, c.commit_n, COALESCE((SELECT MAX(l.n) FROM log l WHERE l.stream = c.id), 0) \
         FROM party p JOIN conversation c ON c.id = p.conversation WHERE p.account = $1 AND p.conversation > $2 \
         ORDER BY p.conversation LIMIT $3",
    )
    .bind(user.0.as_slice())
    .bind(after.map(|id| id.0.to_vec()).unwrap_or_default())
    .bind(i64::try_from(limit::PAGE_MAX + 1).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    let last = rows.iter().take(limit::PAGE_MAX).next_back().map(|row| column(row, 0)).transpose()?;
    let mut people = match last {
        Some(last) => people_by_conversation(pool, user, (after, last)).await?,
        None => HashMap::new(),
    };
    let mut summaries = Vec::with_capacity(rows.len().min(limit::PAGE_MAX));
    for row in rows.iter().take(limit::PAGE_MAX) {
        let conversation = column(row, 0)?;
        let newest = LogNumber(column::<i64>(row, 3)?.max(column(row, 4)?));
        let members: Vec<Member> = people.remove(&conversation).unwrap_or_default();
        summaries.push(ConversationSummary {
            conversation,
            people_count: u32::try_from(members.len()).unwrap_or(u32::MAX),
            role: Role::Member,
            accepted: true,
            kind: kind(&column::<Vec<u8>>(row, 1)?, user)?,
            epoch: column(row, 2)?,
            members,
            head: cursor(newest),
        });
    }
    Ok((summaries, rows.len() > limit::PAGE_MAX))
}

/// The people of the conversations of `user` after `after` and up to `last`.
async fn people_by_conversation(
    pool: &AnyPool,
    user: UserId,
    (after, last): (Option<ConversationId>, ConversationId),
) -> Result<HashMap<ConversationId, Vec<Member>>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.conversation, p.account, a.name FROM party mine \
         JOIN party p ON p.conversation = mine.conversation JOIN account a ON a.id = p.account \
         WHERE mine.account = $1 AND mine.conversation > $2 AND mine.conversation <= $3 ORDER BY p.account",
    )
    .bind(user.0.as_slice())
    .bind(after.map(|id| id.0.to_vec()).unwrap_or_default())
    .bind(last.0.as_slice())
    .fetch_all(pool)
    .await?;
    let mut people: HashMap<ConversationId, Vec<Member>> = HashMap::new();
    for row in &rows {
        let member = Member { user: column(row, 1)?, name: column::<Name>(row, 2)?, role: Role::Member };
        people.entry(column(row, 0)?).or_default().push(member);
    }
    Ok(people)
}
