//! What probes say of servers, as whoever probes them tells it.

use std::fmt;

use jiff::Timestamp;
use onedoor_model::ids::{ServerId, VersionNumber};

/// Knows how servers answer their probes.
pub trait Probes: Send + Sync + fmt::Debug {
    /// How a version of a server answers; none where it is not probed, or was not yet.
    fn health(&self, server: ServerId, version: VersionNumber) -> Option<Health>;
}

/// How a server answers its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it answers as it must.
    pub up: bool,
    /// Since when.
    pub since: Timestamp,
}
