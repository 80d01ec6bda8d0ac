//! A log whose reads a test has a hand in.

use std::{
    fmt,
    sync::{Arc, mpsc},
};

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_log::{AppendError, Bounds, EventLog, Partition, ReadError, Record, Stream};
use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// A log whose reads come in small steps, so that there are many transactions, and can be held up, dated and looked at.
pub(crate) struct Paced {
    log: Arc<dyn EventLog>,
    step: usize,
    /// A read of `audit` takes its records at once, and stops its whole thread before it gives them.
    pub(crate) gate: Option<Gate>,
    /// When the log took the record at an offset.
    pub(crate) clock: Option<Clock>,
    /// Where reads began.
    pub(crate) reads: Mutex<Vec<(Stream, Offset)>>,
}

type Clock = Box<dyn Fn(Stream, Offset) -> Timestamp + Send + Sync>;

#[derive(Debug)]
pub(crate) struct Gate {
    /// Lets one read go on.
    pub(crate) permits: Mutex<mpsc::Receiver<()>>,
    /// One for each read that has begun.
    pub(crate) begun: Semaphore,
}

impl Paced {
    /// At most `step` records at once.
    pub(crate) fn by(log: &Arc<dyn EventLog>, step: usize) -> Self {
        Self {
            log: Arc::clone(log),
            step,
            gate: None,
            clock: None,
            reads: Mutex::default(),
        }
    }

    pub(crate) fn small(log: &Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        Arc::new(Self::by(log, 3))
    }

    /// With times of its own.
    pub(crate) fn dated(
        log: &Arc<dyn EventLog>,
        clock: impl Fn(Stream, Offset) -> Timestamp + Send + Sync + 'static,
    ) -> Arc<dyn EventLog> {
        let mut dated = Self::by(log, usize::MAX);
        dated.clock = Some(Box::new(clock));
        Arc::new(dated)
    }
}

#[async_trait::async_trait]
impl EventLog for Paced {
    fn partitions(&self, stream: Stream) -> u32 {
        self.log.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        self.log.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.reads.lock().push((stream, from));
        let max_records = max_records.min(self.step);
        let mut records = self.log.read(stream, partition, from, max_records).await?;
        if let Some(clock) = &self.clock {
            for record in &mut records {
                record.time = clock(stream, record.offset);
            }
        }
        if let Some(gate) = self.gate.as_ref().filter(|_| stream == Stream::Audit) {
            gate.begun.add_permits(1);
            // It ends with the test.
            let _ = gate.permits.lock().recv();
        }
        Ok(records)
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.log.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.log.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.log.close().await;
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").finish_non_exhaustive()
    }
}
