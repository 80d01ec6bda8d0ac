//! Following one partition.

use std::{convert::Infallible, sync::Arc, time::Duration};

use onedoor_log::{EventLog, Partition, ReadError, Record, Stream, Tail};
use onedoor_model::ids::{Digest, Offset};
use tracing::warn;

use super::keeper::Keeper;
use crate::{
    error::ProjectorError,
    project::{Projection, Step},
    rows::offsets::{Advance, Move},
    store::Store,
};

/// How long records of calls may gather: a commit of the projection costs as much as one of the log, and nobody waits for it.
const GATHER: Duration = Duration::from_millis(20);

/// Follows one partition.
pub(crate) struct Follower<'a> {
    log: &'a Arc<dyn EventLog>,
    store: &'a Store,
    stream: Stream,
    partition: Partition,
    projection: Projection,
    tail: Tail,
    /// Where the store stands, as far as is known here.
    stored: Offset,
    keeper: Keeper,
    /// Of the registry event that was folded last.
    record: Option<Digest>,
}

impl<'a> Follower<'a> {
    /// Begins where the store stands.
    pub(crate) async fn begin(
        log: &'a Arc<dyn EventLog>,
        store: &'a Store,
        stream: Stream,
        partition: Partition,
        projection: Projection,
    ) -> Result<Self, ProjectorError> {
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
        let tail = Tail::new(Arc::clone(log), stream, partition, projection.start(stored));
        Ok(Self {
            log,
            store,
            stream,
            partition,
            keeper: Keeper::of(&projection),
            projection,
            tail,
            stored,
            record: None,
        })
    }

    /// Follows for ever.
    pub(crate) async fn follow(mut self) -> Result<Infallible, ProjectorError> {
        loop {
            self.step(None).await?;
            match self.stream {
                Stream::Audit | Stream::Denials => tokio::time::sleep(GATHER).await,
                Stream::Registry | Stream::Control => {}
            }
        }
    }

    /// Follows up to, and not including, the record at `end`.
    pub(crate) async fn follow_to(&mut self, end: Offset) -> Result<(), ProjectorError> {
        while self.stored < end {
            self.step(Some(end)).await?;
        }
        Ok(())
    }

    /// Leaves out everything before `first`: it is there already, or nowhere any more.
    pub(crate) async fn skip_to(&mut self, first: Offset) -> Result<(), ProjectorError> {
        self.write(first, &[]).await?;
        self.tail = Tail::new(Arc::clone(self.log), self.stream, self.partition, self.stored);
        Ok(())
    }

    /// Where the store stands.
    pub(crate) fn stored(&self) -> Offset {
        self.stored
    }

    /// Projects what comes next, or keeps what came before. Nothing at `end` or behind it is projected.
    async fn step(&mut self, end: Option<Offset>) -> Result<(), ProjectorError> {
        let records = tokio::select! {
            records = self.tail.next() => records,
            () = self.keeper.due(&self.projection) => return self.write(self.stored, &[]).await,
        };
        match records {
            Ok(mut records) => {
                if let Some(end) = end {
                    let read = records.len();
                    records.retain(|record| record.offset < end);
                    if records.len() < read {
                        // What was cut off is read again.
                        self.tail = Tail::new(Arc::clone(self.log), self.stream, self.partition, end);
                    }
                }
                let (steps, halted) = self.project(&records);
                if let Some(last) = steps.last() {
                    self.write(last.offset.next(), &steps).await?;
                }
                halted
            }
            // The oldest denials go when there are too many. What is left is projected, and the gap is told.
            Err(ReadError::Truncated { first }) if self.stream == Stream::Denials => {
                warn!(from = %self.stored, %first, "denials were dropped before they were projected");
                self.skip_to(first).await
            }
            Err(error) => Err(read_error(
                error,
                self.stream,
                self.partition,
                self.tail.position(),
            )),
        }
    }

    /// The steps up to the first record that is not understood.
    fn project(&mut self, records: &[Record]) -> (Vec<Step>, Result<(), ProjectorError>) {
        let mut steps = Vec::with_capacity(records.len());
        for record in records {
            match self.projection.step(record) {
                Ok(step) => steps.push(step),
                Err(source) => {
                    let halted = ProjectorError::Halted {
                        stream: self.stream,
                        partition: self.partition,
                        offset: record.offset,
                        source,
                    };
                    return (steps, Err(halted));
                }
            }
            if self.projection.state().is_some() {
                self.record = Some(Digest::of(&record.bytes));
            }
        }
        (steps, Ok(()))
    }

    /// Brings the store to `next`, writing what it does not have yet. It has all where it was only read to fold, or where another
    /// projector was faster.
    async fn write(&mut self, next: Offset, steps: &[Step]) -> Result<(), ProjectorError> {
        // Rows and state go together: what was folded beyond `next` is none of this transaction's.
        let folded = self.projection.revision().map(Offset::next);
        let state = if folded == Some(next.max(self.stored)) {
            self.keeper.freeze(&self.projection, self.record).await
        } else {
            None
        };
        let mut unkept = state.is_some();
        while self.stored < next || unkept {
            let missing = steps.partition_point(|step| step.offset < self.stored);
            let to = Move {
                stream: self.stream,
                partition: self.partition,
                from: self.stored,
                next: next.max(self.stored),
            };
            match self.store.advance(to, &steps[missing..], state.as_ref()).await? {
                Advance::Done => {
                    self.stored = to.next;
                    if state.is_some() {
                        self.keeper.kept(&self.projection);
                    }
                }
                Advance::Elsewhere(position) if position < to.from => {
                    return Err(ProjectorError::MovedBack {
                        stream: to.stream,
                        partition: to.partition,
                        from: to.from,
                        position,
                    });
                }
                Advance::Elsewhere(position) => self.stored = position,
            }
            unkept = false;
        }
        Ok(())
    }
}

pub(super) fn read_error(
    error: ReadError,
    stream: Stream,
    partition: Partition,
    wanted: Offset,
) -> ProjectorError {
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
