//! The last check before a request is written, and the one after.

#[cfg(test)]
mod tests;

use std::{
    fmt,
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
use onedoor_model::decide::{Entitlement, decide};
use onedoor_registry::Footing;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::refusal::Reason;

/// The lease holds, and what was permitted still is: a request may be written, if nothing is waited for on the way.
#[derive(Debug)]
pub(crate) struct MayWrite {
    /// What was decided on. Till the request is written, no command that came later counts as enforced.
    footing: Footing,
    span: Span,
}

/// Why a request that was handed over has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It was written after the lease had run out, or was still not written when it did: a pause fell between check and write. It was
    /// reset.
    Late,
    /// The exchange failed.
    Failed(SendError),
}

/// Told where a request was written after the lease had run out: once, with the time from the last check before the write to the one after.
pub(crate) type OnLate = Box<dyn FnOnce(Duration) + Send>;

/// When a request was written.
struct Written {
    span: Span,
    /// Taken by the write.
    till_then: Mutex<Option<TillThen>>,
    /// Nanoseconds of the lease's clock; 0 before.
    at: AtomicU64,
}

/// What is held until a request is written, also where nobody waits for its answer any more: what a cut finds in the middle of the write
/// cannot be called back.
struct TillThen {
    _footing: Footing,
    late: OnLate,
}

/// The two instants that a write has to fall between.
#[derive(Clone, Copy, Debug)]
struct Span {
    checked: BootInstant,
    /// When the lease ends that was looked at. Later ones do not count: they may be of what was folded since.
    until: BootInstant,
}

impl MayWrite {
    /// Whether a request may be written now that a permit allowed before: it is decided anew. None while there is no lease.
    ///
    /// # Errors
    /// It is not permitted any more, or only by other grants, or another version would serve it, or another server of the same name: a
    /// call's record would not be true.
    pub(crate) fn check(control: &Control, allowed: Entitlement<'_>) -> Result<Option<Self>, Reason> {
        // First the lease: it vouches for the registry as it is seen after that.
        let until = control.lease().until();
        let checked = now();
        if checked >= until {
            return Ok(None);
        }
        let footing = control.registry().footing();
        let snapshot = control.registry().snapshot();
        let permit = decide(&snapshot, allowed.principal(), allowed.request()).map_err(Reason::Denied)?;
        if !is_the_same(allowed, permit.entitlement()) {
            return Err(Reason::RegistryChanged);
        }
        let span = Span { checked, until };
        Ok(Some(Self { footing, span }))
    }

    /// Hands a request over to its connection at once; the future is its answer. Checks again once it is written, though the future be
    /// dropped by then.
    pub(crate) fn send(
        self,
        line: Line,
        request: Request<RequestBody>,
        late: OnLate,
    ) -> impl Future<Output = Result<Response<PooledBody>, Unanswered>> + Send {
        let Self { footing, span } = self;
        let till_then = TillThen {
            _footing: footing,
            late,
        };
        let written = Arc::new(Written {
            span,
            till_then: Mutex::new(Some(till_then)),
            at: AtomicU64::new(0),
        });
        let answer = line.send_witnessed(request, Arc::clone(&written) as Arc<dyn Witness>);
        async move {
            // Dropped with this future, the answer ends the exchange: that resets it.
            tokio::select! {
                biased;
                answered = answer => match answered {
                    Ok(_) if written.at().is_some_and(|at| at >= span.until) => Err(Unanswered::Late),
                    answered => answered.map_err(Unanswered::Failed),
                },
                () = span.run_out(&written) => Err(Unanswered::Late),
            }
        }
    }
}

/// Whether what was allowed is what is allowed now.
fn is_the_same(allowed: Entitlement<'_>, now: Entitlement<'_>) -> bool {
    let by = |of: Entitlement<'_>| (of.server().id, of.version().number);
    let named = allowed.grants();
    by(allowed) == by(now) && (named.is_empty() || named.iter().any(|grant| now.grants().contains(grant)))
}

impl Span {
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
        let at = now();
        self.at.store(at.as_nanos(), Ordering::Release);
        let till_then = self.till_then.lock().take();
        if let Some(TillThen { late, .. }) = till_then
            && at >= self.span.until
        {
            late(at.since(self.span.checked));
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written")
            .field("span", &self.span)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
