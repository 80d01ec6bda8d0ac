//! The one connector that makes every outgoing request: to upstreams, to key sets, to identity providers.
//!
//! What holds for all of them:
//! - every address a name resolves to is checked ([`AddressPolicy`]), and the connection goes to a checked one;
//! - no proxy from the environment, no redirect: an answer with status 3xx is an answer like any other;
//! - HTTP/1.1, over TLS 1.2 or 1.3 where the URL says https, the server's certificate verified;
//! - everything has a deadline, and heads and bodies have limits.
//!
//! [`Pool`] serves the calls to one upstream version, [`Connector::get_json`] the control calls.

mod address;
mod body;
mod connection;
mod connector;
mod destination;
mod dial;
mod fetch;
mod pool;
mod roots;
#[cfg(test)]
mod tests;

pub use address::{AddressPolicy, Forbidden};
pub use body::{BodyError, PooledBody};
pub use connection::{Lease, RequestBody, SendError};
pub use connector::{ConnectError, Connector, Stage};
pub use destination::{Destination, UnusableUrl};
pub use fetch::FetchError;
pub use pool::{Pool, PoolLimits};
pub use roots::{Roots, RootsError};
pub use tokio::time::Instant;
