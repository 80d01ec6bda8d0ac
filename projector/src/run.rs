//! Following the log.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::select_all;
use memchr::memmem;
use onedoor_log::{EventLog, Partition, ReadError, Record, Stream, Tail};
use onedoor_model::{
    envelope::Envelope,
    ids::{LogId, Offset},
    registry::{Change, FoldError, RegistryEvent},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    error::ProjectorError,
    project::{Halt, Projection, Step},
    sqlite::{Advance, Store},
};

/// How long records of calls may gather: a commit of the projection costs as much as one of the log, and nobody waits for it.
const GATHER: Duration = Duration::from_millis(20);

/// How long to wait before going on after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(1);

/// Projects every partition of every stream into the store, and goes on as the log grows, until `shutdown`.
///
/// Dropping the future at any point loses nothing: what is not committed is projected again. A failure that may pass (no room, a
/// busy or failing disk) is waited out. Any other one stops the projection with an error, which is logged here: somebody has to act.
///
/// # Errors
/// [`ProjectorError`]
pub async fn run(
    log: Arc<dyn EventLog>,
    store: Store,
    shutdown: CancellationToken,
) -> Result<(), ProjectorError> {
    loop {
        let Some(Err(error)) = shutdown.run_until_cancelled(follow_log(&log, &store)).await else {
            return Ok(());
        };
        if !error.may_pass() {
            error!(
                error = &error as &dyn std::error::Error,
                "the projection has stopped"
            );
            return Err(error);
        }
        warn!(error = &error as &dyn std::error::Error, "the projection waits");
        if shutdown
            .run_until_cancelled(tokio::time::sleep(PAUSE))
            .await
            .is_none()
        {
            return Ok(());
        }
    }
}

/// Ends with the first partition that cannot go on.
async fn follow_log(log: &Arc<dyn EventLog>, store: &Store) -> Result<Infallible, ProjectorError> {
    let id = recognise(log.as_ref(), store).await?;
    let mut followers = Vec::new();
    for stream in Stream::ALL {
        for partition in (0..log.partitions(stream)).map(Partition) {
            let Some(projection) = Projection::of(stream) else {
                continue;
            };
            let stored = store.enlist(stream, partition).await?;
            let end = log.bounds(stream, partition).await?.end;
            if end < stored {
                return Err(ProjectorError::LogCut {
                    stream,
                    partition,
                    projected: stored,
                    end,
                });
            }
            followers.push(Box::pin(
                Follower::new(log, store, stream, partition, projection, stored).follow(),
            ));
        }
    }
    info!(log = %id, "the projection follows the log");
    select_all(followers).await.0
}

/// Makes sure that the store is a projection of this log, waiting for the log to begin.
async fn recognise(log: &dyn EventLog, store: &Store) -> Result<LogId, ProjectorError> {
    const REGISTRY: Stream = Stream::Registry;
    const PARTITION: Partition = Partition(0);
    const BEGINNING: Offset = Offset(0);
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
    let found = log_id(log).await?;
    let projected = store.adopt(found).await?;
    if projected == found {
        Ok(found)
    } else {
        Err(ProjectorError::ForeignLog { projected, found })
    }
}

/// The id that a log begins with, or that its last restore gave it.
async fn log_id(log: &dyn EventLog) -> Result<LogId, ProjectorError> {
    const REGISTRY: Stream = Stream::Registry;
    const PARTITION: Partition = Partition(0);
    /// Events read at once.
    const PAGE: usize = 1_000;
    let end = log.bounds(REGISTRY, PARTITION).await?.end;
    let (mut next, mut id) = (Offset(0), None);
    while next < end {
        let records = log.read(REGISTRY, PARTITION, next, PAGE).await;
        let records = records.map_err(|error| read_error(error, REGISTRY, PARTITION, next))?;
        for record in &records {
            id = log_id_after(id, record).map_err(|source| ProjectorError::Halted {
                stream: REGISTRY,
                partition: PARTITION,
                offset: record.offset,
                source,
            })?;
            next = record.offset.next();
        }
    }
    id.ok_or(ProjectorError::Halted {
        stream: REGISTRY,
        partition: PARTITION,
        offset: Offset(0),
        source: FoldError::NoBeginning.into(),
    })
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

/// Follows one partition.
struct Follower<'a> {
    log: &'a Arc<dyn EventLog>,
    store: &'a Store,
    stream: Stream,
    partition: Partition,
    projection: Projection,
    tail: Tail,
    /// Where the store stands, as far as is known here.
    stored: Offset,
}

impl<'a> Follower<'a> {
    fn new(
        log: &'a Arc<dyn EventLog>,
        store: &'a Store,
        stream: Stream,
        partition: Partition,
        projection: Projection,
        stored: Offset,
    ) -> Self {
        let tail = Tail::new(Arc::clone(log), stream, partition, projection.start(stored));
        Self {
            log,
            store,
            stream,
            partition,
            projection,
            tail,
            stored,
        }
    }

    async fn follow(mut self) -> Result<Infallible, ProjectorError> {
        loop {
            match self.tail.next().await {
                Ok(records) => {
                    let (steps, halted) = self.project(&records);
                    if let Some(last) = steps.last() {
                        self.write(last.offset.next(), &steps).await?;
                    }
                    halted?;
                    match self.stream {
                        Stream::Registry => {}
                        Stream::Audit | Stream::Denials | Stream::Control => tokio::time::sleep(GATHER).await,
                    }
                }
                // The oldest denials go when there are too many. What is left is projected, and the gap is told.
                Err(ReadError::Truncated { first }) if self.stream == Stream::Denials => {
                    self.resume(first).await?;
                }
                Err(error) => {
                    return Err(read_error(
                        error,
                        self.stream,
                        self.partition,
                        self.tail.position(),
                    ));
                }
            }
        }
    }

    /// The steps up to the first record that is not understood.
    fn project(&mut self, records: &[Record]) -> (Vec<Step>, Result<(), ProjectorError>) {
        let mut steps = Vec::with_capacity(records.len());
        for record in records {
            match self.projection.step(record) {
                Ok(step) => steps.push(step),
                Err(source) => {
                    let Self {
                        stream, partition, ..
                    } = *self;
                    let offset = record.offset;
                    return (
                        steps,
                        Err(ProjectorError::Halted {
                            stream,
                            partition,
                            offset,
                            source,
                        }),
                    );
                }
            }
        }
        (steps, Ok(()))
    }

    /// Brings the store to `next`, writing what it does not have yet. It has all where it was only read to fold, or where another
    /// projector was faster.
    async fn write(&mut self, next: Offset, steps: &[Step]) -> Result<(), ProjectorError> {
        while self.stored < next {
            let missing = steps.partition_point(|step| step.offset < self.stored);
            let from = self.stored;
            let (stream, partition) = (self.stream, self.partition);
            match self
                .store
                .advance(stream, partition, from, next, &steps[missing..])
                .await?
            {
                Advance::Done => self.stored = next,
                Advance::Elsewhere(position) if position < from => {
                    return Err(ProjectorError::MovedBack {
                        stream,
                        partition,
                        from,
                        position,
                    });
                }
                Advance::Elsewhere(position) => self.stored = position,
            }
        }
        Ok(())
    }

    async fn resume(&mut self, first: Offset) -> Result<(), ProjectorError> {
        warn!(from = %self.stored, %first, "denials were dropped before they were projected");
        self.write(first, &[]).await?;
        self.tail = Tail::new(Arc::clone(self.log), self.stream, self.partition, self.stored);
        Ok(())
    }
}

fn read_error(error: ReadError, stream: Stream, partition: Partition, wanted: Offset) -> ProjectorError {
    match error {
        ReadError::Truncated { first } => ProjectorError::BeginningLost {
            stream,
            partition,
            wanted,
            first,
        },
        ReadError::BeyondEnd { end } => ProjectorError::LogCut {
            stream,
            partition,
            projected: wanted,
            end,
        },
        error @ (ReadError::NoSuchPartition(_)
        | ReadError::Engine(_)
        | ReadError::Unavailable(_)
        | ReadError::Closed) => error.into(),
    }
}
