//! Tokens that replicas have in common, in Redis, behind each one's own cache.
//!
//! - Names are keyed digests of the whole [`Subject`], values are encrypted and bound to their names: what stands in Redis is of no
//!   use, and what somebody put there opens nothing. Whatever does not open is a miss.
//! - One replica exchanges at a time. It holds a lock; the others look again and again for what it brings, for a moment, and then
//!   exchange themselves, as they do when the lock ends because its owner died.
//! - Without Redis each replica exchanges for itself.

mod entry;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use onedoor_redis::{Away, Kind, Name, Redis};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    NoTokenB,
    cache::{Need, Obtained, Subject},
};

/// How long a replica waits for what another one is exchanging, and how long it may be the one that exchanges.
const PATIENCE: Duration = Duration::from_secs(2);

/// From one look for what another replica brings to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// Nothing is kept for less.
const LEAST: Duration = Duration::from_millis(1);

/// Clones share what they count.
#[derive(Clone)]
pub(crate) struct SharedCache {
    redis: Redis,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
    unreadable: AtomicU64,
}

/// How often what other replicas had obtained served, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedCounts {
    /// A token was there.
    pub hits: u64,
    /// None was: this replica exchanged.
    pub misses: u64,
    /// Values that were passed over: damaged, of a key that is not in the ring, copied from elsewhere, or not the caller's.
    pub unreadable: u64,
}

/// Where the token of one subject stands.
struct Place {
    token: Name,
    /// Where it may stand, with the keys before the last rotation.
    tokens: Vec<Name>,
    lock: Name,
    /// Tells this exchange from those of others.
    owner: Uuid,
}

/// What there is to do for a token.
enum Found {
    Token(Obtained),
    /// Nobody else is at it: this replica holds the lock.
    Lead,
    /// To do without the others.
    Alone,
}

/// What an exchange changes for the others.
enum Change {
    Put(Vec<u8>, Duration),
    Delete,
    Nothing,
}

impl SharedCache {
    pub(crate) fn new(redis: Redis) -> Self {
        Self {
            redis,
            tally: Arc::default(),
        }
    }

    pub(crate) fn counts(&self) -> SharedCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SharedCounts {
            hits: read(&self.tally.hits),
            misses: read(&self.tally.misses),
            unreadable: read(&self.tally.unreadable),
        }
    }

    /// The token of this subject, as it is needed: what another replica obtained, if it is what is wanted, or what `exchange` brings, which
    /// is then there for the others.
    pub(crate) async fn obtain(
        &self,
        subject: &Subject,
        need: Need,
        now: Timestamp,
        is_wanted: impl Fn(&Obtained) -> bool,
        exchange: impl Future<Output = Result<Obtained, NoTokenB>>,
    ) -> Result<Obtained, NoTokenB> {
        let begun = Instant::now();
        let place = Place::new(&self.redis, subject);
        let is_good = |obtained: &Obtained| obtained.meets(need, now);
        let found = self.find(&place, &is_wanted, &is_good).await;
        if let Found::Token(obtained) = found {
            self.tally.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(obtained);
        }
        self.tally.misses.fetch_add(1, Ordering::Relaxed);
        let brought = exchange.await;
        let change = match &brought {
            Ok(obtained) => self.change(&place, obtained, now, begun.elapsed()),
            Err(refusal) if refusal.takes_back() => Change::Delete,
            Err(_) => Change::Nothing,
        };
        // Nobody waits for it.
        tokio::spawn(self.clone().tell(place, change, found));
        brought
    }

    /// Looks for the token, and while another replica is at it, again.
    async fn find(
        &self,
        place: &Place,
        is_wanted: impl Fn(&Obtained) -> bool,
        is_good: impl Fn(&Obtained) -> bool,
    ) -> Found {
        let given_up = Instant::now() + PATIENCE;
        let found = async {
            if let Some(obtained) = self.read(place, &is_wanted, &is_good).await? {
                return Ok(Found::Token(obtained));
            }
            loop {
                let is_leader = self
                    .redis
                    .lock(&place.lock, place.owner.as_bytes(), PATIENCE)
                    .await?;
                // Once more under the lock: the one who had it put its token there first.
                if let Some(obtained) = self.read(place, &is_wanted, &is_good).await? {
                    if is_leader {
                        self.unlock(place).await;
                    }
                    return Ok(Found::Token(obtained));
                }
                if is_leader {
                    return Ok(Found::Lead);
                }
                if Instant::now() + BETWEEN_LOOKS > given_up {
                    return Ok(Found::Alone);
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        found.await.unwrap_or_else(|Away| Found::Alone)
    }

    /// A token that stands there and is good.
    async fn read(
        &self,
        place: &Place,
        is_wanted: impl Fn(&Obtained) -> bool,
        is_good: impl Fn(&Obtained) -> bool,
    ) -> Result<Option<Obtained>, Away> {
        let values = self.redis.get(&place.tokens).await?;
        let mut opened = place.tokens.iter().zip(values).filter_map(|(name, sealed)| {
            let value = self.redis.ring().open(name, &sealed?);
            let obtained = value.and_then(|value| entry::read(&value)).filter(&is_wanted);
            if obtained.is_none() {
                self.tally.unreadable.fetch_add(1, Ordering::Relaxed);
            }
            obtained
        });
        Ok(opened.find(is_good))
    }

    /// Puts a token there for as long as it may be used, where it is so much later than `now`.
    fn change(&self, place: &Place, obtained: &Obtained, now: Timestamp, later: Duration) -> Change {
        let ttl = obtained.usable(now).saturating_sub(later);
        let sealed = self.redis.ring().seal(&place.token, &entry::write(obtained));
        match sealed {
            Some(sealed) if ttl >= LEAST => Change::Put(sealed, ttl),
            Some(_) | None => Change::Nothing,
        }
    }

    /// Makes the change, and then lets others have the lock. What Redis does not take costs another replica an exchange, no more.
    async fn tell(self, place: Place, change: Change, found: Found) {
        let _: Result<(), Away> = match change {
            Change::Put(sealed, ttl) => self.redis.put(&place.token, &sealed, ttl).await,
            Change::Delete => self.redis.delete(&place.tokens).await,
            Change::Nothing => Ok(()),
        };
        if matches!(found, Found::Lead) {
            self.unlock(&place).await;
        }
    }

    /// A lock that cannot be given back ends by itself.
    async fn unlock(&self, place: &Place) {
        let _: Result<(), Away> = self.redis.unlock(&place.lock, place.owner.as_bytes()).await;
    }
}

impl Place {
    fn new(redis: &Redis, subject: &Subject) -> Self {
        let (ring, subject) = (redis.ring(), subject.as_bytes());
        Self {
            token: ring.name(Kind::TokenB, subject),
            tokens: ring.names(Kind::TokenB, subject),
            lock: ring.name(Kind::Exchanging, subject),
            owner: Uuid::new_v4(),
        }
    }
}
