//! The registry's state, as it is kept beside the rows.

use onedoor_log::Record;
use onedoor_model::{
    ids::Digest,
    registry::{State, UnreadableState},
};

use super::{
    ask::Question,
    column::{self, Columns},
    statement::{Statement, row},
};

/// A registry state to go on from: everything up to its revision is folded in it.
#[derive(Clone, Debug)]
pub struct KeptState {
    /// The state.
    pub state: State,
    /// SHA-256 of the bytes of the event at its revision.
    pub record: Digest,
}

/// A state as a row.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    revision: u64,
    record: Digest,
    digest: Digest,
    bytes: String,
}

/// Why a kept state is of no use. The log has it all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Useless {
    #[error("its bytes are not those that were kept")]
    Changed,
    #[error(transparent)]
    Unreadable(#[from] UnreadableState),
}

impl KeptState {
    /// Whether the log that this record is from is the one the state was folded from, as far as the state goes: the record is the event
    /// at its revision. A log that was made again from a backup has the same id for a while, and then other events at the same offsets.
    #[must_use]
    pub fn is_of(&self, record: &Record) -> bool {
        Some(record.offset) == self.state.revision() && Digest::of(&record.bytes) == self.record
    }
}

impl Frozen {
    /// A state that has just folded the event with this digest; none before its first event.
    pub(crate) fn of(state: &State, record: Digest) -> Result<Option<Self>, serde_json::Error> {
        let Some(revision) = state.revision() else {
            return Ok(None);
        };
        let bytes = state.to_bytes()?;
        Ok(Some(Self {
            revision: revision.0,
            record,
            digest: Digest::of(&bytes),
            bytes: String::from_utf8_lossy(&bytes).into_owned(),
        }))
    }

    /// Puts it in place of the one that was kept before.
    pub(crate) fn write(&self) -> Statement<'_> {
        Statement {
            sql:
                "INSERT INTO registry_state (one, revision, record, digest, state) VALUES (1, $1, $2, $3, $4)
                ON CONFLICT (one) DO UPDATE SET revision = excluded.revision, record = excluded.record,
                    digest = excluded.digest, state = excluded.state",
            values: row![
                self.revision,
                self.record.to_string(),
                self.digest.to_string(),
                self.bytes.as_str()
            ],
        }
    }

    /// The row that is kept.
    pub(crate) fn kept() -> Question {
        Question::new("SELECT revision, record, digest, state FROM registry_state")
    }

    pub(crate) fn read(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            revision: column::number(row, "revision")?,
            record: column::named(row, "record")?,
            digest: column::named(row, "digest")?,
            bytes: column::text(row, "state")?,
        })
    }

    /// The state again. Takes as long as reading every manifest there is.
    pub(crate) fn thaw(&self) -> Result<KeptState, Useless> {
        if Digest::of(self.bytes.as_bytes()) != self.digest {
            return Err(Useless::Changed);
        }
        let state = State::from_bytes(self.bytes.as_bytes())?;
        if state
            .revision()
            .is_none_or(|revision| revision.0 != self.revision)
        {
            return Err(Useless::Changed);
        }
        Ok(KeptState {
            state,
            record: self.record,
        })
    }
}
