//! A log as one replica sees it: streams of it can be cut off.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use onedoor_log::{AppendError, Bounds, EventLog, MemoryLog, Options, Partition, ReadError, Record, Stream};
use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use tokio::sync::watch;

/// What is done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Read,
    Append,
}

/// A log of which ways can be cut off: what goes there waits, as it does at a broker that cannot be reached.
#[derive(Debug)]
pub(super) struct Faulty {
    log: Arc<MemoryLog>,
    cut: watch::Sender<BTreeSet<(Stream, Way)>>,
    /// Appends to `control` that wait, or are under way.
    pub(super) ticking: AtomicUsize,
    /// Every append is stored twice.
    pub(super) twice: AtomicBool,
    /// What the next read of `control` fails with.
    pub(super) fails: Mutex<Option<ReadError>>,
}

pub(super) fn memory() -> Arc<MemoryLog> {
    Arc::new(MemoryLog::new(Options::default()))
}

impl Faulty {
    pub(super) fn over(log: &Arc<MemoryLog>) -> Arc<Self> {
        Arc::new(Self {
            log: Arc::clone(log),
            cut: watch::Sender::default(),
            ticking: AtomicUsize::new(0),
            twice: AtomicBool::new(false),
            fails: Mutex::new(None),
        })
    }

    pub(super) fn cut(&self, stream: Stream, way: Way) {
        self.cut.send_modify(|cut| {
            cut.insert((stream, way));
        });
    }

    pub(super) fn heal(&self) {
        self.cut.send_modify(BTreeSet::clear);
    }

    async fn pass(&self, stream: Stream, way: Way) {
        let mut cut = self.cut.subscribe();
        cut.wait_for(|cut| !cut.contains(&(stream, way))).await.unwrap();
    }
}

#[async_trait::async_trait]
impl EventLog for Faulty {
    fn partitions(&self, stream: Stream) -> u32 {
        self.log.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        let control = usize::from(stream == Stream::Control);
        self.ticking.fetch_add(control, Ordering::SeqCst);
        self.pass(stream, Way::Append).await;
        let offset = self.log.append(stream, partition, events.clone()).await;
        if self.twice.load(Ordering::SeqCst) {
            let _ = self.log.append(stream, partition, events).await;
        }
        self.ticking.fetch_sub(control, Ordering::SeqCst);
        offset
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        most: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.pass(stream, Way::Read).await;
        if stream == Stream::Control
            && let Some(error) = self.fails.lock().take()
        {
            return Err(error);
        }
        self.log.read(stream, partition, from, most).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.pass(stream, Way::Read).await;
        self.log.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.log.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.log.close().await;
    }
}
