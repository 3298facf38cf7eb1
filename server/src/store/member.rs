//! Members: the devices of a group, and from when to when each gets its events.
//!
//! The rule: a membership begins and ends at a number of the log. Who leaves by itself gets nothing from then on, but
//! stays a leaf of the group until a commit removes it.

use crate::store::log::LogNumber;
use crate::store::rows::{column, runs, with_tuples};
use crate::store::{StoreError, Write};
use sotto_wire::{ConversationId, DeviceId, DeviceRef, UserId};
use sqlx::{AnyConnection, AnyPool};
use std::collections::{BTreeSet, HashMap};

/// From when to when a device gets a conversation's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) conversation: ConversationId,
    pub(crate) device: DeviceId,
    pub(crate) first: LogNumber,
    pub(crate) last: LogNumber,
}

/// The current devices of accounts; none of one that does not exist.
pub(crate) async fn current_devices(
    connection: &mut AnyConnection,
    users: &[UserId],
) -> Result<BTreeSet<DeviceRef>, StoreError> {
    let mut devices = BTreeSet::new();
    for run in runs(users) {
        let sql = with_tuples(
            "WITH wanted (account) AS (VALUES ",
            (run.len(), 1),
            ") SELECT d.account, d.id FROM wanted w JOIN device d ON d.account = w.account AND d.revoked_at IS NULL",
        );
        let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
        for row in query.fetch_all(&mut *connection).await? {
            devices.insert(DeviceRef { user: column(&row, 0)?, device: column(&row, 1)? });
        }
    }
    Ok(devices)
}

/// The account that a device is of.
pub(crate) async fn account_of(pool: &AnyPool, device: DeviceId) -> Result<Option<UserId>, StoreError> {
    let row =
        sqlx::query("SELECT account FROM device WHERE id = $1").bind(device.0.as_slice()).fetch_optional(pool).await?;
    row.map(|row| column(&row, 0)).transpose()
}

/// Begins memberships: by event `joined`, for the events from `first` on.
pub(crate) async fn join(
    tx: &mut Write,
    (conversation, members): (ConversationId, &[DeviceRef]),
    (joined, first): (LogNumber, LogNumber),
) -> Result<(), StoreError> {
    for run in runs(members) {
        let sql = with_tuples(
            "INSERT INTO member (conversation, device, account, joined_n, first_n, last_n) VALUES ",
            (run.len(), 6),
            "",
        );
        let mut query = sqlx::query(sql);
        for member in run {
            query = query
                .bind(conversation.0.as_slice())
                .bind(member.device.0.as_slice())
                .bind(member.user.0.as_slice())
                .bind(joined.0)
                .bind(first.0)
                .bind(LogNumber::END.0);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Ends memberships by event `last`, which removes the devices and is the last that they get.
pub(crate) async fn remove(
    tx: &mut Write,
    (conversation, devices): (ConversationId, &[DeviceRef]),
    last: LogNumber,
) -> Result<(), StoreError> {
    for run in runs(devices) {
        let placeholders = run.len();
        let sql = with_tuples(
            "WITH gone (device) AS (VALUES ",
            (placeholders, 1),
            &format!(
                ") UPDATE member SET removed_n = ${last}, last_n = CASE WHEN last_n < ${last} THEN last_n ELSE ${last} END \
                 WHERE conversation = ${of} AND removed_n = ${end} AND device IN (SELECT device FROM gone)",
                last = placeholders + 1,
                of = placeholders + 2,
                end = placeholders + 3,
            ),
        );
        let query = run.iter().fold(sqlx::query(sql), |query, member| query.bind(member.device.0.as_slice()));
        query.bind(last.0).bind(conversation.0.as_slice()).bind(LogNumber::END.0).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Ends delivery to the devices of an account that leaves, by event `last`. They stay leaves of the group.
pub(crate) async fn silence(
    tx: &mut Write,
    (conversation, user): (ConversationId, UserId),
    last: LogNumber,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE member SET last_n = $1 WHERE conversation = $2 AND account = $3 AND last_n = $4")
        .bind(last.0)
        .bind(conversation.0.as_slice())
        .bind(user.0.as_slice())
        .bind(LogNumber::END.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether a device of the account is, or ever was, a member.
pub(crate) async fn was_there(
    connection: &mut AnyConnection,
    (conversation, user): (ConversationId, UserId),
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM member WHERE conversation = $1 AND account = $2 LIMIT 1")
        .bind(conversation.0.as_slice())
        .bind(user.0.as_slice())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// The devices that were leaves of the group right after event `n`.
pub(crate) async fn members_at(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    n: LogNumber,
) -> Result<BTreeSet<DeviceRef>, StoreError> {
    let rows =
        sqlx::query("SELECT account, device FROM member WHERE conversation = $1 AND joined_n <= $2 AND removed_n > $2")
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
