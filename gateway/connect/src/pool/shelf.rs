//! Where connections are kept.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::{sync::futures::Notified, time::Instant};

use super::{
    PoolLimits,
    slot::{Slot, Slots, Turn},
};
use crate::{address::AddressPolicy, http1, http2};

/// The connections to one destination that can take a request, now or once a stream of theirs has ended.
#[derive(Debug)]
pub(crate) struct Shelf {
    limits: PoolLimits,
    /// HTTP/1.1, without a request. The one put back last is taken first: what is left over grows old and goes.
    idle: Mutex<Vec<Idle>>,
    /// HTTP/2. The first with room is used, for the same reason.
    shared: Mutex<Vec<Arc<http2::Connection>>>,
    /// Whether the next connection may be one of HTTP/2.
    may_share: AtomicBool,
    slots: Arc<Slots>,
}

#[derive(Debug)]
struct Idle {
    connection: http1::Connection,
    since: Instant,
}

impl Shelf {
    /// An empty shelf; `may_share`: the destination may speak HTTP/2.
    pub(super) fn new(limits: PoolLimits, may_share: bool) -> Self {
        Self {
            limits,
            idle: Mutex::default(),
            shared: Mutex::default(),
            may_share: AtomicBool::new(may_share),
            slots: Arc::new(Slots::new(limits.open)),
        }
    }

    pub(super) fn limits(&self) -> PoolLimits {
        self.limits
    }

    /// Keeps a connection of HTTP/1.1 whose last answer was read to its end.
    pub(crate) fn put(&self, connection: http1::Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < self.limits.idle && !connection.is_closed() {
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
            drop(idle);
            self.slots.tell_one();
        }
    }

    pub(super) fn take(&self) -> Option<http1::Connection> {
        let mut idle = self.idle.lock();
        while let Some(kept) = idle.pop() {
            if self.is_fresh(&kept) {
                return Some(kept.connection);
            }
        }
        None
    }

    /// Keeps a connection of HTTP/2 for all.
    pub(super) fn share(&self, connection: &Arc<http2::Connection>) {
        self.shared.lock().push(Arc::clone(connection));
    }

    /// A stream of a connection that was opened after `since`. Those that take no more requests, and those that may no
    /// longer be used, are let go: what is under way on them goes on.
    pub(super) fn reserve(&self, policy: AddressPolicy<'_>, since: Option<Instant>) -> Option<http2::Credit> {
        let mut shared = self.shared.lock();
        shared.retain(|connection| connection.is_usable() && policy.check(connection.peer()).is_ok());
        shared
            .iter()
            .filter(|connection| since.is_none_or(|since| connection.opened() >= since))
            .find_map(http2::Connection::reserve)
    }

    /// Leave to open a connection. One at a time, as long as it may turn out to be one for all.
    pub(super) fn slot(&self) -> Option<(Slot, Option<Turn>)> {
        if self.may_share.load(Ordering::Relaxed) {
            let (slot, turn) = self.slots.take_alone()?;
            Some((slot, Some(turn)))
        } else {
            Some((self.slots.take()?, None))
        }
    }

    /// Learns from a connection that was opened whether the next may be for all.
    pub(super) fn learn(&self, may_share: bool) {
        self.may_share.store(may_share, Ordering::Relaxed);
    }

    /// Resolves once it is worth looking again.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.slots.freed()
    }

    /// Closes what nobody asks for any more.
    pub(super) fn clear(&self) {
        self.idle.lock().retain(|kept| self.is_fresh(kept));
        self.shared
            .lock()
            .retain(|kept| kept.is_usable() && kept.idle_for() < self.limits.idle_for);
    }

    fn is_fresh(&self, kept: &Idle) -> bool {
        !kept.connection.is_closed() && kept.since.elapsed() < self.limits.idle_for
    }

    #[cfg(test)]
    pub(super) fn is_stale(&self) -> bool {
        self.idle.lock().iter().all(|kept| kept.connection.is_closed())
    }
}
