//! What outlives a stream of somebody's presence: status, audience, and when they were last seen.
//!
//! The rule: who shows their presence to nobody is in no list of people, and is not counted as one of its places.

use crate::store::rows::{bigint, column};
use crate::store::{StoreError, Write};
use sotto_wire::presence::{Audience, Status};
use sotto_wire::{DeviceRef, Millis, UserId, limit};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, Executor};

/// What an account says of itself, and to whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) status: Status,
    pub(crate) audience: Audience,
}

impl Settings {
    /// As they stand in the columns. What this version does not know is refused before it comes here, and would stand
    /// as the default.
    fn to_numbers(self) -> (i64, i64) {
        let status = match self.status {
            Status::Available | Status::Unknown => 0,
            Status::Busy => 1,
        };
        let audience = match self.audience {
            Audience::People | Audience::Unknown => 0,
            Audience::Nobody => 1,
        };
        (status, audience)
    }

    fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        let status = match column::<i64>(row, 0)? {
            0 => Status::Available,
            1 => Status::Busy,
            _ => return Err(StoreError::Corrupt),
        };
        let audience = match column::<i64>(row, 1)? {
            0 => Audience::People,
            1 => Audience::Nobody,
            _ => return Err(StoreError::Corrupt),
        };
        Ok(Self { status, audience })
    }
}

/// The account's settings; those of a new one where there is no such account.
pub(crate) async fn settings<'e>(
    executor: impl Executor<'e, Database = Any>,
    user: UserId,
) -> Result<Settings, StoreError> {
    let row = sqlx::query("SELECT status, audience FROM account WHERE id = $1")
        .bind(user.0.as_slice())
        .fetch_optional(executor)
        .await?;
    row.map_or(Ok(Settings::default()), |row| Settings::from_row(&row))
}

/// What a stream of `device` begins with: the settings of its account, and how many one-time key packages are left. One
/// statement, since ten thousand streams may begin at once.
pub(crate) async fn beginning(pool: &AnyPool, device: DeviceRef) -> Result<(Settings, usize), StoreError> {
    let row = sqlx::query(
        "SELECT a.status, a.audience, \
           (SELECT COUNT(*) FROM key_package k WHERE k.device = $2 AND k.package IS NOT NULL) \
         FROM account a WHERE a.id = $1",
    )
    .bind(device.user.0.as_slice())
    .bind(device.device.0.as_slice())
    .fetch_one(pool)
    .await?;
    let key_packages = usize::try_from(column::<u64>(&row, 2)?).map_err(|_| StoreError::Corrupt)?;
    Ok((Settings::from_row(&row)?, key_packages))
}

/// Changes the account's settings.
pub(crate) async fn set(tx: &mut Write, user: UserId, settings: Settings) -> Result<(), StoreError> {
    let (status, audience) = settings.to_numbers();
    sqlx::query("UPDATE account SET status = $1, audience = $2 WHERE id = $3")
        .bind(status)
        .bind(audience)
        .bind(user.0.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Notes that somebody was there at `at`.
pub(crate) async fn see(tx: &mut AnyConnection, user: UserId, at: Millis) -> Result<(), StoreError> {
    sqlx::query("UPDATE account SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1")
        .bind(bigint(at.0))
        .bind(user.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

/// The two bounds are [`limit::PRESENCE_MEMBERS_MAX`], past which nobody is counted, and
/// [`limit::PRESENCE_PEOPLE_MAX`].
pub(crate) const PEOPLE_SQL: &str = "SELECT a.id, a.last_seen_at FROM account a WHERE a.id IN (\
       SELECT p.account FROM party mine JOIN party p ON p.conversation = mine.conversation \
       WHERE mine.account = $1 AND p.account <> $1 AND mine.accepted = 1 AND p.accepted = 1 \
         AND mine.left_n = 0 AND p.left_n = 0 AND (\
         SELECT COUNT(*) FROM (\
           SELECT 1 FROM party c WHERE c.conversation = mine.conversation LIMIT $2 + 1\
         ) AS counted\
       ) <= $2\
     ) AND a.audience = 0 \
     AND NOT EXISTS (SELECT 1 FROM block b WHERE b.account = $1 AND b.blocked = a.id) \
     AND NOT EXISTS (SELECT 1 FROM block b WHERE b.blocked = $1 AND b.account = a.id) LIMIT $3";

/// The people of an account's conversations who show their presence, and when each was last seen, where that is known.
pub(crate) async fn people(pool: &AnyPool, user: UserId) -> Result<Vec<(UserId, Option<Millis>)>, StoreError> {
    let rows = sqlx::query(PEOPLE_SQL)
        .bind(user.0.as_slice())
        .bind(i64::try_from(limit::PRESENCE_MEMBERS_MAX).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit::PRESENCE_PEOPLE_MAX).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    let person = |row: &AnyRow| {
        let at: Millis = column(row, 1)?;
        Ok((column(row, 0)?, Some(at).filter(|at| at.0 > 0)))
    };
    rows.iter().map(person).collect()
}

#[cfg(test)]
mod tests;
