//! The one connector that makes every outgoing request: to upstreams, to key sets, to identity providers.
//!
//! What holds for all of them:
//! - every address a name resolves to is checked ([`AddressPolicy`]), and the connection goes to a checked one;
//! - no proxy from the environment, no redirect: an answer with status 3xx is an answer like any other;
//! - TLS 1.2 or 1.3 where the URL says https, the server's certificate verified, and over it HTTP/2 or HTTP/1.1 as the
//!   server prefers; HTTP/1.1 in clear text;
//! - everything has a deadline, and heads and bodies have limits.
//!
//! [`Pool`] serves the calls to one upstream version, [`Connector::get_json`] and [`Connector::post_form`] the control calls.

mod address;
mod body;
mod connector;
mod destination;
mod dial;
mod fetch;
mod form;
mod head;
mod http1;
mod http2;
mod lease;
mod pool;
mod request;
mod roots;
#[cfg(test)]
mod tests;
mod tls;
mod written;

pub use address::{AddressPolicy, Forbidden};
pub use body::{BodyError, PooledBody};
pub use connector::{ConnectError, Connector, Stage};
pub use destination::{Destination, UnusableUrl};
pub use fetch::FetchError;
pub use form::FormAnswer;
pub use lease::{Broken, Lease, SendError};
pub use pool::{Pool, PoolLimits};
pub use request::{BoxError, LengthMismatch, RequestBody};
pub use roots::{Roots, RootsError};
pub use tls::{TlsIdentity, TlsMaterial, TlsMaterialError};
pub use tokio::time::Instant;
pub use written::Witness;
