//! A typed store: one value that is drawn from, and the news of it. Owns the value; what it means is `shown`'s.

use crate::listeners::{Listeners, Subscription};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// One value of what is to be seen. Clones are the same store.
pub struct Store<T> {
    inner: Rc<Inner<T>>,
}

struct Inner<T> {
    value: RefCell<Rc<T>>,
    changed: Cell<bool>,
    listeners: Rc<Listeners<T>>,
}

impl<T> Clone for Store<T> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<T: Clone + 'static> Store<T> {
    pub(crate) fn new(value: T) -> Self {
        let inner = Inner { value: RefCell::new(Rc::new(value)), changed: Cell::new(false), listeners: Rc::default() };
        Self { inner: Rc::new(inner) }
    }

    /// The value as it is now.
    pub fn get(&self) -> Rc<T> {
        Rc::clone(&self.inner.value.borrow())
    }

    /// Runs `run` with the value as it is now, at once, and then whenever it has changed, until the subscription is
    /// dropped. Several changes of one turn are told as one.
    pub fn subscribe(&self, run: impl FnMut(&T) + 'static) -> Subscription {
        let present = self.get();
        self.inner.listeners.add(&[&present], run)
    }

    /// Changes the value; told by the next [`Store::flush`].
    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        change(Rc::make_mut(&mut self.inner.value.borrow_mut()));
        self.inner.changed.set(true);
    }

    /// Tells what has changed since the last time.
    pub(crate) fn flush(&self) {
        if self.inner.changed.replace(false) {
            let value = self.get();
            self.inner.listeners.tell(&value);
        }
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.inner.value.borrow()).finish()
    }
}
