//! Clients and proxies that are not ours: curl, the npm packages `eventsource` and `ws`, nginx, Caddy. Owns the list; what they
//! are run with stands in `foreign/*.mjs`.

#[path = "foreign/caddy.rs"]
mod caddy;
#[path = "foreign/clients.rs"]
mod clients;
#[path = "foreign/nginx.rs"]
mod nginx;
#[path = "foreign/readme.rs"]
mod readme;
#[path = "foreign/room.rs"]
mod room;

/// The server's program, built by cargo with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_sotto-server-under-test");
