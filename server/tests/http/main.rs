//! The server as its clients see it: a real one on a port of its own, a real store, real cryptography.

mod accounts;
mod client;
