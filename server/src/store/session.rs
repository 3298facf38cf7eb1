//! Sessions: the families of refresh tokens, each one sign-in of one browser.
//!
//! The rule: a session that has ended has no row, and a generation is never given out twice.

use crate::store::StoreError;
use crate::store::rows::{bigint, column};
use sotto_wire::{DeviceId, Millis, UserId};
use sqlx::AnyConnection;

/// Names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(pub(crate) [u8; 16]);

/// A session: one sign-in of one browser, and the family of its refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Which.
    pub(crate) id: SessionId,
    /// Whose.
    pub(crate) user: UserId,
    /// The device that it is bound to.
    pub(crate) device: Option<DeviceId>,
    /// How often a device was bound to it.
    pub(crate) binding: u32,
    /// Generation of its refresh token.
    pub(crate) generation: u64,
    /// When that generation began.
    pub(crate) rotated_at: Millis,
    /// When it ends without a refresh.
    pub(crate) ends_at: Millis,
}

/// Adds a session.
pub(crate) async fn insert(tx: &mut AnyConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO session (id, account, device, binding, generation, rotated_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(session.id.0.as_slice())
    .bind(session.user.0.as_slice())
    .bind(session.device.as_ref().map(|device| device.0.as_slice()))
    .bind(i64::from(session.binding))
    .bind(bigint(session.generation))
    .bind(bigint(session.rotated_at.0))
    .bind(bigint(session.ends_at.0))
    .execute(tx)
    .await?;
    Ok(())
}

/// The session, unless it has ended.
pub(crate) async fn load(tx: &mut AnyConnection, id: SessionId) -> Result<Option<Session>, StoreError> {
    let row =
        sqlx::query("SELECT account, device, binding, generation, rotated_at, ends_at FROM session WHERE id = $1")
            .bind(id.0.as_slice())
            .fetch_optional(tx)
            .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Session {
        id,
        user: column(&row, 0)?,
        device: column(&row, 1)?,
        binding: u32::try_from(column::<i64>(&row, 2)?).map_err(|_| StoreError::Corrupt)?,
        generation: column(&row, 3)?,
        rotated_at: column(&row, 4)?,
        ends_at: column(&row, 5)?,
    }))
}

/// Begins the next generation of the session's refresh token.
pub(crate) async fn rotate(tx: &mut AnyConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query("UPDATE session SET generation = $1, rotated_at = $2, ends_at = $3 WHERE id = $4")
        .bind(bigint(session.generation))
        .bind(bigint(session.rotated_at.0))
        .bind(bigint(session.ends_at.0))
        .bind(session.id.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// Binds the session to a device.
pub(crate) async fn bind(tx: &mut AnyConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query("UPDATE session SET device = $1, binding = $2 WHERE id = $3")
        .bind(session.device.as_ref().map(|device| device.0.as_slice()))
        .bind(i64::from(session.binding))
        .bind(session.id.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends the session; `false` when it had ended.
pub(crate) async fn end(tx: &mut AnyConnection, id: SessionId) -> Result<bool, StoreError> {
    let ended = sqlx::query("DELETE FROM session WHERE id = $1").bind(id.0.as_slice()).execute(tx).await?;
    Ok(ended.rows_affected() > 0)
}

/// Ends every session of the device but `kept`, and says which.
pub(crate) async fn end_of_device(
    tx: &mut AnyConnection,
    (user, device): (UserId, DeviceId),
    kept: SessionId,
) -> Result<Vec<SessionId>, StoreError> {
    let rows = sqlx::query("DELETE FROM session WHERE account = $1 AND device = $2 AND id <> $3 RETURNING id")
        .bind(user.0.as_slice())
        .bind(device.0.as_slice())
        .bind(kept.0.as_slice())
        .fetch_all(tx)
        .await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Drops sessions whose time is over.
pub(crate) async fn drop_expired(tx: &mut AnyConnection, now: Millis) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE ends_at <= $1").bind(bigint(now.0)).execute(tx).await?;
    Ok(())
}
