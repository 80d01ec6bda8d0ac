//! One run of this process, and the ids and times its events get.

use jiff::Timestamp;
use onedoor_model::{
    envelope::{Chain, Draft, Producer},
    ids::{BootId, EventId, ReplicaName},
};
use uuid::Uuid;

/// This replica and this run of it.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The replica's name, `source` of its events.
    pub replica: ReplicaName,
    /// This run.
    pub id: BootId,
}

impl Boot {
    /// A new run of a replica.
    #[must_use]
    pub fn new(replica: ReplicaName) -> Self {
        Self {
            replica,
            id: BootId(Uuid::now_v7()),
        }
    }

    /// An empty chain for one of this run's producers.
    #[must_use]
    pub fn chain(&self, producer: Producer) -> Chain {
        Chain::new(self.replica.clone(), producer, self.id)
    }

    /// An event of now with a fresh id, about nobody in particular.
    #[must_use]
    pub fn draft<D>(data: D) -> Draft<D> {
        Draft {
            id: EventId(Uuid::now_v7()),
            time: Timestamp::now(),
            traceparent: None,
            tenant: None,
            actor: None,
            reason: None,
            data,
        }
    }
}
