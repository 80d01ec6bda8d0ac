//! Calls whose client lost its stream and may come back for the rest of it.

use std::{collections::HashMap, sync::Arc};

use onedoor_model::{
    audit::{CancelCause, Outcome},
    ids::CallId,
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::proxy::Call;

/// Calls parked at once; further ones end at once.
const MOST: usize = 4_096;

/// The parked calls. Each ends with its deadline, if nobody took it back.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    calls: Arc<Mutex<HashMap<CallId, Call>>>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

impl Parked {
    pub(crate) fn new(tasks: &TaskTracker, draining: &CancellationToken) -> Self {
        Self {
            calls: Arc::default(),
            tasks: tasks.clone(),
            draining: draining.clone(),
        }
    }

    /// Keeps a call until its deadline.
    pub(super) fn park(&self, call: Call, deadline: Instant) {
        let id = call.id;
        {
            let mut calls = self.calls.lock();
            if calls.len() >= MOST {
                drop(calls);
                return call.finish(Outcome::Cancelled(CancelCause::Disconnected));
            }
            calls.insert(id, call);
        }
        let parked = self.clone();
        self.tasks.spawn(async move {
            let cause = tokio::select! {
                () = sleep_until(deadline) => CancelCause::Disconnected,
                () = parked.draining.cancelled() => CancelCause::Drained,
            };
            if let Some(call) = parked.take(id) {
                call.finish(Outcome::Cancelled(cause));
            }
        });
    }

    /// Takes a call back.
    pub(super) fn take(&self, id: CallId) -> Option<Call> {
        self.calls.lock().remove(&id)
    }
}
