//! The data plane: its routes, and what holds for every request before one is reached.

mod cors;
mod guard;
mod health;
mod metadata;
mod routes;

pub use guard::InvalidHost;
pub(crate) use guard::{Hosts, hosts};
pub(crate) use health::{Vitals, probes};
pub(crate) use metadata::reached_by;
pub(crate) use routes::router;
