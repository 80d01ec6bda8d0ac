//! The live registry of a replica: it follows the stream `registry`, folds it, publishes immutable snapshots by atomic swap, and
//! appends commands. What it serves depends on nothing but the log.

mod boot;
mod command;
mod follow;
mod footing;
#[cfg(test)]
mod tests;

pub use boot::Boot;
pub use command::{Applied, Order, Planned, Rejected};
pub use follow::{FollowError, Follower, Kept, Progress, Registry, Stopped};
pub use footing::Footing;
