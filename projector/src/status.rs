//! What a projector does, for health probes and metrics.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;

/// What a projector does, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it does.
    pub activity: Activity,
    /// Every partition it knows of, as seen within about a second.
    pub partitions: Vec<PartitionStatus>,
}

/// What a projector does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// It has not begun.
    #[default]
    Starting,
    /// Another one projects; this one takes over when that one falls silent.
    Standby,
    /// It projects.
    Active,
    /// Something it needs is away. It goes on by itself.
    Waiting {
        /// What, and why.
        reason: String,
    },
    /// It met something that somebody has to act on: an event it cannot understand, another log. What was projected can be asked.
    Halted {
        /// What.
        reason: String,
    },
    /// It was told to end.
    Ended,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The stream.
    pub stream: Stream,
    /// The partition of it.
    pub partition: Partition,
    /// The first offset that is not projected yet.
    pub position: Offset,
    /// Where the log ends.
    pub end: Offset,
}

impl Activity {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Active => "active",
            Self::Waiting { .. } => "waiting",
            Self::Halted { .. } => "halted",
            Self::Ended => "ended",
        }
    }

    /// Whether it does what it is there for: projects, or stands by.
    #[must_use]
    pub fn is_well(&self) -> bool {
        match self {
            Self::Standby | Self::Active => true,
            Self::Starting | Self::Waiting { .. } | Self::Halted { .. } | Self::Ended => false,
        }
    }
}

impl PartitionStatus {
    /// How many events are still to be projected.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.end.0.saturating_sub(self.position.0)
    }
}
