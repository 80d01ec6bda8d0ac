//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use onedoor_log::{Partition, ReadError, Stream};
use onedoor_model::ids::{LogId, Offset};

use crate::project::Halt;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or reached.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or its folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is something else, or damaged.
    #[error(
        "{} is not a projection: {reason}; move it away, and it will be built anew from the log",
        path.display()
    )]
    NotAProjection {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// The file was made by another version of Onedoor, whose tables this one does not know.
    #[error(
        "{} was made by another version of Onedoor; use that one, or move the file away, and it will be built anew from the log",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// What the migrations said.
        source: sqlx::migrate::MigrateError,
    },
    /// The database failed.
    #[error("cannot open {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: sqlx::Error,
    },
}

/// The store's database failed. Not the caller's fault; see [`StoreError::may_pass`].
#[derive(Debug, thiserror::Error)]
#[error("the projection's database failed")]
pub struct StoreError(#[from] sqlx::Error);

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The caller's fault: the cursor is none that this query gave.
    #[error("the cursor is not one that this list has given")]
    BadCursor,
    /// Not the caller's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the projector stopped. What it has projected stays, and can be asked; it only grows no further.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The store belongs to another log.
    #[error(
        "the projection was made from log {projected}, but this is log {found}: give it back its log, or move its file away, and it \
         will be built anew from this one"
    )]
    ForeignLog {
        /// The log in the store.
        projected: LogId,
        /// The log given.
        found: LogId,
    },
    /// The log lost what was already projected: it was cut, or made anew.
    #[error(
        "{stream}/{partition} was projected up to offset {projected}, but the log ends at {end}: it was cut or made anew. Restore it, \
         or, if what it lost is to be given up, move the projection's file away, and it will be built anew from what is left"
    )]
    LogCut {
        /// The stream.
        stream: Stream,
        /// The partition.
        partition: Partition,
        /// The offset the projection would continue at.
        projected: Offset,
        /// Where the log ends.
        end: Offset,
    },
    /// A stream that is kept for ever has lost its beginning.
    #[error(
        "{stream}/{partition} begins at offset {first}, but {wanted} is still to be projected: restore the log"
    )]
    BeginningLost {
        /// The stream.
        stream: Stream,
        /// The partition.
        partition: Partition,
        /// The offset that is missing.
        wanted: Offset,
        /// The oldest offset there is.
        first: Offset,
    },
    /// An event that this version does not understand. It is never skipped.
    #[error(
        "cannot project {stream}/{partition} offset {offset}: a version of Onedoor that understands it has to"
    )]
    Halted {
        /// The stream.
        stream: Stream,
        /// The partition.
        partition: Partition,
        /// The event.
        offset: Offset,
        /// What is wrong with it.
        source: Halt,
    },
    /// The store stands before what it once held: its file was replaced while in use. Starting again picks it up.
    #[error("the projection of {stream}/{partition} went back from {from} to {position} while in use")]
    MovedBack {
        /// The stream.
        stream: Stream,
        /// The partition.
        partition: Partition,
        /// Where it stood.
        from: Offset,
        /// Where it stands.
        position: Offset,
    },
    /// The log cannot be read.
    #[error("cannot read the log")]
    Log(#[from] ReadError),
    /// The store cannot be written.
    #[error("cannot write the projection")]
    Store(#[from] StoreError),
}

impl StoreError {
    /// Whether the same may succeed later: no room on the disk, a failing disk, another process that writes.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const IO: i32 = 10;
        const FULL: i32 = 13;
        let code = self
            .0
            .as_database_error()
            .and_then(|error| error.code()?.parse::<i32>().ok());
        match code {
            // The low byte is the primary result code (sqlite.org/rescode.html).
            Some(code) => matches!(code & 0xff, BUSY | LOCKED | IO | FULL),
            None => matches!(self.0, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)),
        }
    }
}

impl ProjectorError {
    /// Whether going on from the same place may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Log(ReadError::Engine(_) | ReadError::Unavailable(_)) => true,
            Self::Store(error) => error.may_pass(),
            Self::Log(
                ReadError::Truncated { .. }
                | ReadError::BeyondEnd { .. }
                | ReadError::NoSuchPartition(_)
                | ReadError::Closed,
            )
            | Self::ForeignLog { .. }
            | Self::LogCut { .. }
            | Self::BeginningLost { .. }
            | Self::Halted { .. }
            | Self::MovedBack { .. } => false,
        }
    }
}
