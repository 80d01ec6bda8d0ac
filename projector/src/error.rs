//! What can go wrong, by what the caller can do about it.

use std::{path::PathBuf, time::Duration};

use onedoor_log::{Partition, ReadError, Stream};
use onedoor_model::ids::{LogId, Offset, Revision};
use sqlx::{error::DatabaseError, migrate::MigrateError, postgres::PgDatabaseError};

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
        source: MigrateError,
    },
    /// The database failed.
    #[error("cannot open {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: sqlx::Error,
    },
    /// The address of a PostgreSQL database is of no use.
    #[error("{url} is not the address of a projection's database: {reason}")]
    Address {
        /// The address; without what may be a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A schema cannot be called so.
    #[error(
        "{0:?} is no name for the projection's schema: a lower-case letter, then at most 39 of a-z, 0-9 and _, and not pg_"
    )]
    Schema(String),
}

/// The store did not do what it was asked. Not the caller's fault; see [`StoreError::may_pass`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed, or cannot be reached.
    #[error("the projection's database failed")]
    Database(#[from] sqlx::Error),
    /// The database did not answer.
    #[error("the projection's database has not answered for {0:?}")]
    Silent(Duration),
    /// Nobody has made the tables yet.
    #[error("there is no projection in the schema {schema} yet: `onedoor projector` makes it")]
    Missing {
        /// The schema.
        schema: String,
    },
    /// The database cannot hold every text that callers send, and one that it cannot would stop the projection.
    #[error(
        "the projection's database is encoded in {found}: make it anew with `createdb --encoding UTF8 --template template0`"
    )]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// The tables are older than what this version of Onedoor reads.
    #[error(
        "the projection in the schema {schema} is of version {found}, and this version of Onedoor reads {wanted}: start its `onedoor \
         projector` first, which brings it up to date"
    )]
    Older {
        /// The schema.
        schema: String,
        /// The version of its tables.
        found: i64,
        /// The version that is needed.
        wanted: i64,
    },
    /// The tables were made by another version of Onedoor, and this one must not write them.
    #[error(
        "the projection in the schema {schema} was made by another version of Onedoor: use that one, or drop the schema, and it will be \
         built anew from the log"
    )]
    OtherVersion {
        /// The schema.
        schema: String,
        /// What the migrations said.
        source: MigrateError,
    },
}

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
        "the projection was made from log {projected}, but this is log {found}: give it back its log, or move its file away (rebuild its \
         schema with `--adopt`), and it will be built anew from this one"
    )]
    ForeignLog {
        /// The log in the store.
        projected: LogId,
        /// The log given.
        found: LogId,
    },
    /// The store belongs to another log with the same id, such as a copy of it that was written on.
    #[error(
        "registry/0 holds another event at offset {revision} than the one that was projected: it was put back from a copy and written \
         on. Give the projection back its log, or move its file away (rebuild its schema with `--adopt`), and it will be built anew \
         from this one"
    )]
    Diverged {
        /// Where.
        revision: Revision,
    },
    /// The log lost what was already projected: it was cut, or made anew.
    #[error(
        "{stream}/{partition} was projected up to offset {projected}, but the log ends at {end}: it was cut or made anew. Restore it, \
         or, if what it lost is to be given up, move the projection's file away, or rebuild its schema with `--adopt`, and it will be built anew \
         from what is left"
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
    /// The store stands before what it once held: its file was replaced while in use, or its database came back from a copy. To begin
    /// anew picks it up.
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
    /// Whether the same may succeed later: no room on the disk, a failing disk, another process that writes, a database that is away or
    /// starts, tables that are not there yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => database_error_may_pass(error.as_ref()),
            Self::Database(error) => matches!(
                error,
                sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Protocol(_)
            ),
            Self::Silent(_) | Self::Missing { .. } | Self::Older { .. } => true,
            Self::Encoding { .. } | Self::OtherVersion { .. } => false,
        }
    }
}

fn database_error_may_pass(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const IO: i32 = 10;
    const FULL: i32 = 13;
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return sqlstate_may_pass(&code);
    }
    // The low byte is the primary result code (sqlite.org/rescode.html).
    let code = code.parse::<i32>().map(|code| code & 0xff);
    matches!(code, Ok(BUSY | LOCKED | IO | FULL))
}

/// By class (PostgreSQL, appendix A): no connection, nothing free, an operator's doing, the system's; conflicts, locks and time-outs; a
/// server that takes no writes while another one takes over.
fn sqlstate_may_pass(code: &str) -> bool {
    const READ_ONLY: &str = "25006";
    const IDLE_IN_TRANSACTION: &str = "25P03";
    let class = code.get(..2).unwrap_or_default();
    matches!(class, "08" | "40" | "53" | "55" | "57" | "58")
        || matches!(code, READ_ONLY | IDLE_IN_TRANSACTION)
}

impl ProjectorError {
    /// Whether going on from the same place may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Log(ReadError::Engine(_) | ReadError::Unavailable(_)) => true,
            Self::Store(error) => error.may_pass(),
            Self::MovedBack { .. } => true,
            Self::Log(
                ReadError::Truncated { .. }
                | ReadError::BeyondEnd { .. }
                | ReadError::NoSuchPartition(_)
                | ReadError::Closed,
            )
            | Self::ForeignLog { .. }
            | Self::Diverged { .. }
            | Self::LogCut { .. }
            | Self::BeginningLost { .. }
            | Self::Halted { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_somebody_has_to_mend() {
        for passes in [
            "08006", "40P01", "53300", "55P03", "57P01", "57P03", "58030", "25006", "25P03",
        ] {
            assert!(sqlstate_may_pass(passes), "{passes}");
        }
        for stays in ["", "22021", "23505", "25001", "28P01", "3D000", "42501", "42P01"] {
            assert!(!sqlstate_may_pass(stays), "{stays}");
        }
    }
}
