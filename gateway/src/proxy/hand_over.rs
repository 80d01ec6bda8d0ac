//! The last check before a request is written, and the one after.

#[cfg(test)]
mod tests;

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use onedoor_connect::{Lease as Line, PooledBody, RequestBody, SendError, Witness};
use onedoor_lease::{BootInstant, Control, now};
use onedoor_registry::Footing;
use parking_lot::Mutex;
use tokio::time::sleep;

/// The lease holds: a request may be written, if nothing is waited for on the way.
#[derive(Debug)]
pub(crate) struct MayWrite {
    /// What is decided on next. Till the request is written, no command that came later counts as enforced.
    footing: Footing,
    span: Span,
}

/// Why a request that was handed over has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It was written after the lease had run out, or was still not written when it did: a pause fell between check and write. It was
    /// reset. How long the pause was at least.
    Late(Duration),
    /// The exchange failed.
    Failed(SendError),
}

/// When a request was written.
#[derive(Debug)]
struct Written {
    footing: Mutex<Option<Footing>>,
    /// Nanoseconds of the lease's clock; 0 before.
    at: AtomicU64,
}

/// The two instants that a write has to fall between.
#[derive(Clone, Copy, Debug)]
struct Span {
    checked: BootInstant,
    /// When the lease ends that was looked at. Later ones do not count: they may be of what was folded since.
    until: BootInstant,
}

impl MayWrite {
    /// Whether the lease holds now. What is decided on next is as new as the lease says.
    pub(crate) fn check(control: &Control) -> Option<Self> {
        let until = control.lease().until();
        let checked = now();
        (checked < until).then(|| Self {
            footing: control.registry().footing(),
            span: Span { checked, until },
        })
    }

    /// Hands a request over to its connection at once; the future is its answer. Checks again once it is written.
    pub(crate) fn send(
        self,
        line: Line,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<PooledBody>, Unanswered>> + Send {
        let Self { footing, span } = self;
        let written = Arc::new(Written {
            footing: Mutex::new(Some(footing)),
            at: AtomicU64::new(0),
        });
        let answer = line.send_witnessed(request, Arc::clone(&written) as Arc<dyn Witness>);
        async move {
            // Dropped with this future, the answer ends the exchange: that resets it.
            tokio::select! {
                biased;
                answered = answer => match answered {
                    Ok(_) if span.is_late(&written) => Err(span.late()),
                    answered => answered.map_err(Unanswered::Failed),
                },
                () = span.run_out(&written) => Err(span.late()),
            }
        }
    }
}

impl Span {
    fn is_late(self, written: &Written) -> bool {
        written.at().is_some_and(|at| at >= self.until)
    }

    /// Completes when the lease has run out before the request was written.
    async fn run_out(self, written: &Written) {
        let left = self.until.since(now());
        if !left.is_zero() {
            sleep(left).await;
        }
        if written.at().is_some_and(|at| at < self.until) {
            pending::<()>().await;
        }
    }

    fn late(self) -> Unanswered {
        Unanswered::Late(now().since(self.checked))
    }
}

impl Written {
    fn at(&self) -> Option<BootInstant> {
        match self.at.load(Ordering::Acquire) {
            0 => None,
            nanos => Some(BootInstant::from_nanos(nanos)),
        }
    }
}

impl Witness for Written {
    fn written(&self) {
        self.at.store(now().as_nanos(), Ordering::Release);
        *self.footing.lock() = None;
    }
}
