//! A log whose registry can be told to take nothing, or to wait.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bytes::Bytes;
use onedoor_log::{AppendError, Bounds, EventLog, Partition, ReadError, Record, Refusal, Stream};
use onedoor_model::ids::Offset;
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(crate) struct GatedLog {
    inner: Arc<dyn EventLog>,
    refuses: AtomicBool,
    /// An append waits for a permit.
    gate: Semaphore,
    waiting: AtomicUsize,
}

impl GatedLog {
    pub(crate) fn over(inner: Arc<dyn EventLog>) -> Self {
        Self {
            inner,
            refuses: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether appends are refused from now on.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// From now on lets appends wait.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets go of the appends that wait, and holds no more.
    pub(crate) fn release(&self) {
        self.gate.add_permits(1_000);
    }

    /// How many appends have begun to wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl EventLog for GatedLog {
    fn partitions(&self, stream: Stream) -> u32 {
        self.inner.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        if stream != Stream::Registry {
            return self.inner.append(stream, partition, events).await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Refusal::Closed.into());
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _permit = self.gate.acquire().await;
        self.inner.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.inner.read(stream, partition, from, max_records).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.inner.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.inner.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
