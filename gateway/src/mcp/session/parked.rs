//! Calls whose client lost its stream and may come back for the rest of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use moka::sync::Cache;
use onedoor_model::{
    audit::{CancelCause, Outcome},
    ids::CallId,
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::proxy::Call;

use super::in_flight::Flight;

/// Calls parked at once; further ones end at once.
const MOST: usize = 4_096;

/// How long an outcome is kept for a call whose first stream is still seen as open here.
const KEPT: Duration = Duration::from_secs(60);

/// The parked calls. Each ends with its deadline, if nobody took it back.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    waiting: Arc<Mutex<HashMap<CallId, Waiting>>>,
    /// Outcomes that came on another stream before their calls were parked. Changed only under the lock of `waiting`.
    answered: Cache<CallId, Outcome>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

/// A call that waits for its client.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: Call,
    /// Held while the call may be cancelled.
    pub(super) flight: Option<Flight>,
    /// When its time is up.
    pub(super) deadline: Instant,
}

impl Parked {
    pub(crate) fn new(tasks: &TaskTracker, draining: &CancellationToken) -> Self {
        let answered = Cache::builder()
            .max_capacity(MOST as u64)
            .time_to_live(KEPT)
            .build();
        Self {
            waiting: Arc::default(),
            answered,
            tasks: tasks.clone(),
            draining: draining.clone(),
        }
    }

    /// Keeps a call until its deadline.
    pub(super) fn park(&self, parked: Waiting) {
        let (id, deadline) = (parked.call.id, parked.deadline);
        let cancelled = parked
            .flight
            .as_ref()
            .map(|flight| flight.cancelled.clone())
            .unwrap_or_default();
        {
            let mut waiting = self.waiting.lock();
            let outcome = match self.answered.remove(&id) {
                None if waiting.len() >= MOST => Some(Outcome::Cancelled(CancelCause::Disconnected)),
                outcome => outcome,
            };
            if let Some(outcome) = outcome {
                drop(waiting);
                return parked.call.finish(outcome);
            }
            waiting.insert(id, parked);
        }
        let all = self.clone();
        self.tasks.spawn(async move {
            let cause = tokio::select! {
                () = sleep_until(deadline) => CancelCause::Disconnected,
                () = cancelled.cancelled() => CancelCause::Client,
                () = all.draining.cancelled() => CancelCause::Drained,
            };
            if let Some(parked) = all.take(id) {
                parked.call.finish(Outcome::Cancelled(cause));
            }
        });
    }

    /// Takes a call back.
    pub(super) fn take(&self, id: CallId) -> Option<Waiting> {
        self.waiting.lock().remove(&id)
    }

    /// A call's response came on a stream that had not taken it back: its client was here again before its going was noticed.
    pub(super) fn answered(&self, id: CallId, outcome: Outcome) {
        let mut waiting = self.waiting.lock();
        match waiting.remove(&id) {
            Some(parked) => {
                drop(waiting);
                parked.call.finish(outcome);
            }
            None => self.answered.insert(id, outcome),
        }
    }
}
