//! When the registry's state is kept: soon after every change, but where changes come fast or the state is large, not with each.

use std::time::Duration;

use onedoor_model::ids::{Digest, Revision};
use tokio::time::Instant;
use tracing::warn;

use crate::{project::Projection, rows::state::Frozen};

/// How long after a state the next one is kept, at least.
const EVERY: Duration = Duration::from_secs(1);
/// How much of the time may go into keeping: one part of this many.
const SHARE: u32 = 20;

/// When the registry's state is kept.
#[derive(Debug)]
pub(super) struct Keeper {
    /// The revision that is kept.
    kept: Option<Revision>,
    /// No state is kept before.
    due: Instant,
    /// When the state that is being kept was begun.
    begun: Instant,
}

impl Keeper {
    /// One that knows what a projection begins with to be kept.
    pub(super) fn of(projection: &Projection) -> Self {
        let now = Instant::now();
        Self {
            kept: projection.revision(),
            due: now,
            begun: now,
        }
    }

    /// Completes when what was folded since should be kept; never where nothing was. Cancel-safe.
    pub(super) async fn due(&self, projection: &Projection) {
        if projection.revision() == self.kept {
            std::future::pending::<()>().await;
        } else {
            tokio::time::sleep_until(self.due).await;
        }
    }

    /// The state, if it should be kept now; `record` is the digest of the event that was folded last.
    pub(super) async fn freeze(&mut self, projection: &Projection, record: Option<Digest>) -> Option<Frozen> {
        let (Some(state), Some(record)) = (projection.state(), record) else {
            return None;
        };
        self.begun = Instant::now();
        if self.begun < self.due || state.revision() == self.kept {
            return None;
        }
        // It may be large, and to clone it costs nothing.
        let state = state.clone();
        match tokio::task::spawn_blocking(move || Frozen::of(&state, record)).await {
            Ok(Ok(frozen)) => frozen,
            Ok(Err(error)) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the registry state cannot be kept"
                );
                None
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the registry state was not kept"
                );
                None
            }
        }
    }

    /// Notes that the present state is kept.
    pub(super) fn kept(&mut self, projection: &Projection) {
        self.kept = projection.revision();
        self.due = Instant::now() + EVERY.max(self.begun.elapsed() * SHARE);
    }
}
