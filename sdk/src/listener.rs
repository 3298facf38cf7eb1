//! An event listener that ends with its owner.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventTarget};

/// Listens to one kind of event of one target, until dropped.
pub(crate) struct Listener {
    target: EventTarget,
    kind: &'static str,
    run: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Runs `run` at each event of `kind`.
    pub(crate) fn new(target: &EventTarget, kind: &'static str, run: impl FnMut(Event) + 'static) -> Self {
        let run = Closure::<dyn FnMut(Event)>::new(run);
        // Fails only for listeners that are not callable.
        let _ = target.add_event_listener_with_callback(kind, run.as_ref().unchecked_ref());
        Self { target: target.clone(), kind, run }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(self.kind, self.run.as_ref().unchecked_ref());
    }
}
