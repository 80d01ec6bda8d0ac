//! The replica's lease: it serves only while it can show that it has seen every command older than a second, and a restrictive command
//! is answered when no replica can serve any more as if it had not been given.
//!
//! The rule is pure ([`onedoor_model::lease`]). Here it is driven, on any engine: [`Control`] follows the streams `control` and `registry`,
//! publishes what decisions are made on, ticks, and gives commands.

#[cfg(all(feature = "lease-off", not(debug_assertions)))]
compile_error!("`lease-off` is for the negative control of the fault tests alone");

mod clock;
mod command;
mod control;
mod replicas;
mod start;
mod task;
#[cfg(test)]
mod tests;
mod view;

pub use clock::now;
pub use command::{Enforced, Executed};
pub use control::{Control, ControlError};
pub use onedoor_model::lease::{BootInstant, STREAM_PATIENCE};
pub use replicas::ReplicaView;
pub use task::ControlTask;
pub use view::LeaseView;
