//! The audit path. A call is dispatched only after its record is acknowledged; refusals are recorded without ever being waited for.

mod admin;
mod dead;
mod denials;
mod recorder;

pub(crate) use admin::AdminDenials;
pub(crate) use dead::DeadBoots;
pub(crate) use denials::Denials;
pub(crate) use recorder::AuditClosed;
pub use recorder::AuditUnavailable;
pub(crate) use recorder::{Recorder, Recording, Room};
