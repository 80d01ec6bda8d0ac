//! What records mean for the tables. Pure: no I/O, no clock.

mod registry;

use jiff::Timestamp;
use onedoor_log::{Record, Stream};
use onedoor_model::{
    audit::{AuditEvent, DenialEvent},
    envelope::{Envelope, Unreadable},
    ids::{Offset, Revision},
    registry::{FoldError, State},
};

pub(crate) use self::registry::{RegistryEntry, Touched};
use crate::rows::state::KeptState;

/// Reads the records of one partition, in order.
#[derive(Debug)]
pub(crate) enum Projection {
    /// Registry events mean something only together with those before them.
    Registry(Box<State>),
    Audit,
    Denials,
}

/// One record, understood.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) offset: Offset,
    /// When the log took it.
    pub(crate) time: Timestamp,
    pub(crate) entry: Entry,
}

/// What a record says.
#[derive(Debug)]
pub(crate) enum Entry {
    Registry(Box<RegistryEntry>),
    Audit(Box<Envelope<AuditEvent>>),
    Denial(Box<Envelope<DenialEvent>>),
}

/// Why a record stops the projection.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// It cannot be read: damaged, or written by a newer version of Onedoor.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It does not continue this log.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Projection {
    /// A projection that has read nothing yet, but what is in a kept state; none of a stream that holds no facts.
    pub(crate) fn of(stream: Stream, kept: Option<KeptState>) -> Option<Self> {
        match stream {
            Stream::Registry => Some(Self::Registry(Box::new(
                kept.map_or_else(State::default, |kept| kept.state),
            ))),
            Stream::Audit => Some(Self::Audit),
            Stream::Denials => Some(Self::Denials),
            Stream::Control => None,
        }
    }

    /// The first record to read, when everything before `stored` is in the tables already. The registry's state may be behind them.
    pub(crate) fn start(&self, stored: Offset) -> Offset {
        match self {
            Self::Registry(state) => state.revision().map_or(Offset(0), Offset::next),
            Self::Audit | Self::Denials => stored,
        }
    }

    /// The registry's state, where this is its projection.
    pub(crate) fn state(&self) -> Option<&State> {
        match self {
            Self::Registry(state) => Some(state),
            Self::Audit | Self::Denials => None,
        }
    }

    /// The revision of the registry's state.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.state()?.revision()
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// [`Halt`]. The projection is then as before.
    pub(crate) fn step(&mut self, record: &Record) -> Result<Step, Halt> {
        let entry = match self {
            Self::Registry(state) => Entry::Registry(Box::new(RegistryEntry::fold(
                state,
                record.offset,
                &record.bytes,
            )?)),
            Self::Audit => Entry::Audit(Box::new(Envelope::read(&record.bytes)?)),
            Self::Denials => Entry::Denial(Box::new(Envelope::read(&record.bytes)?)),
        };
        Ok(Step {
            offset: record.offset,
            time: record.time,
            entry,
        })
    }
}
