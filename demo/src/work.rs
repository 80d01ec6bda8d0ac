//! Long work inside a tool: stopped when its caller goes away, counted so that one can see it, reporting progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rmcp::model::{ContentBlock, IntoContents, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::bounded::Bounded;

/// How long a slow tool may take: less than the `totalMs` of the manifests.
pub(crate) type Seconds = Bounded<0, 240>;
/// How many steps a tool with progress may have.
pub(crate) type Steps = Bounded<1, 1000>;
/// How long a step may take, in milliseconds.
pub(crate) type PauseMs = Bounded<0, 10_000>;

/// What one server's long-running tools are doing. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    running: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ActivityCounts {
    /// Started, not yet over.
    pub running: u64,
    /// Ran to their end.
    pub finished: u64,
    /// Stopped because the caller went away or the server shut down.
    pub cancelled: u64,
}

/// The caller is gone: nobody reads the result any more. As a tool's answer it is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled by the caller")]
pub struct Cancelled;

/// Sends `notifications/progress` to a caller who asked for them with a progress token.
#[derive(Debug)]
pub(crate) struct Progress {
    to: Option<(ProgressToken, Peer<RoleServer>)>,
    total: u64,
}

/// Keeps `running` right however the work ends, be it by a panic.
struct Running<'a>(&'a AtomicU64);

impl Activity {
    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> ActivityCounts {
        ActivityCounts {
            running: self.0.running.load(Ordering::Relaxed),
            finished: self.0.finished.load(Ordering::Relaxed),
            cancelled: self.0.cancelled.load(Ordering::Relaxed),
        }
    }

    /// Runs `work` to its end, or drops it when `call` is cancelled (in the 2026-07-28 revision a client cancels by
    /// closing the response).
    pub(crate) async fn run<T>(
        &self,
        tool: &'static str,
        call: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Result<T, Cancelled> {
        let _running = Running::start(&self.0.running);
        match call.run_until_cancelled(work).await {
            Some(result) => {
                self.0.finished.fetch_add(1, Ordering::Relaxed);
                Ok(result)
            }
            None => {
                self.0.cancelled.fetch_add(1, Ordering::Relaxed);
                tracing::info!(tool, "cancelled by its caller");
                Err(Cancelled)
            }
        }
    }
}

impl<'a> Running<'a> {
    fn start(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl IntoContents for Cancelled {
    fn into_contents(self) -> Vec<ContentBlock> {
        vec![ContentBlock::text(self.to_string())]
    }
}

impl Progress {
    /// Progress of `call`, which has `total` steps.
    pub(crate) fn of(call: &RequestContext<RoleServer>, total: u64) -> Self {
        Self {
            to: call
                .meta
                .get_progress_token()
                .map(|token| (token, call.peer.clone())),
            total,
        }
    }

    /// Says that `done` steps are done. Without a progress token it says nothing.
    pub(crate) async fn report(&self, done: u64, message: String) {
        let Some((token, peer)) = &self.to else { return };
        let param = ProgressNotificationParam::new(token.clone(), as_f64(done))
            .with_total(as_f64(self.total))
            .with_message(message);
        if let Err(error) = peer.notify_progress(param).await {
            // The caller is gone; the call's cancellation follows.
            tracing::debug!(error = &error as &dyn std::error::Error, "progress not delivered");
        }
    }
}

/// JSON has one kind of number, and MCP's progress is one; step counts are small.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn as_f64(steps: u64) -> f64 {
    steps as f64
}
