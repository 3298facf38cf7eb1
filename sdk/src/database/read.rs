//! Reading: every kind of [`Wanted`] as a fixed, small number of requests within one transaction. Gives sealed values.

use super::row;
use super::transaction::{Transaction, request_failure};
use crate::place::StoreFailure;
use idb::{CursorDirection, KeyRange, ObjectStore, Query};
use js_sys::Uint8Array;
use sotto_core::contract::{Place, Table, Wanted};
use wasm_bindgen::{JsCast, JsValue};

type Sealed = Vec<(Place, Uint8Array)>;

/// The sealed values of what is wanted, in the order asked for.
pub(super) async fn sealed(transaction: &Transaction, wanted: &Wanted) -> Result<Sealed, StoreFailure> {
    match wanted {
        Wanted::Places(places) => these(transaction, places).await,
        Wanted::Tables(tables) => {
            let mut sealed = Sealed::new();
            for table in tables {
                sealed.extend(range(*table, &transaction.store(table.name())?, None).await?);
            }
            Ok(sealed)
        }
        Wanted::Newest { table, prefix, below, limit } => {
            let store = transaction.store(table.name())?;
            let Some(lowest) = bounds(prefix, below.as_deref())? else { return Ok(Sealed::new()) };
            let Some(newest) = newest(&store, lowest, *limit).await? else { return Ok(Sealed::new()) };
            let mut sealed = range(*table, &store, Some(newest)).await?;
            sealed.reverse();
            Ok(sealed)
        }
    }
}

/// The result of a request for one value.
pub(super) async fn value(
    request: Result<idb::request::GetStoreRequest, idb::Error>,
) -> Result<Option<JsValue>, StoreFailure> {
    match request {
        Ok(request) => request.await.map_err(|error| request_failure(&error)),
        Err(error) => Err(request_failure(&error)),
    }
}

async fn these(transaction: &Transaction, places: &[Place]) -> Result<Sealed, StoreFailure> {
    // All are asked for before the first is waited for.
    let mut asked = Vec::with_capacity(places.len());
    for place in places {
        let store = transaction.store(place.table.name())?;
        let request = store.get(row(&place.row)).map_err(|error| request_failure(&error))?;
        asked.push((place, request.into_future()));
    }
    let mut sealed = Sealed::with_capacity(places.len());
    for (place, found) in asked {
        if let Some(value) = found.await.map_err(|error| request_failure(&error))? {
            sealed.push((place.clone(), bytes(value)?));
        }
    }
    Ok(sealed)
}

/// All values of a range of rows, ascending: two requests, however many rows.
async fn range(table: Table, store: &ObjectStore, range: Option<KeyRange>) -> Result<Sealed, StoreFailure> {
    let failed = |error: idb::Error| request_failure(&error);
    let rows = store.get_all_keys(range.clone().map(Query::from), None).map_err(failed)?.into_future();
    let values = store.get_all(range.map(Query::from), None).map_err(failed)?.into_future();
    let (rows, values) = (rows.await.map_err(failed)?, values.await.map_err(failed)?);
    let place = |row: JsValue| Place { table, row: Uint8Array::new(&row).to_vec() };
    rows.into_iter().zip(values).map(|(row, value)| Ok((place(row), bytes(value)?))).collect()
}

/// The range of the `limit` highest rows of `within`; `None` when there are none. Found by two steps of a cursor over
/// keys, where a cursor over values would take a step, an event and a copy for each row.
async fn newest(store: &ObjectStore, within: KeyRange, limit: usize) -> Result<Option<KeyRange>, StoreFailure> {
    let failed = |error: idb::Error| request_failure(&error);
    let Some(further) = limit.checked_sub(1) else { return Ok(None) };
    let further = u32::try_from(further).unwrap_or(u32::MAX);
    let cursor = store.open_key_cursor(Some(within.clone().into()), Some(CursorDirection::Prev)).map_err(failed)?;
    let Some(cursor) = cursor.await.map_err(failed)? else { return Ok(None) };
    let highest = cursor.key().map_err(failed)?;
    if further == 0 {
        return KeyRange::only(&highest).map(Some).map_err(failed);
    }
    match cursor.advance(further).map_err(failed)?.await.map_err(failed)? {
        None => Ok(Some(within)),
        Some(cursor) => {
            let lowest = cursor.key().map_err(failed)?;
            KeyRange::bound(&lowest, &highest, None, None).map(Some).map_err(failed)
        }
    }
}

/// The range of the rows that begin with `prefix` and stand under `below`; `None` when there can be none.
fn bounds(prefix: &[u8], below: Option<&[u8]>) -> Result<Option<KeyRange>, StoreFailure> {
    let after_prefix = successor(prefix);
    let upper = match (after_prefix.as_deref(), below) {
        (Some(after_prefix), Some(below)) => Some(after_prefix.min(below)),
        (after_prefix, below) => after_prefix.or(below),
    };
    let range = match upper {
        Some(upper) if upper <= prefix => return Ok(None),
        Some(upper) => KeyRange::bound(&row(prefix), &row(upper), Some(false), Some(true)),
        None => KeyRange::lower_bound(&row(prefix), Some(false)),
    };
    range.map(Some).map_err(|error| request_failure(&error))
}

/// The least bytes above all that begin with `prefix`; `None` when there are none above.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut successor = prefix[..=last].to_vec();
    successor[last] += 1;
    Some(successor)
}

/// A value as it was put there; of another type only when somebody else wrote it.
fn bytes(value: JsValue) -> Result<Uint8Array, StoreFailure> {
    value.dyn_into().map_err(|_| StoreFailure::Broken)
}
