//! Closing boots that died, where there are several replicas: their open calls end as unknown.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use onedoor_lease::Control;
use onedoor_log::Partition;
use onedoor_model::{ids::BootId, lease::LEASE};
use onedoor_projector::{OpenBoot, Store, StoreError};
use tokio::time::sleep;

use super::{AuditUnavailable, Recorder};

/// How often dead boots are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// Closes boots that gave no sign of life for so long that they are dead. Of the replicas that live, the eldest boot does it; that two do
/// it for a moment, is no harm: the first end of a call counts.
#[derive(Debug)]
pub(crate) struct DeadBoots {
    control: Arc<Control>,
    recorder: Recorder,
    store: Store,
    /// Boots that were closed here and are still shown as open, with the last event that is known of each: the projection may lag behind,
    /// and what such a boot had on its way may come into the log after that, so that it is to be closed again.
    closed: BTreeMap<(BootId, Partition), u64>,
}

/// Why boots could not be closed now.
#[derive(Debug, thiserror::Error)]
enum NotClosed {
    #[error("it cannot be read which boots are open")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditUnavailable),
}

impl DeadBoots {
    pub(crate) fn new(control: &Arc<Control>, recorder: &Recorder, store: &Store) -> Self {
        Self {
            control: Arc::clone(control),
            recorder: recorder.clone(),
            store: store.clone(),
            closed: BTreeMap::new(),
        }
    }

    /// Closes them for as long as it is run.
    pub(crate) async fn run(mut self) {
        loop {
            sleep(EVERY).await;
            if let Err(error) = self.close().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "boots that died are not closed now"
                );
            }
        }
    }

    async fn close(&mut self) -> Result<(), NotClosed> {
        if !self.control.is_eldest() {
            return Ok(());
        }
        let open = self.store.open_boots(self.control.boot()).await?;
        // A boot ticks before it opens. Whoever has a lease a whole lease later has read those ticks: it takes no boot for dead that has
        // only just begun.
        sleep(LEASE).await;
        if !self.control.lease().may_serve() {
            return Ok(());
        }
        self.closed
            .retain(|closed, _| open.iter().any(|open| key(open) == *closed));
        for open in open {
            if self.control.is_dead(open.boot) && self.closed.get(&key(&open)) != Some(&open.last_seq) {
                self.recorder.close_dead_boot(open.boot, open.partition).await?;
                self.closed.insert(key(&open), open.last_seq);
                tracing::warn!(boot = %open.boot, "closed a boot that had died; its open calls ended as unknown");
            }
        }
        Ok(())
    }
}

fn key(open: &OpenBoot) -> (BootId, Partition) {
    (open.boot, open.partition)
}
