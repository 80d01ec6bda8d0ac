//! The data plane: its routes, and what holds for every request before one is reached.

mod guard;
mod health;
mod metadata;
mod routes;

pub(crate) use guard::Hosts;
pub use guard::InvalidHost;
pub(crate) use routes::router;
