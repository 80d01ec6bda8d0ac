//! On a real Redis: see `make stack`.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod link;
mod refusing;
mod server;
mod tls;
