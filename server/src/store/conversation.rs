//! Conversations: creating one, of what sort it is, and those of an account.
//!
//! The rule: a pair of people has one direct conversation and a person one notes, whoever creates first.

use crate::store::log::{self, LogNumber, Row, RowKind, Stream};
use crate::store::member::{current_devices, join};
use crate::store::policy::{self, Denial};
use crate::store::rows::{bigint, column};
use crate::store::{StoreError, Write, block, group, party};
use sotto_wire::conversation::{ConversationSummary, GroupState, Kind, Welcome};
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId, limit};
use sqlx::{Any, AnyPool, Executor};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A conversation that a device wants to create.
#[derive(Clone, Debug)]
pub(crate) struct NewConversation {
    pub(crate) creator: DeviceRef,
    pub(crate) client_id: ClientId,
    pub(crate) conversation: ConversationId,
    pub(crate) kind: Kind,
    pub(crate) state: GroupState,
    pub(crate) welcome: Option<Welcome>,
    pub(crate) roles: Vec<PersonRole>,
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
    /// The roles are not those of its people, or of no group.
    WrongRoles,
    /// The peer blocks the creator.
    NotAccepted,
}

/// Creates a conversation as of `now`.
pub(crate) async fn create(tx: &mut Write, new: &NewConversation, now: Millis) -> Result<Creation, StoreError> {
    let stream = Stream::Conversation(new.conversation);
    let command = (stream, new.creator.device, new.client_id);
    if let Some(seen) = log::seen(tx, &[command]).await?.get(&command) {
        let is_creation = seen.kind == RowKind::Created;
        return Ok(if is_creation { Creation::Created { n: seen.n } } else { Creation::IdTaken });
    }
    let people = people_of(new);
    let pair = pair(&people, (new.conversation, new.kind));
    let existing = sqlx::query("SELECT id, pair FROM conversation WHERE id = $1 OR pair = $2 ORDER BY pair = $2 DESC")
        .bind(new.conversation.0.as_slice())
        .bind(pair.as_slice())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(row) = existing {
        let is_same_pair = new.kind != Kind::Group && column::<Vec<u8>>(&row, 1)? == pair;
        return Ok(if is_same_pair { Creation::Exists(column(&row, 0)?) } else { Creation::IdTaken });
    }
    let all: Vec<UserId> = people.iter().copied().collect();
    let devices = current_devices(tx, &all).await?;
    if people.len() != devices.iter().map(|device| device.user).collect::<BTreeSet<_>>().len() {
        return Ok(Creation::NoSuchUser);
    }
    if let Kind::Direct { peer } = new.kind
        && block::stands(tx, (peer, new.creator.user)).await?
    {
        return Ok(Creation::NotAccepted);
    }
    let members: BTreeSet<DeviceRef> = new.state.members.iter().copied().collect();
    if members != devices || members.len() != new.state.members.len() || !members.contains(&new.creator) {
        return Ok(Creation::StaleDevices);
    }
    let Ok(staff) = staff_of(new, &people) else { return Ok(Creation::WrongRoles) };
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
    party::add(tx, (new.conversation, &all), Some(new.creator.user)).await?;
    if let Kind::Direct { peer } = new.kind {
        // No client can accept yet, and people who have not would not see each other type. Goes when the core accepts.
        party::accept(tx, (new.conversation, peer)).await?;
    }
    party::set_roles(tx, new.conversation, &staff).await?;
    let members: Vec<DeviceRef> = members.into_iter().collect();
    join(tx, (new.conversation, &members), (n, n.plus(1))).await?;
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
    if !group::welcome(tx, (&mark, first), new.welcome.as_ref()).await? {
        return Ok(Creation::IdTaken);
    }
    log::insert(tx, &[mark]).await?;
    Ok(Creation::Created { n })
}

/// The people of a new conversation.
fn people_of(new: &NewConversation) -> BTreeSet<UserId> {
    match new.kind {
        Kind::Direct { peer } => [new.creator.user, peer].into_iter().collect(),
        Kind::Notes => [new.creator.user].into_iter().collect(),
        Kind::Group => new.state.members.iter().map(|member| member.user).chain([new.creator.user]).collect(),
    }
}

/// The owners and admins of a new conversation; of a group without others its creator.
fn staff_of(new: &NewConversation, people: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, Role>, Denial> {
    match new.kind {
        Kind::Direct { .. } | Kind::Notes if new.roles.is_empty() => Ok(BTreeMap::new()),
        Kind::Direct { .. } | Kind::Notes => Err(Denial::WrongRoles),
        Kind::Group if new.roles.is_empty() => Ok([(new.creator.user, Role::Owner)].into_iter().collect()),
        Kind::Group => policy::staff(&new.roles, people),
    }
}

/// What is unique of a conversation: `d` and both people in order, `n` and the one, or `g` and the group's own id.
fn pair(people: &BTreeSet<UserId>, (conversation, kind): (ConversationId, Kind)) -> Vec<u8> {
    let of_people = |letter: u8| std::iter::once(letter).chain(people.iter().flat_map(|person| person.0)).collect();
    match kind {
        Kind::Direct { .. } => of_people(b'd'),
        Kind::Notes => of_people(b'n'),
        Kind::Group => std::iter::once(b'g').chain(conversation.0).collect(),
    }
}

/// The inverse of [`pair`], seen from `user`.
pub(crate) fn kind(pair: &[u8], user: UserId) -> Result<Kind, StoreError> {
    match pair {
        [b'n', ..] => Ok(Kind::Notes),
        [b'g', ..] => Ok(Kind::Group),
        [b'd', people @ ..] if people.len() == 32 => {
            let (one, other) = people.split_at(16);
            let peer = if one == user.0 { other } else { one };
            Ok(Kind::Direct { peer: UserId(peer.try_into().map_err(|_| StoreError::Corrupt)?) })
        }
        _ => Err(StoreError::Corrupt),
    }
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
        "SELECT c.id, c.pair, c.epoch, c.commit_n, COALESCE((SELECT MAX(l.n) FROM log l WHERE l.stream = c.id), 0), \
           p.role, p.accepted, p.left_n, \
           (SELECT COUNT(*) FROM party o WHERE o.conversation = c.id AND o.left_n = 0) \
         FROM party p JOIN conversation c ON c.id = p.conversation WHERE p.account = $1 AND p.conversation > $2 \
         AND p.left_n = 0 ORDER BY p.conversation LIMIT $3",
    )
    .bind(user.0.as_slice())
    .bind(after.map(|id| id.0.to_vec()).unwrap_or_default())
    .bind(i64::try_from(limit::PAGE_MAX + 1).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    let last = rows.iter().take(limit::PAGE_MAX).next_back().map(|row| column(row, 0)).transpose()?;
    let mut people = match last {
        Some(last) => party::people_by_conversation(pool, user, (after, last)).await?,
        None => HashMap::new(),
    };
    let mut summaries = Vec::with_capacity(rows.len().min(limit::PAGE_MAX));
    for row in rows.iter().take(limit::PAGE_MAX) {
        let conversation = column(row, 0)?;
        let newest = LogNumber(column::<i64>(row, 3)?.max(column(row, 4)?));
        let own = party::party(row, 5)?;
        summaries.push(ConversationSummary {
            conversation,
            kind: kind(&column::<Vec<u8>>(row, 1)?, user)?,
            epoch: column(row, 2)?,
            members: people.remove(&conversation).unwrap_or_default(),
            people_count: u32::try_from(column::<u64>(row, 8)?).map_err(|_| StoreError::Corrupt)?,
            role: own.role,
            accepted: own.has_accepted,
            head: cursor(newest),
        });
    }
    Ok((summaries, rows.len() > limit::PAGE_MAX))
}
