//! Closing boots that died, where there are several replicas: their open calls end as unknown.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use onedoor_lease::Control;
use onedoor_model::ids::BootId;
use onedoor_projector::{Store, StoreError};
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
    /// Boots that were closed here, with the last event known of each. The projection may not show it yet; and what such a boot had on its
    /// way may come into the log after that, so that it is to be closed again.
    closed: BTreeMap<BootId, u64>,
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
        // Who is not up to date has not heard of the others for a while.
        if !self.control.lease().may_serve() || !self.control.is_eldest() {
            return Ok(());
        }
        for open in self.store.open_boots(self.control.boot()).await? {
            if self.control.is_dead(open.boot) && self.closed.get(&open.boot) != Some(&open.last_seq) {
                self.recorder.close_boot(open.boot).await?;
                self.closed.insert(open.boot, open.last_seq);
                tracing::warn!(boot = %open.boot, "closed a boot that had died; its open calls ended as unknown");
            }
        }
        Ok(())
    }
}
