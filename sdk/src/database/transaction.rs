//! One IndexedDB transaction: its requests and its one end. Owns `durability: "strict"` and the reading of errors.
//!
//! On web-sys where the crate idb has no option for durability, and drops the cause of an abort (the full disk).

use crate::listener::Listener;
use crate::place::StoreFailure;
use futures_channel::oneshot;
use idb::ObjectStore;
use js_sys::JsString;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::{
    DomException, IdbDatabase, IdbTransaction, IdbTransactionDurability, IdbTransactionMode, IdbTransactionOptions,
};

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading.
    Read,
    /// Becoming the newest writer. Handed to the system, not waited for on disk: when the machine dies the older writer
    /// dies too, and the first batch takes it to disk with it.
    TakeOver,
    /// Writing a batch. When it ends, the batch is on disk, not only handed to the system.
    Write,
}

/// How a transaction ended.
enum End {
    Completed,
    Aborted,
}

/// A transaction under way.
pub(crate) struct Transaction {
    inner: IdbTransaction,
    end: oneshot::Receiver<End>,
    _listeners: [Listener; 2],
}

impl Transaction {
    /// Begins one over these object stores.
    pub(crate) fn begin(
        database: &IdbDatabase,
        stores: impl Iterator<Item = &'static str>,
        purpose: Purpose,
    ) -> Result<Self, StoreFailure> {
        let stores: Vec<JsString> = stores.map(JsString::from).collect();
        let options = IdbTransactionOptions::new();
        let (mode, durability) = match purpose {
            Purpose::Read => (IdbTransactionMode::Readonly, IdbTransactionDurability::Relaxed),
            Purpose::TakeOver => (IdbTransactionMode::Readwrite, IdbTransactionDurability::Relaxed),
            Purpose::Write => (IdbTransactionMode::Readwrite, IdbTransactionDurability::Strict),
        };
        options.set_durability(durability);
        let begun = database.transaction_with_str_sequence_and_mode_and_options(&stores, mode, &options);
        let inner = begun.map_err(|_| StoreFailure::Broken)?;
        let (sender, end) = oneshot::channel();
        let sender = Rc::new(RefCell::new(Some(sender)));
        let listen = |kind, end: fn() -> End| {
            let sender = Rc::clone(&sender);
            Listener::new(&inner, kind, move |_| {
                if let Some(sender) = sender.borrow_mut().take() {
                    // Fails when nobody waits for the end, as after a read.
                    let _ = sender.send(end());
                }
            })
        };
        let listeners = [listen("complete", || End::Completed), listen("abort", || End::Aborted)];
        Ok(Self { inner, end, _listeners: listeners })
    }

    /// An object store that it was begun over.
    pub(crate) fn store(&self, name: &str) -> Result<ObjectStore, StoreFailure> {
        self.inner.object_store(name).map(ObjectStore::from).map_err(|_| StoreFailure::Broken)
    }

    /// Puts a value. That it failed is told by the end.
    pub(crate) fn put(&self, store: &ObjectStore, value: &JsValue, key: &JsValue) -> Result<(), StoreFailure> {
        store.put(value, Some(key)).map(drop).map_err(|error| request_failure(&error))
    }

    /// Deletes a value. That it failed is told by the end.
    pub(crate) fn delete(&self, store: &ObjectStore, key: &JsValue) -> Result<(), StoreFailure> {
        store.delete(key.clone()).map(drop).map_err(|error| request_failure(&error))
    }

    /// Deletes all values of a store. That it failed is told by the end.
    pub(crate) fn clear(&self, store: &ObjectStore) -> Result<(), StoreFailure> {
        store.clear().map(drop).map_err(|error| request_failure(&error))
    }

    /// Waits for the end. When `filled` says that not all was asked for, it is undone first.
    pub(crate) async fn end(self, filled: Result<(), StoreFailure>) -> Result<(), StoreFailure> {
        if filled.is_err() {
            // Fails when it has been aborted already, by the same cause.
            let _ = self.inner.abort();
        }
        match (self.end.await, filled) {
            // Completed in spite of the wish to undo it: cannot be, since a transaction with an error is aborted.
            (Ok(End::Completed), filled) => filled,
            // The cause of the abort says more than the request that noticed it, but for our own.
            (Ok(End::Aborted) | Err(_), Err(StoreFailure::Superseded)) => Err(StoreFailure::Superseded),
            (Ok(End::Aborted) | Err(_), _) => Err(self.inner.error().map_or(StoreFailure::Broken, |e| exception(&e))),
        }
    }
}

/// What the failure of a request means.
pub(crate) fn request_failure(error: &idb::Error) -> StoreFailure {
    match error {
        idb::Error::DomException(cause) => exception(cause),
        _ => StoreFailure::Broken,
    }
}

fn exception(cause: &DomException) -> StoreFailure {
    match cause.name().as_str() {
        "QuotaExceededError" => StoreFailure::Full,
        _ => StoreFailure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_full_disk_is_told_from_other_failures() {
        let named = |name| DomException::new_with_message_and_name("", name).expect("any name");
        assert_eq!(exception(&named("QuotaExceededError")), StoreFailure::Full);
        assert_eq!(request_failure(&idb::Error::DomException(named("QuotaExceededError"))), StoreFailure::Full);
        assert_eq!(exception(&named("UnknownError")), StoreFailure::Broken);
    }
}
