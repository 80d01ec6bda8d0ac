//! Following a partition.

use std::{error::Error, sync::Arc};

use onedoor_model::ids::Offset;

use crate::{
    error::ReadError,
    port::{EventLog, Partition, Record, Stream},
};

/// The most records that one step of a [`Tail`] gives.
const STEP: usize = 1_000;

/// Follows one partition: every record from a given offset on, once, in order, waiting for more at the end.
#[derive(Debug)]
pub struct Tail {
    log: Arc<dyn EventLog>,
    stream: Stream,
    partition: Partition,
    next: Offset,
    /// Whether `next` is known to be no further than the end.
    placed: bool,
}

impl Tail {
    /// A tail whose first record will be the one at `from`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, stream: Stream, partition: Partition, from: Offset) -> Self {
        Self {
            log,
            stream,
            partition,
            next: from,
            placed: false,
        }
    }

    /// The offset of the record that comes next.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.next
    }

    /// The records that come next, at least one: those that are there, else those that come first. Waits through an outage.
    ///
    /// Cancel-safe: a step that is dropped has taken nothing. After an error the tail stands where it stood.
    ///
    /// # Errors
    /// Those of [`EventLog::read`] and [`EventLog::wait_for`], but [`ReadError::Unavailable`].
    pub async fn next(&mut self) -> Result<Vec<Record>, ReadError> {
        loop {
            match self.step().await {
                Ok(records) if records.is_empty() => {}
                Err(ReadError::Unavailable(error)) => {
                    let (stream, partition) = (self.stream, self.partition);
                    tracing::warn!(%stream, %partition, error = &error as &dyn Error, "the log cannot be reached; following waits");
                }
                outcome => return outcome,
            }
        }
    }

    async fn step(&mut self) -> Result<Vec<Record>, ReadError> {
        // The first step reads at once: an offset beyond the end must be noticed, not waited for. Every later one waits first, as a
        // step usually gives all there is, and to read nothing is a read all the same.
        if self.placed {
            self.log.wait_for(self.stream, self.partition, self.next).await?;
        }
        let records = self
            .log
            .read(self.stream, self.partition, self.next, STEP)
            .await?;
        self.placed = true;
        if let Some(last) = records.last() {
            self.next = last.offset.next();
        }
        Ok(records)
    }
}
