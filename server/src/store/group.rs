//! MLS groups as the server sees them: the epoch that is compared and set, the newest states, the Welcomes.
//!
//! The rule: of two commits from the same epoch one wins (RFC 9420 §14); the loser learns which event it must read.

use crate::store::log::{self, LogNumber, Row, RowKind, Stream};
use crate::store::member::{current_devices, members_at};
use crate::store::party::Parties;
use crate::store::policy::{self, Denial, Leaves, People};
use crate::store::rows::{bigint, column};
use crate::store::{StoreError, Write, conversation, invite, member, party};
use sotto_wire::conversation::{GroupState, Kind, Welcome};
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::invite::InviteChange;
use sotto_wire::{ClientId, ConversationId, DeviceRef, Millis, UserId};
use sqlx::AnyConnection;
use std::collections::{BTreeMap, BTreeSet};

/// States kept of each group: whoever is welcomed may come this many commits late.
const STATES_MAX: u64 = 8;

/// Who may make a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committer {
    /// A member device.
    Member,
    /// A device that adds itself (RFC 9420 §12.4.3.2); its account must be of the conversation, or show an invite.
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
    pub(crate) roles: Option<Vec<PersonRole>>,
    pub(crate) invites: Option<InviteChange>,
    /// What it shows of the invite by which it joins.
    pub(crate) access: Option<Vec<u8>>,
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
    /// The committer's role does not allow it.
    Forbidden,
    /// The roles are not such as a group can have, or there would be too many invites.
    Unfit,
    /// The invite opens nothing.
    InviteInvalid,
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
            RowKind::Created | RowKind::Message | RowKind::Welcome | RowKind::Left => Commitment::IdTaken,
        });
    }
    let standing = standing(tx, new.conversation, new.sender.user).await?;
    let invite = match &new.access {
        None => None,
        Some(access) => {
            // One answer for all that is wrong with an invite, also for one of no group.
            let found = invite::find(tx, new.conversation, (access, now)).await?;
            let Some(found) = found.filter(|_| new.committer == Committer::External) else {
                return Ok(Commitment::InviteInvalid);
            };
            Some(found)
        }
    };
    let Some(Standing { epoch, newest_commit, kind }) = standing else { return Ok(Commitment::NoSuchConversation) };
    let before = members_at(tx, new.conversation, newest_commit).await?;
    let parties = party::all(tx, new.conversation).await?;
    let is_in = parties.get(&new.sender.user).is_some_and(|party| !party.has_left);
    let is_allowed = match new.committer {
        Committer::Member => is_in && before.contains(&new.sender),
        Committer::External => is_in || invite.is_some(),
    };
    if !is_allowed {
        return Ok(Commitment::NotAMember);
    }
    if new.state.epoch.checked_sub(1) != Some(epoch) {
        return Ok(Commitment::StaleEpoch { newest_commit });
    }
    let after: BTreeSet<DeviceRef> = new.state.members.iter().copied().collect();
    if !after.contains(&new.sender) || after.len() != new.state.members.len() {
        return Ok(Commitment::WrongMembers);
    }
    let leaves = Leaves { before: &before, after: &after };
    let mut people = policy::people(&parties, leaves);
    let is_back = invite.is_some() && !is_in;
    if is_back && !people.added.contains(&new.sender.user) {
        people.added.push(new.sender.user);
    }
    let staff = match check(new, (kind, &parties), (leaves, &people)) {
        Ok(staff) => staff,
        Err(refused) => return Ok(refused),
    };
    let added: Vec<DeviceRef> = after.difference(&before).copied().collect();
    let users: BTreeSet<UserId> = added.iter().map(|member| member.user).collect();
    let current = current_devices(tx, &users.into_iter().collect::<Vec<_>>()).await?;
    // Who was replaced may stay until its account rejoins: were it not so, two accounts that are replaced at the same
    // time would each be refused for the other's leaf.
    if !added.iter().all(|member| current.contains(member)) {
        return Ok(Commitment::StaleDevices);
    }
    let welcomed: BTreeSet<DeviceRef> = new.welcome.iter().flat_map(|welcome| welcome.to.iter().copied()).collect();
    let mut invited = added.iter().filter(|member| **member != new.sender);
    if !invited.all(|member| welcomed.contains(member)) || !welcomed.is_subset(&after) {
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
    // Who has left and comes back with the same leaf begins anew.
    let is_again = |member: &&DeviceRef| is_back && **member == new.sender && before.contains(*member);
    let gone: Vec<DeviceRef> = before.difference(&after).chain(after.iter().filter(is_again)).copied().collect();
    member::remove(tx, (new.conversation, &gone), n).await?;
    // Who adds itself gets its own commit, like every committer; who is added begins after it.
    let (own, others): (Vec<DeviceRef>, Vec<DeviceRef>) =
        added.into_iter().chain(after.iter().filter(is_again).copied()).partition(|member| *member == new.sender);
    member::join(tx, (new.conversation, &own), (n, n)).await?;
    member::join(tx, (new.conversation, &others), (n, n.plus(1))).await?;
    party::remove(tx, (new.conversation, &people.removed)).await?;
    party::add(tx, (new.conversation, &people.added), Some(new.sender.user)).await?;
    if let Some(staff) = &staff {
        party::set_roles(tx, new.conversation, staff).await?;
    }
    if let Some(change) = &new.invites
        && !invite::change(tx, new.conversation, (change, now)).await?
    {
        return Ok(Commitment::Unfit);
    }
    if let Some(invite) = invite.filter(|_| is_back)
        && !invite::spend(tx, (new.conversation, invite)).await?
    {
        return Ok(Commitment::InviteInvalid);
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
    if !welcome(tx, (&row, n.plus(1)), new.welcome.as_ref()).await? {
        return Ok(Commitment::IdTaken);
    }
    log::insert(tx, &[row]).await?;
    Ok(Commitment::Stored { n, sent_at: now })
}

/// Whether the committer may do this; gives the roles that hold from now on, where they change.
fn check(
    new: &NewCommit,
    (kind, parties): (Kind, &Parties),
    (leaves, people): (Leaves<'_>, &People),
) -> Result<Option<BTreeMap<UserId, Role>>, Commitment> {
    let changes_group = new.roles.is_some() || new.invites.is_some();
    match (kind, new.committer) {
        (Kind::Direct { .. } | Kind::Notes, _) => {
            let is_as_before = people.added.is_empty() && people.removed.is_empty();
            if !is_as_before {
                return Err(Commitment::WrongMembers);
            }
            if changes_group { Err(Commitment::Unfit) } else { Ok(None) }
        }
        (Kind::Group, Committer::External) => {
            if changes_group {
                return Err(Commitment::Unfit);
            }
            policy::check_external(new.sender, leaves)?;
            Ok(None)
        }
        (Kind::Group, Committer::Member) => {
            let staff = policy::check_member((new.sender, parties), (leaves, people), new.roles.as_deref())?;
            let own = parties.get(&new.sender.user).map_or(Role::Member, |party| party.role);
            let touches = |change: &InviteChange| !change.publish.is_empty() || !change.revoke.is_empty();
            let is_staff = matches!(own, Role::Owner | Role::Admin);
            if new.invites.as_ref().is_some_and(touches) && !is_staff {
                return Err(Commitment::Forbidden);
            }
            Ok(staff)
        }
    }
}

impl From<Denial> for Commitment {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Forbidden => Self::Forbidden,
            Denial::WrongRoles => Self::Unfit,
            Denial::WrongMembers => Self::WrongMembers,
        }
    }
}

/// Where a group stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    epoch: u64,
    newest_commit: LogNumber,
    kind: Kind,
}

async fn standing(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    user: UserId,
) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query("SELECT epoch, commit_n, pair FROM conversation WHERE id = $1")
        .bind(conversation.0.as_slice())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let kind = conversation::kind(&column::<Vec<u8>>(&row, 2)?, user)?;
    Ok(Some(Standing { epoch: column(&row, 0)?, newest_commit: LogNumber(column(&row, 1)?), kind }))
}

/// What became of a wish to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// They have left, now or before. What is dropped otherwise is to be kept.
    Left,
    /// There is no such conversation.
    NoSuchConversation,
    /// They were never in it.
    NotAMember,
    /// It is no group, or they are its last owner and others are there.
    Forbidden,
}

/// Ends delivery to the devices of `sender`'s account, which leaves the group. Its leaves are the members' to remove.
pub(crate) async fn leave(
    tx: &mut Write,
    (sender, conversation): (DeviceRef, ConversationId),
    now: Millis,
) -> Result<Leaving, StoreError> {
    let Some(standing) = standing(tx, conversation, sender.user).await? else {
        return Ok(Leaving::NoSuchConversation);
    };
    let parties = party::all(tx, conversation).await?;
    let Some(own) = parties.get(&sender.user) else {
        let was_there = member::was_there(tx, (conversation, sender.user)).await?;
        return Ok(if was_there { Leaving::Left } else { Leaving::NotAMember });
    };
    if own.has_left {
        return Ok(Leaving::Left);
    }
    let others = || parties.iter().filter(|(user, party)| **user != sender.user && !party.has_left);
    let is_needed =
        own.role == Role::Owner && others().next().is_some() && !others().any(|(_, party)| party.role == Role::Owner);
    if standing.kind != Kind::Group || is_needed {
        return Ok(Leaving::Forbidden);
    }
    let n = log::reserve(tx, 1).await?;
    let mut client_id = *b"left....\0\0\0\0\0\0\0\0";
    client_id[8..].copy_from_slice(&n.0.to_be_bytes());
    let mark = Row {
        n,
        stream: Stream::Conversation(conversation),
        kind: RowKind::Left,
        conversation,
        sender,
        client_id: ClientId(client_id),
        epoch: standing.epoch,
        body: Vec::new(),
        sent_at: now,
    };
    log::insert(tx, &[mark]).await?;
    member::silence(tx, (conversation, sender.user), n).await?;
    party::leave(tx, (conversation, sender.user), n).await?;
    Ok(Leaving::Left)
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
pub(crate) async fn welcome(
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

#[cfg(test)]
mod tests;
