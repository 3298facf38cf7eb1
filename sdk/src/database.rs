//! The local store: IndexedDB, one object store a table, every value sealed. Owns transactions, the place of the sealing
//! key, and the generation number; what stands in the records is the core's affair.
//!
//! The rule that it keeps: **a batch is on disk as a whole or not at all, and only the newest writer writes.** Opening
//! raises the generation number; each write compares it within its own transaction. Two writers of one MLS state would
//! use an AEAD key twice.

mod read;
#[cfg(test)]
pub(crate) mod tests;
mod transaction;

use crate::listener::Listener;
use crate::place::StoreFailure;
use crate::seal::{SealError, SealingKey};
use idb::request::OpenDatabaseRequest;
use idb::{DatabaseEvent, Event, Factory, ObjectStore, ObjectStoreParams, Request};
use js_sys::Uint8Array;
use sotto_core::contract::{Batch, Erase, Record, Table, Wanted};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use transaction::{Purpose, Transaction};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbVersionChangeEvent};

/// Version of the layout: raised when a table is added.
const VERSION: u32 = 2;
/// The object store of what is not a record: the sealing key and the generation number.
const OWN: &str = "sotto";
const KEY: &str = "key";
const GENERATION: &str = "generation";
/// Requests of a batch between two turns of the page: a batch holds all that came while the last one was written, and each
/// request costs a slow phone 0.2 ms.
const REQUESTS_AT_ONCE: usize = 32;

/// Why records could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The store does not work.
    #[error("read the local store")]
    Store(#[source] StoreFailure),
    /// A record does not open.
    #[error("open the records of the local store")]
    Seal(#[source] SealError),
}

/// An open store; closed when dropped.
pub(crate) struct Database {
    inner: IdbDatabase,
    key: RefCell<Rc<SealingKey>>,
    generation: Cell<f64>,
    /// Set when the store was taken away while it was open.
    lost: Rc<Cell<Option<StoreFailure>>>,
    _listeners: [Listener; 2],
}

impl Database {
    /// Opens the store `name`, made if need be, as its newest writer: every older one is refused from now on. Tells
    /// `on_loss` when the store is taken away.
    pub(crate) async fn open(name: &str, on_loss: impl Fn(StoreFailure) + 'static) -> Result<Self, StoreFailure> {
        let unopenable = |_| StoreFailure::Unopenable;
        let factory = Factory::new().map_err(unopenable)?;
        let mut request = factory.open(name, Some(VERSION)).map_err(unopenable)?;
        request.on_upgrade_needed(|event| {
            let Ok(database) = event.database() else { return };
            if lay_out(&database).is_err()
                && let Ok(request) = event.target()
            {
                abort(&request);
            }
        });
        let inner = IdbDatabase::from(request.await.map_err(unopenable)?);
        let lost = Rc::new(Cell::new(None));
        let lose = {
            let lost = Rc::clone(&lost);
            let on_loss = Rc::new(on_loss);
            move |failure| {
                lost.set(Some(failure));
                on_loss(failure);
            }
        };
        let closed = Listener::new(&inner, "close", {
            let lose = lose.clone();
            move |_| lose(StoreFailure::Deleted)
        });
        let asked_to_close = Listener::new(&inner, "versionchange", {
            let inner = inner.clone();
            move |event| {
                inner.close();
                let deleted = |event: &IdbVersionChangeEvent| event.new_version().is_none();
                lose(match event.dyn_ref().is_some_and(deleted) {
                    true => StoreFailure::Deleted,
                    false => StoreFailure::Superseded,
                });
            }
        });
        // From here on the connection is closed by being dropped.
        let candidate = SealingKey::generate().await.map_err(unopenable_seal)?;
        let database = Self {
            inner,
            key: RefCell::new(Rc::new(candidate)),
            generation: Cell::new(0.0),
            lost,
            _listeners: [closed, asked_to_close],
        };
        database.take_over().await?;
        Ok(database)
    }

    /// Raises the generation, and finds the sealing key or leaves the fresh one there.
    async fn take_over(&self) -> Result<(), StoreFailure> {
        let transaction = self.begin(BTreeSet::new(), Purpose::TakeOver)?;
        let taken = async {
            let own = transaction.store(OWN)?;
            let generation = read::value(own.get(JsValue::from_str(GENERATION))).await?;
            let key = read::value(own.get(JsValue::from_str(KEY))).await?;
            let generation = generation.and_then(|number| number.as_f64()).unwrap_or(0.0) + 1.0;
            transaction.put(&own, &JsValue::from_f64(generation), &JsValue::from_str(GENERATION))?;
            match key {
                Some(key) => {
                    *self.key.borrow_mut() = Rc::new(SealingKey::new(key).map_err(unopenable_seal)?);
                }
                None => transaction.put(&own, self.key().as_js(), &JsValue::from_str(KEY))?,
            }
            self.generation.set(generation);
            Ok(())
        };
        let taken = taken.await;
        transaction.end(taken).await
    }

    /// Writes a batch: when this returns `Ok` all of it is on disk, else nothing of it.
    pub(crate) async fn write(&self, batch: &Batch) -> Result<(), StoreFailure> {
        if let Some(failure) = self.lost.get() {
            return Err(failure);
        }
        let broken = |_: SealError| StoreFailure::Broken;
        // Sealing waits for WebCrypto, and a transaction does not wait: it ends when it has nothing to do.
        let key = match batch.erase {
            Erase::Nothing => self.key(),
            Erase::Everything => Rc::new(SealingKey::generate().await.map_err(broken)?),
        };
        let sealed = key.seal(&batch.puts).await.map_err(broken)?;
        // Not `collect`, which brings a sort of its own into the module.
        let mut tables = BTreeSet::new();
        tables.extend(batch.deletes.iter().map(|place| place.table));
        tables.extend(batch.puts.iter().map(|record| record.place.table));
        if batch.erase == Erase::Everything {
            tables.extend(Table::ALL);
        }
        let transaction = self.begin(tables, Purpose::Write)?;
        let filled = self.fill(&transaction, batch, &key, &sealed).await;
        transaction.end(filled).await?;
        self.generation.set(self.generation.get() + 1.0);
        *self.key.borrow_mut() = key;
        Ok(())
    }

    async fn fill(
        &self,
        transaction: &Transaction,
        batch: &Batch,
        key: &SealingKey,
        sealed: &[Uint8Array],
    ) -> Result<(), StoreFailure> {
        let own = transaction.store(OWN)?;
        let found = read::value(own.get(JsValue::from_str(GENERATION))).await?;
        if found.and_then(|number| number.as_f64()) != Some(self.generation.get()) {
            return Err(StoreFailure::Superseded);
        }
        let next = JsValue::from_f64(self.generation.get() + 1.0);
        transaction.put(&own, &next, &JsValue::from_str(GENERATION))?;
        if batch.erase == Erase::Everything {
            for table in Table::ALL {
                transaction.clear(&transaction.store(table.name())?)?;
            }
            transaction.put(&own, key.as_js(), &JsValue::from_str(KEY))?;
        }
        // What has been waited for up to here was a turn already: a small batch waits for nothing more.
        for (lot, places) in batch.deletes.chunks(REQUESTS_AT_ONCE).enumerate() {
            if lot > 0 {
                turn(&own).await?;
            }
            for place in places {
                transaction.delete(&transaction.store(place.table.name())?, &row(&place.row))?;
            }
        }
        let lots = batch.puts.chunks(REQUESTS_AT_ONCE).zip(sealed.chunks(REQUESTS_AT_ONCE));
        for (lot, (records, sealed)) in lots.enumerate() {
            if lot > 0 || !batch.deletes.is_empty() {
                turn(&own).await?;
            }
            for (record, sealed) in records.iter().zip(sealed) {
                let store = transaction.store(record.place.table.name())?;
                transaction.put(&store, sealed, &row(&record.place.row))?;
            }
        }
        Ok(())
    }

    /// Reads and opens records.
    pub(crate) async fn read(&self, wanted: &Wanted) -> Result<Vec<Record>, ReadError> {
        if let Some(failure) = self.lost.get() {
            return Err(ReadError::Store(failure));
        }
        let mut tables = BTreeSet::new();
        match wanted {
            Wanted::Places(places) => tables.extend(places.iter().map(|place| place.table)),
            Wanted::Tables(wanted) => tables.extend(wanted.iter().copied()),
            Wanted::Newest { table, .. } => tables.extend([*table]),
        }
        let transaction = self.begin(tables, Purpose::Read).map_err(ReadError::Store)?;
        let sealed = read::sealed(&transaction, wanted).await.map_err(ReadError::Store)?;
        self.key().open(sealed).await.map_err(ReadError::Seal)
    }

    fn key(&self) -> Rc<SealingKey> {
        Rc::clone(&self.key.borrow())
    }

    fn begin(&self, tables: BTreeSet<Table>, purpose: Purpose) -> Result<Transaction, StoreFailure> {
        let begun = Transaction::begin(&self.inner, tables.into_iter().map(Table::name).chain([OWN]), purpose);
        // A connection that was taken away refuses transactions.
        begun.map_err(|failure| self.lost.get().unwrap_or(failure))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.inner.close();
    }
}

fn unopenable_seal(_: SealError) -> StoreFailure {
    StoreFailure::Unopenable
}

/// Gives the page its turn within a transaction, which would end if nothing were asked of it meanwhile.
async fn turn(own: &ObjectStore) -> Result<(), StoreFailure> {
    read::value(own.get(JsValue::from_str(GENERATION))).await.map(drop)
}

/// A row as a key: IndexedDB orders binary keys by their bytes (Indexed Database API 3.0 §2.4).
fn row(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Makes the object stores that are not there yet.
fn lay_out(database: &idb::Database) -> Result<(), idb::Error> {
    let there = database.store_names();
    let wanted = Table::ALL.iter().map(|table| table.name()).chain([OWN]);
    for name in wanted.filter(|name| !there.iter().any(|other| other == name)) {
        database.create_object_store(name, ObjectStoreParams::new())?;
    }
    Ok(())
}

/// Undoes an upgrade; opening then fails.
fn abort(request: &OpenDatabaseRequest) {
    if let Some(transaction) = request.transaction() {
        // Fails only when it has ended already.
        let _ = transaction.abort();
    }
}
