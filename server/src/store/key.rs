//! The stock of key packages of each device (RFC 9420 §10).
//!
//! The rule: a one-time package is given out once, ever, even when its device sends it again.

use crate::store::StoreError;
use crate::store::rows::column;
use sha2::{Digest as _, Sha256};
use sotto_wire::{Base64, DeviceId};
use sqlx::AnyConnection;

/// Adds one-time packages; those that the device has sent before are passed over.
pub(crate) async fn add(tx: &mut AnyConnection, device: DeviceId, packages: &[Base64]) -> Result<(), StoreError> {
    let newest = sqlx::query("SELECT COALESCE(MAX(n), 0) FROM key_package WHERE device = $1")
        .bind(device.0.as_slice())
        .fetch_one(&mut *tx)
        .await?;
    let newest: i64 = column(&newest, 0)?;
    for (n, package) in (newest + 1..).zip(packages) {
        sqlx::query(
            "INSERT INTO key_package (device, digest, n, package) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(device.0.as_slice())
        .bind(Sha256::digest(package.as_slice()).to_vec())
        .bind(n)
        .bind(package.as_slice())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// How many one-time packages are left.
pub(crate) async fn stock(tx: &mut AnyConnection, device: DeviceId) -> Result<usize, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM key_package WHERE device = $1 AND package IS NOT NULL")
        .bind(device.0.as_slice())
        .fetch_one(tx)
        .await?;
    usize::try_from(column::<u64>(&row, 0)?).map_err(|_| StoreError::Corrupt)
}

/// Takes the oldest one-time package; the last resort when there is none; `None` for a device that does not exist.
pub(crate) async fn claim(tx: &mut AnyConnection, device: DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query(
        "SELECT digest, package FROM key_package WHERE device = $1 AND package IS NOT NULL ORDER BY n LIMIT 1",
    )
    .bind(device.0.as_slice())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = row {
        sqlx::query("UPDATE key_package SET package = NULL WHERE device = $1 AND digest = $2")
            .bind(device.0.as_slice())
            .bind(column::<Vec<u8>>(&row, 0)?)
            .execute(tx)
            .await?;
        return Ok(Some(column(&row, 1)?));
    }
    let row = sqlx::query("SELECT last_resort FROM device WHERE id = $1")
        .bind(device.0.as_slice())
        .fetch_optional(tx)
        .await?;
    row.map(|row| column(&row, 0)).transpose()
}

/// Replaces the last resort.
pub(crate) async fn set_last_resort(
    tx: &mut AnyConnection,
    device: DeviceId,
    last_resort: &Base64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET last_resort = $1 WHERE id = $2")
        .bind(last_resort.as_slice())
        .bind(device.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// Drops the packages of a device that was replaced.
pub(crate) async fn drop_all(tx: &mut AnyConnection, device: DeviceId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM key_package WHERE device = $1").bind(device.0.as_slice()).execute(tx).await?;
    Ok(())
}
