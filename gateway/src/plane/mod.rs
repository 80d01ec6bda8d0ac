//! The data plane: its routes, and what holds for every request before one is reached.

mod guard;
mod health;
mod metadata;
mod routes;

pub use guard::InvalidHost;
pub(crate) use guard::{Hosts, hosts};
pub(crate) use routes::router;
