//! The spine from end to end: real server processes, real cores, the real network of this machine. Owns the list of
//! journeys; the harness (`tests/src`) owns the parts.
