//! Which log it is, and from where to go on.

use memchr::memmem;
use onedoor_log::{EventLog, Partition, Record, Stream};
use onedoor_model::{
    envelope::Envelope,
    ids::{LogId, Offset},
    registry::{Change, FoldError, RegistryEvent},
};

use super::follower::read_error;
use crate::{
    error::ProjectorError,
    project::{Halt, Projection},
    rows::state::KeptState,
    store::Store,
};

const REGISTRY: Stream = Stream::Registry;
const PARTITION: Partition = Partition(0);
const BEGINNING: Offset = Offset(0);

/// A log that this store is a projection of.
pub(crate) struct Recognised {
    pub(crate) log: LogId,
    /// The state that was kept of it, until it is taken.
    kept: Option<KeptState>,
}

impl Recognised {
    /// What the projection of a stream begins with. The registry's state goes to the first who asks.
    pub(crate) fn start(&mut self, stream: Stream) -> Option<Projection> {
        Projection::of(stream, self.kept.take_if(|_| stream == REGISTRY))
    }
}

/// Makes sure that the store is a projection of this log, waiting for the log to begin.
pub(crate) async fn recognise(log: &dyn EventLog, store: &Store) -> Result<Recognised, ProjectorError> {
    let projected = store.position(REGISTRY, PARTITION).await?;
    let end = log.bounds(REGISTRY, PARTITION).await?.end;
    if end == BEGINNING && end < projected {
        return Err(ProjectorError::LogCut {
            stream: REGISTRY,
            partition: PARTITION,
            projected,
            end,
        });
    }
    log.wait_for(REGISTRY, PARTITION, BEGINNING).await?;
    let (kept, diverged) = match store.state().await? {
        Some(kept) => compared(log, kept).await?,
        None => (None, None),
    };
    let found = log_id(log, kept.as_ref()).await?;
    let projected = store.adopt(found).await?;
    match diverged {
        _ if projected != found => Err(ProjectorError::ForeignLog { projected, found }),
        Some(revision) => Err(ProjectorError::Diverged { revision }),
        None => Ok(Recognised { log: found, kept }),
    }
}

/// A kept state, if the log has the event that it has folded last; else where the log has another one. Neither, if the log does not
/// reach so far: it was cut, which shows.
async fn compared(
    log: &dyn EventLog,
    kept: KeptState,
) -> Result<(Option<KeptState>, Option<Offset>), ProjectorError> {
    let end = log.bounds(REGISTRY, PARTITION).await?.end;
    let Some(revision) = kept.state.revision().filter(|revision| *revision < end) else {
        return Ok((None, None));
    };
    let records = log.read(REGISTRY, PARTITION, revision, 1).await;
    let records = records.map_err(|error| read_error(error, REGISTRY, PARTITION, revision))?;
    if records.first().is_some_and(|record| kept.is_of(record)) {
        Ok((Some(kept), None))
    } else {
        Ok((None, Some(revision)))
    }
}

/// The id that a log begins with, or that its last restore gave it. What a kept state knows is not read again.
async fn log_id(log: &dyn EventLog, kept: Option<&KeptState>) -> Result<LogId, ProjectorError> {
    /// Events read at once.
    const PAGE: usize = 1_000;
    let end = log.bounds(REGISTRY, PARTITION).await?.end;
    let mut id = kept.and_then(|kept| kept.state.log());
    let mut next = kept
        .and_then(|kept| kept.state.revision())
        .map_or(BEGINNING, Offset::next);
    while next < end {
        let records = log.read(REGISTRY, PARTITION, next, PAGE).await;
        let records = records.map_err(|error| read_error(error, REGISTRY, PARTITION, next))?;
        for record in &records {
            id = log_id_after(id, record).map_err(|source| halted(record.offset, source))?;
            next = record.offset.next();
        }
    }
    id.ok_or_else(|| halted(BEGINNING, FoldError::NoBeginning.into()))
}

fn halted(offset: Offset, source: Halt) -> ProjectorError {
    ProjectorError::Halted {
        stream: REGISTRY,
        partition: PARTITION,
        offset,
        source,
    }
}

/// The log's id after an event: as the fold has it, but without folding.
fn log_id_after(id: Option<LogId>, record: &Record) -> Result<Option<LogId>, Halt> {
    let kind = |name: &[u8]| memmem::find(&record.bytes, name).is_some();
    let change = match id {
        None => Envelope::<RegistryEvent>::read(&record.bytes)?.data.change,
        Some(_) if kind(b"dev.onedoor.LogRestored.") => {
            Envelope::<RegistryEvent>::read(&record.bytes)?.data.change
        }
        Some(_) => return Ok(id),
    };
    match (id, change) {
        (None, Change::LogCreated(created)) => Ok(Some(created.log)),
        (None, _) => Err(FoldError::NoBeginning.into()),
        (Some(id), Change::LogRestored(restored)) if restored.from == id => Ok(Some(restored.log)),
        (Some(id), _) => Ok(Some(id)),
    }
}
