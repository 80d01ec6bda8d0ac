//! The lease as those see it who serve: a load and a compare.

use std::{
    mem,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use onedoor_model::lease::{BootInstant, Serving, Why};
use tokio::{sync::watch, time::sleep};

use crate::now;

/// How long it may take until it is told that the lease has run out.
const MOMENT: Duration = Duration::from_millis(2);

/// Until when this replica may serve.
#[derive(Debug)]
pub struct LeaseView {
    /// Nanoseconds of the clock. In the past where it may not serve.
    until: AtomicU64,
    /// How often it has run out.
    expired: AtomicU64,
    /// Changes when the lease runs out and when it is back, for those who wait; who serves asks [`LeaseView::may_serve`].
    serving: watch::Sender<bool>,
}

impl LeaseView {
    /// Whether calls may be dispatched and answers passed on now.
    #[must_use]
    pub fn may_serve(&self) -> bool {
        now() < self.until()
    }

    /// When the lease ends that is known now, or when it ended.
    #[must_use]
    pub fn until(&self) -> BootInstant {
        BootInstant::from_nanos(self.until.load(Ordering::Acquire))
    }

    /// How much of the lease is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.until().since(now())
    }

    /// How often it has run out since this replica began.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Tells when the lease runs out and when it is back. It may tell so a moment late.
    #[must_use]
    pub fn serving(&self) -> watch::Receiver<bool> {
        self.serving.subscribe()
    }

    /// Completes at once while the lease holds, else when it is back. Cancel-safe.
    pub async fn served(&self) {
        let mut serving = self.serving();
        while !self.may_serve() {
            if *serving.borrow_and_update() {
                // It has run out just now, which is not told yet, and may never be if it comes back at once.
                sleep(MOMENT).await;
            } else if serving.changed().await.is_err() {
                // The sender is a part of this.
                return;
            }
        }
    }

    /// Ends what is known of the lease.
    pub(crate) fn end(&self) -> bool {
        self.set(0, false)
    }

    /// A view of no lease.
    pub(crate) fn none() -> Self {
        Self {
            until: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            serving: watch::Sender::new(false),
        }
    }

    /// Publishes what the rule says. Whether calls may be dispatched now.
    pub(crate) fn publish(&self, serving: Serving) -> bool {
        let (until, serves) = match serving {
            Serving::Yes { until } => (until.as_nanos(), true),
            Serving::No(Why::Expired { since }) => (since.as_nanos(), false),
            Serving::No(Why::Joining | Why::Stopped(_)) => (0, false),
        };
        self.set(until, serves)
    }

    fn set(&self, until: u64, serves: bool) -> bool {
        // The negative control of the fault tests: what they find must be found without a lease.
        #[cfg(feature = "lease-off")]
        let serves = serves || until > 0 || self.until() > BootInstant::from_nanos(0);
        #[cfg(feature = "lease-off")]
        let until = if serves { u64::MAX } else { 0 };
        self.until.store(until, Ordering::Release);
        let changed = self
            .serving
            .send_if_modified(|serving| mem::replace(serving, serves) != serves);
        if changed && !serves {
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
        serves
    }
}
