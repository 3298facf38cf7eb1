//! The server as its clients see it: a real one on a port of its own, a real store, real cryptography.

mod accounts;
mod assets;
mod client;
mod devices;
mod ends;
mod keys;
mod process;
mod refusals;
mod secrets;
mod sessions;
