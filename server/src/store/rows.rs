//! From a row's columns to types that cannot be wrong, and lists of values in SQL.
//!
//! The rule: what comes back of another length or sign than was written is [`StoreError::Corrupt`], never a panic.

use crate::store::StoreError;
use crate::store::session::SessionId;
use sotto_wire::account::Name;
use sotto_wire::{ClientId, ConversationId, DeviceId, InviteId, Millis, UserId};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _, ValueRef as _};
use std::fmt::Write as _;

/// Most rows that one statement names. SQLite finds the name of a parameter (`$1`, which PostgreSQL wants) by walking
/// the list of all, so long lists cost their length squared: 32 rows of 10 are 0.1 ms, 256 rows 7 ms.
pub(crate) const ROWS_PER_STATEMENT: usize = 32;

/// 32 bytes of the store.
pub(crate) struct Bytes32(pub(crate) [u8; 32]);

/// What a column can be.
pub(crate) trait Column: Sized {
    /// Reads column `index` of `row`.
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError>;
}

/// Reads column `index` of `row`.
pub(crate) fn column<T: Column>(row: &AnyRow, index: usize) -> Result<T, StoreError> {
    T::read(row, index)
}

macro_rules! bytes {
    ($($name:ident)*) => { $(
        impl Column for $name {
            fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
                let bytes: &[u8] = row.try_get(index)?;
                Ok(Self(bytes.try_into().map_err(|_| StoreError::Corrupt)?))
            }
        }
    )* };
}
bytes! { Bytes32 UserId DeviceId ConversationId ClientId InviteId SessionId }

impl<T: Column> Column for Option<T> {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        if row.try_get_raw(index)?.is_null() { Ok(None) } else { T::read(row, index).map(Some) }
    }
}

impl Column for i64 {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        Ok(row.try_get(index)?)
    }
}

impl Column for u64 {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        u64::try_from(i64::read(row, index)?).map_err(|_| StoreError::Corrupt)
    }
}

impl Column for Millis {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        u64::read(row, index).map(Millis)
    }
}

impl Column for Vec<u8> {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        Ok(row.try_get(index)?)
    }
}

impl Column for Name {
    fn read(row: &AnyRow, index: usize) -> Result<Self, StoreError> {
        Name::new(row.try_get(index)?).ok_or(StoreError::Corrupt)
    }
}

/// An unsigned number as BIGINT. Wire values over the largest BIGINT do not occur (2⁶³ epochs, 292 million years); one
/// that is sent on purpose is cut to it and then matches nothing.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `($1,$2),($3,$4)`: `rows` tuples of `columns` placeholders, between `before` and `after`.
pub(crate) fn with_tuples(before: &str, (rows, columns): (usize, usize), after: &str) -> AssertSqlSafe<String> {
    let mut sql = String::with_capacity(before.len() + after.len() + rows * columns * 5);
    sql.push_str(before);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { "," };
            write!(sql, "{comma}${}", row * columns + column + 1).expect("a string takes every text");
        }
        sql.push(')');
    }
    sql.push_str(after);
    // Made of literals of this crate and numbers only.
    AssertSqlSafe(sql)
}

/// Cuts `items` into runs of 32, 16, 8, … so that few different statements are ever prepared.
pub(crate) fn runs<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = ROWS_PER_STATEMENT.min(1 << items.len().checked_ilog2()?);
        let (run, rest) = items.split_at(length);
        items = rest;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_powers_of_two_and_keep_order() {
        let items: Vec<usize> = (0..77).collect();
        let runs: Vec<&[usize]> = runs(&items).collect();
        assert_eq!(runs.iter().map(|run| run.len()).collect::<Vec<_>>(), [32, 32, 8, 4, 1]);
        assert_eq!(runs.concat(), items);
    }

    #[test]
    fn tuples_number_their_placeholders_through() {
        assert_eq!(with_tuples("VALUES ", (2, 2), ";").0, "VALUES ($1,$2),($3,$4);");
    }
}
