//! Accounts and their devices.
//!
//! The rule: an account has exactly one current device; devices before it keep their row, which says where their
//! messages came from, and lose their key packages.

use crate::store::log::LogNumber;
use crate::store::rows::{bigint, column};
use crate::store::{StoreError, key, log};
use sotto_wire::account::{Identity, Name};
use sotto_wire::key::NewDevice;
use sotto_wire::people::FoundPerson;
use sotto_wire::{Base64, DeviceId, DeviceRef, Millis, UserId, limit};
use sqlx::{Any, AnyConnection, Executor};

/// An account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    /// Its id.
    pub(crate) user: UserId,
    /// Its sign-in name.
    pub(crate) name: Name,
    /// OPAQUE registration record.
    pub(crate) record: Vec<u8>,
    /// Public identity.
    pub(crate) identity: Identity,
    /// Sealed secrets.
    pub(crate) vault: Vec<u8>,
    /// The current device.
    pub(crate) device: DeviceId,
    /// How many devices were registered so far.
    pub(crate) device_sequence: u64,
    /// When it was made.
    pub(crate) created_at: Millis,
}

/// A device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    /// Which, of whom.
    pub(crate) device: DeviceRef,
    /// Its certificate.
    pub(crate) certificate: Vec<u8>,
    /// Its last resort.
    pub(crate) last_resort: Vec<u8>,
    /// The newest row of the log when it came.
    pub(crate) registered_n: i64,
    /// When it came.
    pub(crate) registered_at: Millis,
    /// Whether another has taken its place.
    pub(crate) is_revoked: bool,
    /// The newest row that it has said to have stored.
    pub(crate) acknowledged_n: i64,
}

/// By what an account is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// Its id.
    Id(UserId),
    /// Its sign-in name.
    Name(&'a Name),
}

/// Adds an account.
pub(crate) async fn insert(tx: &mut AnyConnection, account: &Account) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO account (id, name, record, ed25519, ml_dsa_65, vault, device_sequence, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(account.user.0.as_slice())
    .bind(account.name.as_str())
    .bind(account.record.as_slice())
    .bind(account.identity.ed25519.as_slice())
    .bind(account.identity.ml_dsa_65.as_slice())
    .bind(account.vault.as_slice())
    .bind(bigint(account.device_sequence))
    .bind(bigint(account.created_at.0))
    .execute(tx)
    .await?;
    Ok(())
}

/// The one statement that reads an account, by the column that it is found by.
macro_rules! select_account {
    ($by:literal) => {
        concat!(
            "SELECT a.id, a.name, a.record, a.ed25519, a.ml_dsa_65, a.vault, d.id, a.device_sequence, a.created_at \
             FROM account a JOIN device d ON d.account = a.id AND d.revoked_at IS NULL WHERE a.",
            $by,
            " = $1"
        )
    };
}

/// The account, when there is one.
pub(crate) async fn load(tx: &mut AnyConnection, by: By<'_>) -> Result<Option<Account>, StoreError> {
    let query = match &by {
        By::Id(user) => sqlx::query(select_account!("id")).bind(user.0.as_slice()),
        By::Name(name) => sqlx::query(select_account!("name")).bind(name.as_str()),
    };
    let Some(row) = query.fetch_optional(tx).await? else { return Ok(None) };
    Ok(Some(Account {
        user: column(&row, 0)?,
        name: column(&row, 1)?,
        record: column(&row, 2)?,
        identity: Identity { ed25519: Base64(column(&row, 3)?), ml_dsa_65: Base64(column(&row, 4)?) },
        vault: column(&row, 5)?,
        device: column(&row, 6)?,
        device_sequence: column(&row, 7)?,
        created_at: column(&row, 8)?,
    }))
}

/// People whose names begin with `prefix`, in the order of their names, at most [`limit::FIND_PEOPLE_MAX`]: not `user`, nor
/// who blocks `user`.
pub(crate) async fn search<'e>(
    executor: impl Executor<'e, Database = Any>,
    (user, prefix): (UserId, &str),
) -> Result<Vec<FoundPerson>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.id, a.name FROM account a WHERE a.name >= $1 AND a.name < $2 AND a.id <> $3 \
         AND NOT EXISTS (SELECT 1 FROM block b WHERE b.account = a.id AND b.blocked = $3) ORDER BY a.name LIMIT $4",
    )
    .bind(prefix)
    // Behind every letter that a name can have.
    .bind(format!("{prefix}{{"))
    .bind(user.0.as_slice())
    .bind(i64::try_from(limit::FIND_PEOPLE_MAX).unwrap_or(i64::MAX))
    .fetch_all(executor)
    .await?;
    rows.iter().map(|row| Ok(FoundPerson { user: column(row, 0)?, name: column(row, 1)? })).collect()
}

/// Adds a device with its key packages. Its stream begins after the newest row of the log.
pub(crate) async fn register_device(
    tx: &mut AnyConnection,
    device: DeviceRef,
    sent: &NewDevice,
    now: Millis,
) -> Result<(), StoreError> {
    let row = Device {
        device,
        certificate: sent.certificate.0.clone(),
        last_resort: sent.last_resort.0.clone(),
        registered_n: log::bounds(&mut *tx).await?.head.0,
        registered_at: now,
        is_revoked: false,
        acknowledged_n: 0,
    };
    insert_device(tx, &row).await?;
    key::add(tx, device.device, &sent.key_packages).await
}

/// Adds a device.
pub(crate) async fn insert_device(tx: &mut AnyConnection, device: &Device) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO device (id, account, certificate, last_resort, registered_n, registered_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(device.device.device.0.as_slice())
    .bind(device.device.user.0.as_slice())
    .bind(device.certificate.as_slice())
    .bind(device.last_resort.as_slice())
    .bind(device.registered_n)
    .bind(bigint(device.registered_at.0))
    .execute(tx)
    .await?;
    Ok(())
}

/// The device, current or not, when there is one.
pub(crate) async fn load_device(tx: &mut AnyConnection, device: DeviceId) -> Result<Option<Device>, StoreError> {
    let row = sqlx::query(
        "SELECT account, certificate, last_resort, registered_n, registered_at, revoked_at, acknowledged_n FROM device \
         WHERE id = $1",
    )
    .bind(device.0.as_slice())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Device {
        device: DeviceRef { user: column(&row, 0)?, device },
        certificate: column(&row, 1)?,
        last_resort: column(&row, 2)?,
        registered_n: column(&row, 3)?,
        registered_at: column(&row, 4)?,
        is_revoked: column::<Option<Millis>>(&row, 5)?.is_some(),
        acknowledged_n: column(&row, 6)?,
    }))
}

/// Notes that the device has stored everything up to `n`.
pub(crate) async fn acknowledge(tx: &mut AnyConnection, device: DeviceId, n: LogNumber) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET acknowledged_n = $1 WHERE id = $2 AND acknowledged_n < $1")
        .bind(n.0)
        .bind(device.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// How many devices in use have not said that they have stored everything up to `n`. Reads the whole table: for what is
/// done a few times an hour.
pub(crate) async fn count_behind<'e>(
    executor: impl Executor<'e, Database = Any>,
    n: LogNumber,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM device WHERE revoked_at IS NULL AND acknowledged_n < $1 AND registered_n < $1",
    )
    .bind(n.0)
    .fetch_one(executor)
    .await?;
    column(&row, 0)
}

/// Takes the account's current device away: another is registered in the same transaction.
pub(crate) async fn revoke_device(tx: &mut AnyConnection, device: DeviceRef, now: Millis) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET revoked_at = $1 WHERE id = $2")
        .bind(bigint(now.0))
        .bind(device.device.0.as_slice())
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE account SET device_sequence = device_sequence + 1 WHERE id = $1")
        .bind(device.user.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}
