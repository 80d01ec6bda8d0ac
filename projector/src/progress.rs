//! How far each partition is projected, for those who wait for it and those who look after it.

use std::{collections::BTreeMap, sync::Arc};

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::status::{Activity, PartitionStatus, Status};

/// What this process knows of a projection. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    partitions: Mutex<BTreeMap<(Stream, Partition), Known>>,
    activity: Mutex<Activity>,
}

#[derive(Debug)]
struct Known {
    /// The next offset. Only what is committed is ever published here.
    next: watch::Sender<Offset>,
    /// Where the log ended when it was last asked.
    end: Offset,
}

impl Progress {
    /// Notes that everything before `next` is projected. It never goes back.
    pub(crate) fn publish(&self, stream: Stream, partition: Partition, next: Offset) {
        self.sender(stream, partition).send_if_modified(|known| {
            let further = *known < next;
            if further {
                *known = next;
            }
            further
        });
    }

    /// Whether the record at `offset` is known to be projected.
    pub(crate) fn has_reached(&self, stream: Stream, partition: Partition, offset: Offset) -> bool {
        *self.sender(stream, partition).borrow() > offset
    }

    /// Completes once the record at `offset` is known to be projected. Cancel-safe.
    pub(crate) async fn reached(&self, stream: Stream, partition: Partition, offset: Offset) {
        let sender = self.sender(stream, partition);
        // It cannot fail: the sender is here.
        let _ = sender.subscribe().wait_for(|next| *next > offset).await;
    }

    /// Notes where a partition of the log ends.
    pub(crate) fn note_end(&self, stream: Stream, partition: Partition, end: Offset) {
        self.with(stream, partition, |known| known.end = end);
    }

    /// Notes what the projector does.
    pub(crate) fn note(&self, activity: Activity) {
        *self.0.activity.lock() = activity;
    }

    pub(crate) fn status(&self) -> Status {
        let partitions = self.0.partitions.lock();
        let partition = |(&(stream, partition), known): (&(Stream, Partition), &Known)| {
            let position = *known.next.borrow();
            PartitionStatus {
                stream,
                partition,
                position,
                end: known.end.max(position),
            }
        };
        Status {
            activity: self.0.activity.lock().clone(),
            partitions: partitions.iter().map(partition).collect(),
        }
    }

    fn sender(&self, stream: Stream, partition: Partition) -> watch::Sender<Offset> {
        self.with(stream, partition, |known| known.next.clone())
    }

    fn with<T>(&self, stream: Stream, partition: Partition, what: impl FnOnce(&mut Known) -> T) -> T {
        let mut partitions = self.0.partitions.lock();
        what(partitions.entry((stream, partition)).or_insert_with(|| Known {
            next: watch::Sender::new(Offset(0)),
            end: Offset(0),
        }))
    }
}
