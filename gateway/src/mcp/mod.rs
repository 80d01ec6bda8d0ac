//! The MCP endpoints, revision 2026-07-28: one a server, and one for all.

mod endpoint;
mod local;
mod reply;
mod scope;

pub(crate) use endpoint::{federated, production, qa};
pub(crate) use reply::error_body;
pub(crate) use scope::full_name;
