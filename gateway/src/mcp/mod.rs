//! The MCP endpoint of one server, revision 2026-07-28.

mod endpoint;
mod local;
mod reply;

pub(crate) use endpoint::{production, qa};
pub(crate) use reply::error_body;
