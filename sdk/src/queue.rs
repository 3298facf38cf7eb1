//! A queue within one thread: many push, one task takes all that is there. Unbounded by itself; what is pushed are
//! answers to what the core asked for and frames, and the taking task does nothing else.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A queue with one taker.
pub(crate) struct Queue<T> {
    items: RefCell<Vec<T>>,
    taker: Cell<Option<Waker>>,
    closed: Cell<bool>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { items: RefCell::new(Vec::new()), taker: Cell::new(None), closed: Cell::new(false) }
    }
}

impl<T> Queue<T> {
    /// Adds an item; one that comes after the end is dropped.
    pub(crate) fn push(&self, item: T) {
        if !self.closed.get() {
            self.items.borrow_mut().push(item);
            self.wake();
        }
    }

    /// Waits until there are items and gives all of them, in order; `None` when the queue was closed.
    pub(crate) async fn take(&self) -> Option<Vec<T>> {
        poll_fn(|context| {
            if self.closed.get() {
                return Poll::Ready(None);
            }
            if !self.items.borrow().is_empty() {
                return Poll::Ready(Some(self.items.take()));
            }
            self.taker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// All that is there now.
    pub(crate) fn take_now(&self) -> Vec<T> {
        self.items.take()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Ends it: what is left is dropped.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        drop(self.items.take());
        self.wake();
    }

    /// Runs `work` until it is done or the queue is closed, which drops it and all that it holds. `work` is to be the
    /// queue's taker.
    pub(crate) async fn until_closed(&self, work: impl Future<Output = ()>) {
        let mut work = std::pin::pin!(work);
        poll_fn(|context| {
            if self.closed.get() {
                return Poll::Ready(());
            }
            self.taker.set(Some(context.waker().clone()));
            work.as_mut().poll(context)
        })
        .await;
    }

    fn wake(&self) {
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use wasm_bindgen_futures::spawn_local;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn the_taker_gets_everything_in_order_and_then_the_end() {
        let queue = Rc::new(Queue::default());
        let pushing = Rc::clone(&queue);
        spawn_local(async move {
            (1..4).for_each(|item| pushing.push(item));
        });
        assert_eq!(queue.take().await, Some(vec![1, 2, 3]));
        queue.push(4);
        queue.close();
        queue.push(5);
        assert_eq!(queue.take().await, None);
    }

    #[wasm_bindgen_test]
    async fn closing_drops_the_work_and_what_it_holds() {
        let queue = Rc::new(Queue::<()>::default());
        let held = Rc::new(());
        let holding = Rc::clone(&held);
        let closing = Rc::clone(&queue);
        spawn_local(async move { closing.close() });
        queue
            .until_closed(async move {
                let _holding = holding;
                std::future::pending().await
            })
            .await;
        assert_eq!(Rc::strong_count(&held), 1);
    }
}
