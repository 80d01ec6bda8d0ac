//! The MCP endpoints: one a server, and one for all, in both eras.

mod asked;
mod came;
mod endpoint;
mod local;
mod reply;
mod scope;
mod session;
mod stateless;

pub(crate) use came::{ALL, PRODUCTION, QA};
pub(crate) use endpoint::post;
pub(crate) use reply::error_body;
pub(crate) use scope::full_name;
pub(crate) use session::{InFlight, Parked, SpentIds, Targets, delete, get};
