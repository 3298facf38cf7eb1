//! The server as its clients see it: a real one on a port of its own, a real store, real cryptography.

mod accounts;
mod assets;
mod client;
mod commands;
mod devices;
mod ends;
mod groups;
mod keys;
mod limits;
mod presence;
mod process;
mod refusals;
mod room;
mod secrets;
mod sessions;
mod stream;
mod transports;
