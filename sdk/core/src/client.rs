//! (to come)
use crate::contract::{Input, Output, Start};
use sotto_wire::Millis;

/// A Sotto client.
pub struct Client {}

impl Client {
    /// A client that begins by reading its local store.
    pub fn new(_start: Start) -> Self {
        Self {}
    }
    /// Takes note of `input` at time `now`.
    pub fn handle(&mut self, _input: Input, _now: Millis) {}
    /// What to do next.
    pub fn poll(&mut self) -> Output {
        Output::Idle(None)
    }
}
