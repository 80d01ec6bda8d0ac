//! How far each partition is projected, for those who wait for it.

use std::{collections::BTreeMap, sync::Arc};

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The next offset of every partition, as far as this process knows. Only what is committed is ever published here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<Known>>);

type Known = BTreeMap<(Stream, Partition), watch::Sender<Offset>>;

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

    /// Completes once the record at `offset` is projected. Cancel-safe.
    pub(crate) async fn reached(&self, stream: Stream, partition: Partition, offset: Offset) {
        let sender = self.sender(stream, partition);
        // It cannot fail: the sender is here.
        let _ = sender.subscribe().wait_for(|next| *next > offset).await;
    }

    fn sender(&self, stream: Stream, partition: Partition) -> watch::Sender<Offset> {
        self.0
            .lock()
            .entry((stream, partition))
            .or_insert_with(|| watch::Sender::new(Offset(0)))
            .clone()
    }
}
