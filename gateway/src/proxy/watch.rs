//! What may end a call before its answer: the registry, the lease, the clock, Token A, a stopping replica.

#[cfg(test)]
mod tests;

use std::{future::pending, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use onedoor_lease::{Control, STREAM_PATIENCE};
use onedoor_model::{
    audit::{CancelCause, NotDispatchedReason, Outcome},
    decide::{DenialReason, Entitlement, Request, decide},
    ids::ServerId,
    principal::Principal,
};
use onedoor_registry::{Footing, Progress};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::refusal::Reason;

/// Watches over one call. Made before the last check of its permit, so that no change falls in between.
#[derive(Debug)]
pub(crate) struct Watch {
    control: Arc<Control>,
    progress: watch::Receiver<Progress>,
    /// What was decided on last: no command that came later counts as enforced while this is held.
    footing: Footing,
    principal: Arc<Principal>,
    /// What has to stay permitted, and at which server; none where it is enough that the caller is not blocked.
    allowed: Option<(Request, ServerId)>,
    /// Tells when the lease runs out, and when it is back.
    serving: watch::Receiver<bool>,
    /// Until when a call that is not made yet may wait for it; none for what goes on, which may pause for a while each time.
    patience: Option<Instant>,
    /// When it has been out for too long.
    stale: Option<Instant>,
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
    /// The replica could not show for too long that it is up to date.
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
        control: &Arc<Control>,
        principal: &Arc<Principal>,
        allowed: Option<Entitlement<'_>>,
        deadline: Instant,
        now: Timestamp,
        draining: &CancellationToken,
    ) -> Self {
        let left = principal.expires_at.duration_since(now);
        let token_end = Instant::now() + Duration::try_from(left).unwrap_or_default();
        let mut watch = Self {
            control: Arc::clone(control),
            progress: control.registry().progress(),
            footing: control.registry().footing(),
            principal: Arc::clone(principal),
            allowed: allowed.map(|allowed| (allowed.request().clone(), allowed.server().id)),
            serving: control.lease().serving(),
            patience: None,
            stale: None,
            end: Box::pin(sleep_until(deadline.min(token_end))),
            deadline,
            token_end,
            draining: draining.clone(),
            cancelled: CancellationToken::new(),
        };
        watch.look_at_lease();
        watch
    }

    /// Lets the client cancel what is watched.
    pub(crate) fn cancelled_by(mut self, cancelled: Option<&CancellationToken>) -> Self {
        if let Some(cancelled) = cancelled {
            self.cancelled = cancelled.clone();
        }
        self
    }

    /// The call is not made yet: it may wait so long for the lease.
    pub(crate) fn waiting_until(mut self, patience: Instant) -> Self {
        self.patience = Some(patience);
        self.look_at_lease();
        self
    }

    /// The call is made: without a lease its answer pauses, and not for long.
    pub(crate) fn is_made(&mut self) {
        self.patience = None;
        self.look_at_lease();
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
            let stale = self.stale;
            let too_long = async move {
                match stale {
                    Some(stale) => sleep_until(stale).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.progress.changed() => {
                    if changed.is_err() || self.control.registry().is_stopped() {
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
                () = too_long => return Cut::Stale,
                Ok(()) = self.serving.changed() => self.look_at_lease(),
            }
        }
    }

    /// Waits until what came may be passed on: at once while the lease holds. What follows must not wait. Cancel-safe.
    ///
    /// # Errors
    /// The call must end.
    pub(crate) async fn leave(&mut self) -> Result<(), Cut> {
        if self.control.lease().may_serve() {
            return Ok(());
        }
        let control = Arc::clone(&self.control);
        tokio::select! {
            biased;
            cut = self.cut() => Err(cut),
            () = control.lease().served() => Ok(()),
        }
    }

    fn look_at_lease(&mut self) {
        let serving = *self.serving.borrow_and_update();
        self.stale = (!serving).then(|| self.patience.unwrap_or_else(|| Instant::now() + STREAM_PATIENCE));
    }

    fn decide(&mut self) -> Result<(), DenialReason> {
        let registry = self.control.registry();
        // The footing first: it must not be later than what is decided on.
        let footing = registry.footing();
        let snapshot = registry.snapshot();
        match &self.allowed {
            Some((request, server)) => {
                let permit = decide(&snapshot, &self.principal, request)?;
                // A retired server's name may be another's by now.
                if permit.entitlement().server().id != *server {
                    return Err(DenialReason::UnknownServer);
                }
            }
            None if snapshot.is_blocked(&self.principal) => return Err(DenialReason::Blocked),
            None => {}
        }
        self.footing = footing;
        Ok(())
    }
}

impl Cut {
    /// The outcome of a call that was cut after dispatch.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Revoked(_) => Outcome::Cancelled(CancelCause::Revoked),
            Self::Stale => Outcome::Cancelled(CancelCause::Stale),
            Self::TimedOut => Outcome::TimedOut,
            Self::TokenExpired => Outcome::Cancelled(CancelCause::TokenExpired),
            Self::Draining => Outcome::Cancelled(CancelCause::Drained),
            Self::Cancelled => Outcome::Cancelled(CancelCause::Client),
        }
    }

    /// Why a call that was cut before dispatch was not sent.
    pub(crate) fn not_dispatched(self) -> NotDispatchedReason {
        match self {
            Self::Revoked(_) => NotDispatchedReason::Revoked,
            Self::Stale => NotDispatchedReason::Stale,
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
