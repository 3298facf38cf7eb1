//! Who wants to be told of a value. Owns the list and the end of each subscription; not the values.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// Ends when dropped: nothing more is told.
#[must_use = "a dropped subscription has ended"]
pub struct Subscription {
    end: Option<Box<dyn FnOnce()>>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}

type Run<T> = Box<dyn FnMut(&T)>;

struct Listener<T> {
    run: RefCell<Run<T>>,
    ended: Cell<bool>,
}

impl<T> Listener<T> {
    fn tell(&self, value: &T) {
        // Borrowed only while this very closure runs, and what runs in it cannot make the driver tell anything: the
        // driver is a task of its own.
        if !self.ended.get()
            && let Ok(mut run) = self.run.try_borrow_mut()
        {
            run(value);
        }
    }
}

/// Those who listen.
pub(crate) struct Listeners<T> {
    list: RefCell<Vec<Rc<Listener<T>>>>,
}

impl<T> Default for Listeners<T> {
    fn default() -> Self {
        Self { list: RefCell::new(Vec::new()) }
    }
}

impl<T: 'static> Listeners<T> {
    /// Adds `run`, which is told `present` at once.
    pub(crate) fn add(self: &Rc<Self>, present: &[&T], run: impl FnMut(&T) + 'static) -> Subscription {
        let listener = Rc::new(Listener { run: RefCell::new(Box::new(run)), ended: Cell::new(false) });
        self.list.borrow_mut().push(Rc::clone(&listener));
        present.iter().for_each(|value| listener.tell(value));
        let (all, one): (Weak<Self>, Weak<Listener<T>>) = (Rc::downgrade(self), Rc::downgrade(&listener));
        Subscription {
            end: Some(Box::new(move || {
                let Some(listener) = one.upgrade() else { return };
                listener.ended.set(true);
                if let Some(all) = all.upgrade() {
                    all.list.borrow_mut().retain(|other| !Rc::ptr_eq(other, &listener));
                }
            })),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// Tells all of them. Whoever joins meanwhile is not told; whoever leaves meanwhile neither.
    pub(crate) fn tell(&self, value: &T) {
        let listeners = self.list.borrow().clone();
        listeners.iter().for_each(|listener| listener.tell(value));
    }
}
