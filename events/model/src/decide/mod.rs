//! The decision rule: who may do what. Pure, and default deny: nothing is allowed but by a grant.

mod method;
mod permit;
mod rule;
mod snapshot;
#[cfg(test)]
mod tests;

pub use method::{METHODS, Method, Resource};
pub use permit::{CallPermit, Entitlement, ListPermit, Permit};
pub use rule::{DenialReason, Operation, Request, VisibleTool, decide, sought, visible_tools};
pub use snapshot::Snapshot;
