//! Parties: the people of conversations, their roles, who has accepted, who has left.
//!
//! The rule: who has left a group is none of its people any more, though their devices stay leaves until they are removed.

use crate::store::log::LogNumber;
use crate::store::rows::{column, runs, with_tuples};
use crate::store::{StoreError, Write};
use sotto_wire::account::Name;
use sotto_wire::conversation::Member;
use sotto_wire::group::Role;
use sotto_wire::{ConversationId, UserId};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, Executor};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What somebody is in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) role: Role,
    pub(crate) has_accepted: bool,
    /// Has left, and still has leaves in the group.
    pub(crate) has_left: bool,
}

/// The people of a conversation, with those who have left it and still have leaves.
pub(crate) type Parties = BTreeMap<UserId, Party>;

/// The roles of those who have one, as they stand in the column.
fn number(role: Role) -> i64 {
    match role {
        Role::Member | Role::Unknown => 0,
        Role::Admin => 1,
        Role::Owner => 2,
    }
}

fn role(row: &AnyRow, index: usize) -> Result<Role, StoreError> {
    let roles = [Role::Member, Role::Admin, Role::Owner];
    let stored: i64 = column(row, index)?;
    roles.into_iter().find(|role| number(*role) == stored).ok_or(StoreError::Corrupt)
}

/// Reads role, acceptance and leaving from the columns `first` on.
pub(crate) fn party(row: &AnyRow, first: usize) -> Result<Party, StoreError> {
    let (has_accepted, left_n): (i64, i64) = (column(row, first + 1)?, column(row, first + 2)?);
    Ok(Party { role: role(row, first)?, has_accepted: has_accepted != 0, has_left: left_n != 0 })
}

/// The parties of a conversation.
pub(crate) async fn all(connection: &mut AnyConnection, conversation: ConversationId) -> Result<Parties, StoreError> {
    let rows = sqlx::query("SELECT account, role, accepted, left_n FROM party WHERE conversation = $1")
        .bind(conversation.0.as_slice())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((column(row, 0)?, party(row, 1)?))).collect()
}

/// One of them.
pub(crate) async fn one<'e>(
    executor: impl Executor<'e, Database = Any>,
    (conversation, user): (ConversationId, UserId),
) -> Result<Option<Party>, StoreError> {
    let row = sqlx::query("SELECT role, accepted, left_n FROM party WHERE conversation = $1 AND account = $2")
        .bind(conversation.0.as_slice())
        .bind(user.0.as_slice())
        .fetch_optional(executor)
        .await?;
    row.map(|row| party(&row, 0)).transpose()
}

/// Adds people as members; who was there before begins anew.
pub(crate) async fn add(
    tx: &mut Write,
    (conversation, users): (ConversationId, &[UserId]),
    accepted_by: Option<UserId>,
) -> Result<(), StoreError> {
    for run in runs(users) {
        let sql = with_tuples(
            "INSERT INTO party (conversation, account, accepted) VALUES ",
            (run.len(), 3),
            " ON CONFLICT (conversation, account) DO UPDATE SET role = 0, accepted = excluded.accepted, left_n = 0",
        );
        let mut query = sqlx::query(sql);
        for user in run {
            let accepted = i64::from(accepted_by == Some(*user));
            query = query.bind(conversation.0.as_slice()).bind(user.0.as_slice()).bind(accepted);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Removes people.
pub(crate) async fn remove(
    tx: &mut Write,
    (conversation, users): (ConversationId, &[UserId]),
) -> Result<(), StoreError> {
    for run in runs(users) {
        let after = format!(
            ") DELETE FROM party WHERE conversation = ${} AND account IN (SELECT account FROM gone)",
            run.len() + 1
        );
        let sql = with_tuples("WITH gone (account) AS (VALUES ", (run.len(), 1), &after);
        let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
        query.bind(conversation.0.as_slice()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Gives people the roles of `staff`, and everybody else that of a member.
pub(crate) async fn set_roles(
    tx: &mut Write,
    conversation: ConversationId,
    staff: &BTreeMap<UserId, Role>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE party SET role = 0 WHERE conversation = $1 AND role <> 0")
        .bind(conversation.0.as_slice())
        .execute(&mut **tx)
        .await?;
    for wanted in [Role::Owner, Role::Admin] {
        let users: Vec<UserId> = staff.iter().filter(|(_, role)| **role == wanted).map(|(user, _)| *user).collect();
        for run in runs(&users) {
            let after = format!(
                ") UPDATE party SET role = ${} WHERE conversation = ${} AND account IN (SELECT account FROM named)",
                run.len() + 1,
                run.len() + 2
            );
            let sql = with_tuples("WITH named (account) AS (VALUES ", (run.len(), 1), &after);
            let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
            query.bind(number(wanted)).bind(conversation.0.as_slice()).execute(&mut **tx).await?;
        }
    }
    Ok(())
}

/// Notes that somebody has accepted a conversation.
pub(crate) async fn accept(
    tx: &mut AnyConnection,
    (conversation, user): (ConversationId, UserId),
) -> Result<(), StoreError> {
    sqlx::query("UPDATE party SET accepted = 1 WHERE conversation = $1 AND account = $2 AND accepted = 0")
        .bind(conversation.0.as_slice())
        .bind(user.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes that somebody has left by event `n`. They keep no role.
pub(crate) async fn leave(
    tx: &mut Write,
    (conversation, user): (ConversationId, UserId),
    n: LogNumber,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE party SET left_n = $1, role = 0 WHERE conversation = $2 AND account = $3")
        .bind(n.0)
        .bind(conversation.0.as_slice())
        .bind(user.0.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// How many people a conversation has.
pub(crate) async fn count<'e>(
    executor: impl Executor<'e, Database = Any>,
    conversation: ConversationId,
) -> Result<u32, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM party WHERE conversation = $1 AND left_n = 0")
        .bind(conversation.0.as_slice())
        .fetch_one(executor)
        .await?;
    u32::try_from(column::<u64>(&row, 0)?).map_err(|_| StoreError::Corrupt)
}

/// The people of a conversation, in the order of their ids.
pub(crate) async fn people<'e>(
    executor: impl Executor<'e, Database = Any>,
    conversation: ConversationId,
) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.account, a.name, p.role FROM party p JOIN account a ON a.id = p.account \
         WHERE p.conversation = $1 AND p.left_n = 0 ORDER BY p.account",
    )
    .bind(conversation.0.as_slice())
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| Ok(Member { user: column(row, 0)?, name: column::<Name>(row, 1)?, role: role(row, 2)? }))
        .collect()
}

/// The people of the direct conversations and notes of `user` after `after` and up to `last`; not those of groups, of
/// which a page would have a hundred thousand.
pub(crate) async fn people_by_conversation(
    pool: &AnyPool,
    user: UserId,
    (after, last): (Option<ConversationId>, ConversationId),
) -> Result<HashMap<ConversationId, Vec<Member>>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.conversation, p.account, a.name FROM party mine \
         JOIN conversation c ON c.id = mine.conversation AND (c.pair < $4 OR c.pair >= $5) \
         JOIN party p ON p.conversation = mine.conversation JOIN account a ON a.id = p.account \
         WHERE mine.account = $1 AND mine.conversation > $2 AND mine.conversation <= $3 ORDER BY p.account",
    )
    .bind(user.0.as_slice())
    .bind(after.map(|id| id.0.to_vec()).unwrap_or_default())
    .bind(last.0.as_slice())
    .bind(b"g".as_slice())
    .bind(b"h".as_slice())
    .fetch_all(pool)
    .await?;
    let mut people: HashMap<ConversationId, Vec<Member>> = HashMap::new();
    for row in &rows {
        let member = Member { user: column(row, 1)?, name: column::<Name>(row, 2)?, role: Role::Member };
        people.entry(column(row, 0)?).or_default().push(member);
    }
    Ok(people)
}

/// Who is shown nothing of what `user` does in a conversation: those who have not accepted it, and those who block
/// `user` or whom `user` blocks. With `user` among them, who may have left just now, nobody is shown anything.
pub(crate) async fn shut_out(
    pool: &AnyPool,
    (conversation, user): (ConversationId, UserId),
) -> Result<HashSet<UserId>, StoreError> {
    let rows = sqlx::query(
        "SELECT account FROM party WHERE conversation = $1 AND accepted = 0 \
         UNION SELECT account FROM party WHERE conversation = $1 AND account = $2 AND left_n <> 0 \
         UNION SELECT b.account FROM block b WHERE b.blocked = $2 \
         UNION SELECT b.blocked FROM block b WHERE b.account = $2",
    )
    .bind(conversation.0.as_slice())
    .bind(user.0.as_slice())
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Who is to be kept apart in presence.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    /// Have not accepted the conversation.
    pub(crate) not_accepted: HashSet<(ConversationId, UserId)>,
    /// One of the two blocks the other; both ways.
    pub(crate) blocked: HashSet<(UserId, UserId)>,
}

/// What keeps `users` and the people of their conversations apart.
pub(crate) async fn apart(connection: &mut AnyConnection, users: &[UserId]) -> Result<Apart, StoreError> {
    let mut apart = Apart::default();
    for run in runs(users) {
        let sql = with_tuples(
            "WITH named (account) AS (VALUES ",
            (run.len(), 1),
            ") SELECT p.conversation, p.account FROM named n JOIN party mine ON mine.account = n.account \
             JOIN party p ON p.conversation = mine.conversation AND p.accepted = 0",
        );
        let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
        for row in query.fetch_all(&mut *connection).await? {
            apart.not_accepted.insert((column(&row, 0)?, column(&row, 1)?));
        }
        let sql = with_tuples(
            "WITH named (account) AS (VALUES ",
            (run.len(), 1),
            ") SELECT b.account, b.blocked FROM named n JOIN block b ON b.account = n.account \
             UNION SELECT b.account, b.blocked FROM named n JOIN block b ON b.blocked = n.account",
        );
        let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
        for row in query.fetch_all(&mut *connection).await? {
            let (one, other) = (column(&row, 0)?, column(&row, 1)?);
            apart.blocked.extend([(one, other), (other, one)]);
        }
    }
    Ok(apart)
}
