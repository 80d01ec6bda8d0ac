//! Tokens that were exchanged, while they may be used again.
//!
//! - A [`Key`] holds all that a token depends on, the principal's epoch too: after a block, what was obtained before is out of reach,
//!   and so is what is still on its way.
//! - One exchange at a time for a key. It serves all who wait, and goes on when the one who began it no longer does.
//! - A token is renewed before it ends, while the old one serves.
//! - What the identity provider refused is not asked for again for a moment.

mod kept;
mod key;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::Shared};
use jiff::Timestamp;
use moka::Expiry;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{NoTokenB, TokenB, Unavailable};

use self::kept::Kept;
pub(crate) use self::{
    kept::{Need, Obtained},
    key::{Key, Keys, Subject},
};

/// Tokens kept, in bytes of their text.
const KEPT_BYTES: u64 = 64 << 20;

/// Refusals remembered.
const KEPT_REFUSALS: u64 = 10_000;

/// Exchanges under way at once.
const MOST_FLIGHTS: usize = 1_024;

/// Clones share what they hold.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Shelves>);

struct Shelves {
    tokens: moka::sync::Cache<Key, Arc<Kept>>,
    refusals: moka::sync::Cache<Key, NoTokenB>,
    flights: Mutex<HashMap<Key, Flight>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often a Token B was in the cache when it was needed, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheCounts {
    /// It was.
    pub hits: u64,
    /// It was not: the call waited for an exchange, or was refused.
    pub misses: u64,
}

/// An exchange under way, and what comes of it.
type Flight = Shared<oneshot::Receiver<Result<TokenB, NoTokenB>>>;

/// Takes a flight off the list, however it ends.
struct Listed {
    shelves: Arc<Shelves>,
    key: Key,
}

impl Cache {
    /// The token of this key: a kept one, or what `exchange` brings, as it is needed. A kept one that is about to end is renewed behind the caller's back.
    ///
    /// Must be called within a Tokio runtime.
    pub(crate) async fn get<F>(
        &self,
        key: Key,
        now: Timestamp,
        exchange: impl FnOnce(Need) -> F,
    ) -> Result<TokenB, NoTokenB>
    where
        F: Future<Output = Result<Obtained, NoTokenB>> + Send + 'static,
    {
        if let Some(kept) = self.good(key, now) {
            self.0.hits.fetch_add(1, Ordering::Relaxed);
            if kept.is_due(now) {
                self.renew(key, now, exchange);
            }
            return Ok(kept.token());
        }
        self.0.misses.fetch_add(1, Ordering::Relaxed);
        let flight = {
            let mut flights = self.0.flights.lock();
            match flights.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    // A flight may have landed between the look above and the lock.
                    if let Some(kept) = self.good(key, now) {
                        return Ok(kept.token());
                    }
                    if let Some(refusal) = self.0.refusals.get(&key) {
                        return Err(refusal);
                    }
                    self.start(&mut flights, key, now, exchange(Need::Good))?
                }
            }
        };
        flight.await.unwrap_or(Err(Unavailable::GivenUp.into()))
    }

    pub(crate) fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.0.hits.load(Ordering::Relaxed),
            misses: self.0.misses.load(Ordering::Relaxed),
        }
    }

    fn good(&self, key: Key, now: Timestamp) -> Option<Arc<Kept>> {
        self.0.tokens.get(&key).filter(|kept| kept.is_good(now))
    }

    /// Starts an exchange that nobody waits for, unless one is under way.
    fn renew<F>(&self, key: Key, now: Timestamp, exchange: impl FnOnce(Need) -> F)
    where
        F: Future<Output = Result<Obtained, NoTokenB>> + Send + 'static,
    {
        let mut flights = self.0.flights.lock();
        if !flights.contains_key(&key) {
            let exchange = exchange(Need::Newer).inspect(|renewed| {
                if let Err(error) = renewed {
                    tracing::warn!(error = error as &dyn std::error::Error, "cannot renew a Token B");
                }
            });
            // Where there is no room the old token serves on.
            let _ = self.start(&mut flights, key, now, exchange);
        }
    }

    fn start<F>(
        &self,
        flights: &mut HashMap<Key, Flight>,
        key: Key,
        now: Timestamp,
        exchange: F,
    ) -> Result<Flight, NoTokenB>
    where
        F: Future<Output = Result<Obtained, NoTokenB>> + Send + 'static,
    {
        if flights.len() >= MOST_FLIGHTS {
            return Err(Unavailable::Busy.into());
        }
        let (landed, flight) = oneshot::channel();
        let flight = flight.shared();
        flights.insert(key, flight.clone());
        let listed = Listed {
            shelves: Arc::clone(&self.0),
            key,
        };
        tokio::spawn(async move {
            let brought = exchange.await;
            let result = listed.shelves.put(key, now, brought);
            drop(listed);
            let _ = landed.send(result);
        });
        Ok(flight)
    }
}

impl Shelves {
    fn put(&self, key: Key, now: Timestamp, brought: Result<Obtained, NoTokenB>) -> Result<TokenB, NoTokenB> {
        match brought {
            Ok(obtained) => {
                let kept = Kept::new(obtained, now);
                let token = kept.token();
                self.tokens.insert(key, Arc::new(kept));
                Ok(token)
            }
            Err(refusal) => {
                if refusal.takes_back() {
                    self.tokens.invalidate(&key);
                }
                if refusal.kept_for().is_some() {
                    self.refusals.insert(key, refusal.clone());
                }
                Err(refusal)
            }
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self(Arc::new(Shelves {
            tokens: moka::sync::Cache::builder()
                .max_capacity(KEPT_BYTES)
                .weigher(|_, kept: &Arc<Kept>| kept.weight())
                .expire_after(AtItsEnd)
                .build(),
            refusals: moka::sync::Cache::builder()
                .max_capacity(KEPT_REFUSALS)
                .expire_after(AtItsEnd)
                .build(),
            flights: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.shelves.flights.lock().remove(&self.key);
    }
}

/// Makes room when an entry ends. Whether a token has ended is judged on every hit, by the caller's clock.
struct AtItsEnd;

impl Expiry<Key, Arc<Kept>> for AtItsEnd {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.lifetime())
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lifetime())
    }
}

impl Expiry<Key, NoTokenB> for AtItsEnd {
    fn expire_after_create(&self, _: &Key, refusal: &NoTokenB, _: Instant) -> Option<Duration> {
        refusal.kept_for()
    }

    fn expire_after_update(
        &self,
        _: &Key,
        refusal: &NoTokenB,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        refusal.kept_for()
    }
}
