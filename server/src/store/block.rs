//! Whom accounts block.
//!
//! The rule: a block is one account's own, and tells nothing to whom it is against.

use crate::store::StoreError;
use crate::store::rows::column;
use sotto_wire::{UserId, limit};
use sqlx::{Any, AnyConnection, Executor};

/// Blocks somebody, unless as many are blocked as may be.
pub(crate) async fn add(tx: &mut AnyConnection, (user, blocked): (UserId, UserId)) -> Result<bool, StoreError> {
    let others = sqlx::query("SELECT COUNT(*) FROM block WHERE account = $1 AND blocked <> $2")
        .bind(user.0.as_slice())
        .bind(blocked.0.as_slice())
        .fetch_one(&mut *tx)
        .await?;
    if column::<u64>(&others, 0)? >= limit::BLOCKS_MAX as u64 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO block (account, blocked) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(user.0.as_slice())
        .bind(blocked.0.as_slice())
        .execute(tx)
        .await?;
    Ok(true)
}

/// Blocks somebody no more.
pub(crate) async fn remove(tx: &mut AnyConnection, (user, blocked): (UserId, UserId)) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM block WHERE account = $1 AND blocked = $2")
        .bind(user.0.as_slice())
        .bind(blocked.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// Whom an account blocks, in the order of their ids.
pub(crate) async fn of<'e>(
    executor: impl Executor<'e, Database = Any>,
    user: UserId,
) -> Result<Vec<UserId>, StoreError> {
    let rows = sqlx::query("SELECT blocked FROM block WHERE account = $1 ORDER BY blocked")
        .bind(user.0.as_slice())
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Whether `user` blocks `other`.
pub(crate) async fn stands(tx: &mut AnyConnection, (user, other): (UserId, UserId)) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM block WHERE account = $1 AND blocked = $2")
        .bind(user.0.as_slice())
        .bind(other.0.as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(row.is_some())
}
