//! What may end a call before its answer: the registry, the clock, Token A, a stopping replica.

use std::{pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use onedoor_model::{
    audit::{CancelCause, NotDispatchedReason, Outcome},
    decide::{DenialReason, Request, decide},
    principal::Principal,
};
use onedoor_registry::{Progress, Registry};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::refusal::Reason;

/// Watches over one call. Made before the last check of its permit, so that no change falls in between.
#[derive(Debug)]
pub(crate) struct Watch {
    registry: Arc<Registry>,
    progress: watch::Receiver<Progress>,
    principal: Arc<Principal>,
    /// What has to stay permitted; none where it is enough that the caller is not blocked.
    request: Option<Request>,
    end: Pin<Box<Sleep>>,
    deadline: Instant,
    /// When Token A ends, and with it whatever it opened.
    token_end: Instant,
    draining: CancellationToken,
    /// Cancelled by the client itself; in a session its going away does not say so.
    cancelled: CancellationToken,
}

/// Why a call was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The registry took the permit back.
    Revoked(DenialReason),
    /// The registry is no longer followed.
    Stale,
    /// Its time is up.
    TimedOut,
    /// Token A has ended.
    TokenExpired,
    /// The replica stops.
    Draining,
    /// The client cancelled it.
    Cancelled,
}

impl Watch {
    pub(crate) fn new(
        registry: &Arc<Registry>,
        principal: &Arc<Principal>,
        request: Option<&Request>,
        deadline: Instant,
        now: Timestamp,
        draining: &CancellationToken,
    ) -> Self {
        let left = principal.expires_at.duration_since(now);
        let token_end = Instant::now() + Duration::try_from(left).unwrap_or_default();
        Self {
            registry: Arc::clone(registry),
            progress: registry.progress(),
            principal: Arc::clone(principal),
            request: request.cloned(),
            end: Box::pin(sleep_until(deadline.min(token_end))),
            deadline,
            token_end,
            draining: draining.clone(),
            cancelled: CancellationToken::new(),
        }
    }

    /// Lets the client cancel what is watched.
    pub(crate) fn cancelled_by(mut self, cancelled: Option<&CancellationToken>) -> Self {
        if let Some(cancelled) = cancelled {
            self.cancelled = cancelled.clone();
        }
        self
    }

    /// When the call's time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline.min(self.token_end)
    }

    /// Moves the deadline; the call never outlives its token.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.end.as_mut().reset(deadline.min(self.token_end));
    }

    /// Resolves when the call must end. Cancel-safe.
    pub(crate) async fn cut(&mut self) -> Cut {
        loop {
            tokio::select! {
                biased;
                changed = self.progress.changed() => {
                    if changed.is_err() || self.registry.is_stopped() {
                        return Cut::Stale;
                    }
                    if let Err(reason) = self.decide() {
                        return Cut::Revoked(reason);
                    }
                }
                () = self.draining.cancelled() => return Cut::Draining,
                () = self.cancelled.cancelled() => return Cut::Cancelled,
                () = self.end.as_mut() => {
                    return if self.token_end <= self.deadline { Cut::TokenExpired } else { Cut::TimedOut };
                }
            }
        }
    }
}

impl Watch {
    fn decide(&self) -> Result<(), DenialReason> {
        let snapshot = self.registry.snapshot();
        match &self.request {
            Some(request) => decide(&snapshot, &self.principal, request).map(drop),
            None if snapshot.is_blocked(&self.principal) => Err(DenialReason::Blocked),
            None => Ok(()),
        }
    }
}

impl Cut {
    /// The outcome of a call that was cut after dispatch.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Revoked(_) | Self::Stale => Outcome::Cancelled(CancelCause::Revoked),
            Self::TimedOut => Outcome::TimedOut,
            Self::TokenExpired => Outcome::Cancelled(CancelCause::TokenExpired),
            Self::Draining => Outcome::Cancelled(CancelCause::Drained),
            Self::Cancelled => Outcome::Cancelled(CancelCause::Client),
        }
    }

    /// Why a call that was cut before dispatch was not sent.
    pub(crate) fn not_dispatched(self) -> NotDispatchedReason {
        match self {
            Self::Revoked(_) | Self::Stale => NotDispatchedReason::Revoked,
            Self::TimedOut | Self::TokenExpired | Self::Draining => NotDispatchedReason::Deadline,
            Self::Cancelled => NotDispatchedReason::ClientGone,
        }
    }

    /// What the client is told.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Revoked(reason) => Reason::Denied(reason),
            Self::Stale => Reason::Stale,
            Self::TimedOut => Reason::UpstreamTimeout,
            Self::TokenExpired => Reason::TokenExpired,
            Self::Draining => Reason::Draining,
            Self::Cancelled => Reason::Cancelled,
        }
    }
}
