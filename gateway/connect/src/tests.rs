//! The connector over real sockets, against servers that misbehave.

mod dial;
mod exchange;
mod fetch;
mod form;
mod http2;
mod material;
mod pool;
mod server;
mod streams;
mod tls;
mod upstream;
