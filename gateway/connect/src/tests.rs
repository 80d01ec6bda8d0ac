//! The connector over real sockets, against servers that misbehave.

mod dial;
mod exchange;
mod fetch;
mod pool;
mod server;
mod tls;
