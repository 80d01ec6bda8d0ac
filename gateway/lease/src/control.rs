//! This replica's part in the stream `control`.

use std::sync::Arc;

use bytes::Bytes;
use onedoor_log::{AppendError, EventLog, ReadError, Stream};
use onedoor_model::{
    control::ControlEvent,
    envelope::{Chain, Draft, Producer, Unreadable},
    ids::{BootId, Offset, Revision},
    lease::{BootInstant, Lease, Stop},
};
use onedoor_registry::{Boot, FollowError, Follower, Registry, Rejected};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::{ControlTask, LeaseView, start::PARTITION};

/// A replica's lease, the holds it knows, and the other replicas as it sees them. Its task drives it.
#[derive(Debug)]
pub struct Control {
    pub(crate) registry: Arc<Registry>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) boot: Boot,
    pub(crate) lease: LeaseView,
    /// None until it is known where to read from.
    pub(crate) rule: Mutex<Option<Lease>>,
    chain: Mutex<Chain>,
    /// Told after every record that was read, and everything that was enforced.
    pub(crate) moved: watch::Sender<()>,
    /// The last tick that was acknowledged.
    pub(crate) acknowledged: watch::Sender<Option<Acknowledged>>,
    /// Asks for a tick at once.
    pub(crate) tick_now: Notify,
}

/// A tick that stands in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) offset: Offset,
    pub(crate) revision: Revision,
    /// Read after the log had said so.
    pub(crate) at: BootInstant,
}

/// Why this replica must not serve any more. It has to be started anew.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The registry cannot be followed.
    #[error("the registry cannot be followed")]
    Registry(#[from] FollowError),
    /// The log cannot be read.
    #[error("the stream control cannot be read")]
    Read(#[from] ReadError),
    /// A newer Onedoor has written to this log, or it is damaged.
    #[error("cannot understand event {offset} of the stream control")]
    Unreadable {
        /// Where it stands.
        offset: Offset,
        /// What is wrong.
        #[source]
        source: Unreadable,
    },
    /// The lease ended for good.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// This boot was silent for so long that others have taken it for dead, and closed it.
    #[error("this boot was silent for so long that it was taken for dead: it has to begin anew")]
    TakenForDead,
    /// The log does not take that this boot has joined.
    #[error("the registry does not take that this replica has joined")]
    Join(#[source] Rejected),
}

impl Control {
    /// Prepares a boot's part. The task has to be run until the process ends: it follows the registry, too, and nothing is published
    /// without it. When it ends, nothing may be served.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, boot: &Boot, follower: Follower) -> (Arc<Self>, ControlTask) {
        let control = Arc::new(Self {
            registry: Arc::clone(follower.registry()),
            log,
            boot: boot.clone(),
            lease: LeaseView::none(),
            rule: Mutex::new(None),
            chain: Mutex::new(boot.chain(Producer::Control)),
            moved: watch::Sender::new(()),
            acknowledged: watch::Sender::new(None),
            tick_now: Notify::new(),
        });
        let task = ControlTask::new(Arc::clone(&control), follower);
        (control, task)
    }

    /// Until when this replica may serve.
    #[must_use]
    pub fn lease(&self) -> &LeaseView {
        &self.lease
    }

    /// The boot that this is the part of.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.boot.id
    }

    /// The registry that is followed.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Appends to `control`.
    pub(crate) async fn append(&self, draft: Draft<ControlEvent>) -> Result<Offset, Rejected> {
        let bytes = {
            let mut chain = self.chain.lock();
            // Several are on their way at once, so that one which is refused leaves a gap.
            let (bytes, after) = chain.seal(draft)?;
            *chain = after;
            bytes
        };
        let event = Bytes::from(bytes);
        let appended = self.log.append(Stream::Control, PARTITION, vec![event]).await;
        appended.map_err(|error: AppendError| Rejected::Log(error))
    }
}
