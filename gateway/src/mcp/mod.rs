//! The MCP endpoints: one a server, and one for all, in both eras.

mod asked;
mod endpoint;
mod local;
mod reply;
mod scope;
mod session;
mod stateless;

pub(crate) use endpoint::{federated, production, qa};
pub(crate) use reply::error_body;
pub(crate) use scope::full_name;
pub(crate) use session::{
    InFlight, Parked, SpentIds, Targets, delete_federated, delete_production, delete_qa, get_federated,
    get_production, get_qa,
};
