//! Connections kept for the next request.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    address::AddressPolicy,
    connection::{Connection, Lease},
    connector::{ConnectError, Connector},
    destination::Destination,
};

/// How long a kept connection may take to become ready. It has read its last answer to the end, so it is ready at
/// once, unless the server has still not taken all of the last request: such a one is not worth waiting for.
const READY_GRACE: Duration = Duration::from_millis(100);

/// HTTP/1.1 connections to one destination, for one upstream version: what a version was told (and its address checked
/// for) is never shared with another. Cheap to clone; when the last clone and lease are gone, so are the connections.
#[derive(Clone, Debug)]
pub struct Pool {
    connector: Connector,
    destination: Arc<Destination>,
    shelf: Arc<Shelf>,
}

/// What a pool keeps.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Connections kept without a request, at most.
    pub idle: usize,
    /// How long one is kept without a request. Shorter than servers do (5 s is the least that is common): a request
    /// on a connection that the server is just closing may have to be refused.
    pub idle_for: Duration,
}

/// Where connections without a request are kept. The one put back last is taken first: what is left over grows old
/// and goes.
#[derive(Debug)]
pub(crate) struct Shelf {
    limits: PoolLimits,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            idle: 64,
            idle_for: Duration::from_secs(4),
        }
    }
}

impl Pool {
    /// An empty pool. Must be called within a Tokio runtime.
    #[must_use]
    pub fn new(connector: Connector, destination: Destination, limits: PoolLimits) -> Self {
        let shelf = Arc::new(Shelf {
            limits,
            idle: Mutex::default(),
        });
        tokio::spawn(clear_regularly(Arc::downgrade(&shelf), limits.idle_for));
        Self {
            connector,
            destination: Arc::new(destination),
            shelf,
        }
    }

    /// A connection that is ready: a kept one, else a fresh one. The policy is applied to kept ones too, as it may have
    /// changed since.
    ///
    /// # Errors
    /// When there is none by the deadline.
    pub async fn acquire(&self, policy: AddressPolicy<'_>, deadline: Instant) -> Result<Lease, ConnectError> {
        while let Some(mut connection) = self.shelf.take() {
            if policy.check(connection.peer()).is_err() {
                continue;
            }
            let until = deadline.min(Instant::now() + READY_GRACE);
            if let Ok(Ok(())) = timeout_at(until, connection.ready()).await {
                return Ok(self.lease(connection));
            }
        }
        self.acquire_fresh(policy, deadline).await
    }

    /// A connection that no request was ever sent on: for the second try of one that came back as
    /// [`crate::SendError::NotSent`].
    ///
    /// # Errors
    /// When there is none by the deadline.
    pub async fn acquire_fresh(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
    ) -> Result<Lease, ConnectError> {
        let connection = self.connector.open(&self.destination, policy, deadline).await?;
        Ok(self.lease(connection))
    }

    #[cfg(test)]
    pub(crate) fn is_stale(&self) -> bool {
        self.shelf
            .idle
            .lock()
            .iter()
            .all(|kept| kept.connection.is_closed())
    }

    fn lease(&self, connection: Connection) -> Lease {
        Lease::pooled(connection, &self.destination, &self.shelf)
    }
}

impl Shelf {
    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < self.limits.idle && !connection.is_closed() {
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(kept) = idle.pop() {
            if self.is_fresh(&kept) {
                return Some(kept.connection);
            }
        }
        None
    }

    fn clear(&self) {
        self.idle.lock().retain(|kept| self.is_fresh(kept));
    }

    fn is_fresh(&self, kept: &Idle) -> bool {
        !kept.connection.is_closed() && kept.since.elapsed() < self.limits.idle_for
    }
}

/// Closes what nobody asks for any more, for as long as there is a pool.
async fn clear_regularly(shelf: Weak<Shelf>, idle_for: Duration) {
    loop {
        sleep(idle_for.max(Duration::from_millis(10))).await;
        match shelf.upgrade() {
            Some(shelf) => shelf.clear(),
            None => return,
        }
    }
}
