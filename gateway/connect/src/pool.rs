//! Connections kept for the next request.

mod shelf;
mod slot;

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    address::AddressPolicy,
    connector::{ConnectError, Connection, Connector, Stage},
    destination::Destination,
    lease::{Broken, Lease, Line},
};

pub(crate) use shelf::Shelf;
pub(crate) use slot::Slot;
use slot::Turn;

/// How long a kept connection of HTTP/1.1 may take to become ready. It has read its last answer to the end, so it is
/// ready at once, unless the server has still not taken all of the last request: such a one is not worth waiting for.
const READY_GRACE: Duration = Duration::from_millis(100);

/// Connections to one destination, for one upstream version: what a version was told (and its address checked for) is
/// never shared with another. Cheap to clone; when the last clone and lease are gone, so are the connections.
///
/// A connection of HTTP/1.1 serves one request at a time, one of HTTP/2 as many as the server allows; another one is
/// opened when those that are there can take no more.
#[derive(Clone, Debug)]
pub struct Pool {
    connector: Connector,
    destination: Arc<Destination>,
    shelf: Arc<Shelf>,
}

/// What a pool keeps.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Connections at once, at most; who needs another one waits.
    pub open: usize,
    /// Connections of HTTP/1.1 kept without a request, at most.
    pub idle: usize,
    /// How long a connection is kept without a request. Shorter than servers do (5 s is the least that is common): a
    /// request on a connection that the server is just closing may have to be refused.
    pub idle_for: Duration,
    /// How often the server of a connection of HTTP/2 is asked for a sign of life, and how long it may take.
    pub ping_every: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            open: 1_024,
            idle: 64,
            idle_for: Duration::from_secs(4),
            ping_every: Duration::from_secs(10),
        }
    }
}

impl Pool {
    /// An empty pool. Must be called within a Tokio runtime.
    #[must_use]
    pub fn new(connector: Connector, destination: Destination, limits: PoolLimits) -> Self {
        let shelf = Arc::new(Shelf::new(limits, destination.tls.is_some()));
        tokio::spawn(clear_regularly(Arc::downgrade(&shelf), limits.idle_for));
        Self {
            connector,
            destination: Arc::new(destination),
            shelf,
        }
    }

    /// A connection that takes a request at once: a kept one, else a fresh one. The policy is applied to kept ones too,
    /// as it may have changed since.
    ///
    /// # Errors
    /// When there is none by the deadline.
    pub async fn acquire(&self, policy: AddressPolicy<'_>, deadline: Instant) -> Result<Lease, ConnectError> {
        self.lease(policy, deadline, None).await
    }

    /// The same on a connection that was opened since this was called: for the second try of a request that came back
    /// as [`crate::SendError::NotSent`].
    ///
    /// # Errors
    /// When there is none by the deadline.
    pub async fn acquire_fresh(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
    ) -> Result<Lease, ConnectError> {
        self.lease(policy, deadline, Some(Instant::now())).await
    }

    async fn lease(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        since: Option<Instant>,
    ) -> Result<Lease, ConnectError> {
        let line = match self.kept(policy, deadline, since).await {
            Some(line) => line,
            None => self.opened_or_awaited(policy, deadline, since).await?,
        };
        Ok(Lease::new(line, &self.destination))
    }

    async fn opened_or_awaited(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        since: Option<Instant>,
    ) -> Result<Line, ConnectError> {
        loop {
            let mut freed = pin!(self.shelf.freed());
            // Before the look, so that nothing is missed that comes just after it.
            freed.as_mut().enable();
            if let Some(line) = self.kept(policy, deadline, since).await {
                return Ok(line);
            }
            if let Some((slot, turn)) = self.shelf.slot() {
                return self.opened(policy, deadline, slot, turn).await;
            }
            timeout_at(deadline, freed)
                .await
                .map_err(|_| ConnectError::TimedOut(Stage::Waiting))?;
        }
    }

    async fn kept(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        since: Option<Instant>,
    ) -> Option<Line> {
        if let Some(credit) = self.shelf.reserve(policy, since) {
            return Some(Line::Http2(credit));
        }
        if since.is_some() {
            return None;
        }
        while let Some(mut connection) = self.shelf.take() {
            if policy.check(connection.peer()).is_err() {
                continue;
            }
            let until = deadline.min(Instant::now() + READY_GRACE);
            if let Ok(Ok(())) = timeout_at(until, connection.ready()).await {
                return Some(Line::Http1(connection, Some(Arc::clone(&self.shelf))));
            }
        }
        None
    }

    async fn opened(
        &self,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        slot: Slot,
        turn: Option<Turn>,
    ) -> Result<Line, ConnectError> {
        let ping_every = self.shelf.limits().ping_every;
        let line = match self
            .connector
            .open(&self.destination, policy, deadline, ping_every, Some(slot))
            .await?
        {
            Connection::Http1(connection) => {
                self.shelf.learn(false);
                Line::Http1(connection, Some(Arc::clone(&self.shelf)))
            }
            Connection::Http2(connection) => {
                self.shelf.learn(true);
                let credit = connection.reserve().ok_or(ConnectError::Broken(Broken::Ended))?;
                self.shelf.share(&connection);
                Line::Http2(credit)
            }
        };
        if let Some(turn) = turn {
            turn.opened();
        }
        Ok(line)
    }

    #[cfg(test)]
    pub(crate) fn is_stale(&self) -> bool {
        self.shelf.is_stale()
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
