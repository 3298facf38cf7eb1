//! The stock of key packages of each device (RFC 9420 §10).
//!
//! The rule: a one-time package is given out once, ever, even when its device sends it again.

use crate::store::StoreError;
use crate::store::rows::{column, runs, with_tuples};
use sha2::{Digest as _, Sha256};
use sotto_wire::{Base64, DeviceId, UserId};
use sqlx::AnyConnection;
use std::collections::HashMap;

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

/// A package that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) device: DeviceId,
    /// None for a device that has neither a one-time package nor a last resort.
    pub(crate) package: Option<Vec<u8>>,
}

/// Takes the oldest one-time package of the current device of each of `users`, who are each named once; its last resort
/// when there is none. Who does not exist is not in the answer.
pub(crate) async fn claim(tx: &mut AnyConnection, users: &[UserId]) -> Result<HashMap<UserId, Claimed>, StoreError> {
    let mut claimed = HashMap::with_capacity(users.len());
    for run in runs(users) {
        let sql = with_tuples(
            "WITH wanted (account) AS (VALUES ",
            (run.len(), 1),
            ") SELECT d.account, d.id, k.digest, COALESCE(k.package, d.last_resort) FROM wanted w \
             JOIN device d ON d.account = w.account AND d.revoked_at IS NULL \
             LEFT JOIN key_package k ON k.device = d.id AND k.package IS NOT NULL AND k.n = \
               (SELECT MIN(o.n) FROM key_package o WHERE o.device = d.id AND o.package IS NOT NULL)",
        );
        let query = run.iter().fold(sqlx::query(sql), |query, user| query.bind(user.0.as_slice()));
        let mut spent: Vec<(DeviceId, Vec<u8>)> = Vec::with_capacity(run.len());
        for row in query.fetch_all(&mut *tx).await? {
            let device = column(&row, 1)?;
            spent.extend(column::<Option<Vec<u8>>>(&row, 2)?.map(|digest| (device, digest)));
            claimed.insert(column(&row, 0)?, Claimed { device, package: column(&row, 3)? });
        }
        for run in runs(&spent) {
            let sql = with_tuples(
                "WITH spent (device, digest) AS (VALUES ",
                (run.len(), 2),
                ") UPDATE key_package SET package = NULL WHERE (device, digest) IN (SELECT device, digest FROM spent)",
            );
            let mut query = sqlx::query(sql);
            for (device, digest) in run {
                query = query.bind(device.0.as_slice()).bind(digest.as_slice());
            }
            query.execute(&mut *tx).await?;
        }
    }
    Ok(claimed)
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
