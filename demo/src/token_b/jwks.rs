//! The gateway's public keys, fetched when first needed and kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;
use url::Url;

/// Tokens with made-up key ids must not make us flood the gateway: between two fetches at least this.
const MIN_INTERVAL: Duration = Duration::from_secs(3);
/// A key that the gateway has withdrawn is trusted no longer than this.
const MAX_AGE: Duration = Duration::from_mins(10);
/// For one fetch, connecting included.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A cached JWK set (RFC 7517).
#[derive(Debug)]
pub(super) struct Jwks {
    url: Url,
    min_interval: Duration,
    max_age: Duration,
    /// Read by every request, without a lock.
    keys: ArcSwap<Keys>,
    /// Held while fetching: one fetch at a time, the others wait for its outcome.
    last_attempt: Mutex<Option<Attempt>>,
}

#[derive(Debug, Default)]
struct Keys {
    by_id: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    at: Instant,
    failed: bool,
}

#[derive(Debug)]
pub(super) enum KeyError {
    /// The gateway publishes no such key.
    Unknown,
    /// The set cannot be had; without a source, an attempt failed a moment ago.
    Unavailable(Option<reqwest::Error>),
}

impl Jwks {
    pub(super) fn new(url: Url) -> Self {
        Self {
            url,
            min_interval: MIN_INTERVAL,
            max_age: MAX_AGE,
            keys: ArcSwap::default(),
            last_attempt: Mutex::new(None),
        }
    }

    /// The key with this id, from the cache or, if it is not there, from the gateway.
    pub(super) async fn get(&self, kid: &str) -> Result<DecodingKey, KeyError> {
        if let Some(key) = self.cached(kid) {
            return Ok(key);
        }
        let mut last_attempt = self.last_attempt.lock().await;
        // Another request may have fetched while we waited.
        if let Some(key) = self.cached(kid) {
            return Ok(key);
        }
        if let Some(attempt) = *last_attempt
            && attempt.at.elapsed() < self.min_interval
        {
            return Err(if attempt.failed {
                KeyError::Unavailable(None)
            } else {
                KeyError::Unknown
            });
        }
        let fetched = self.fetch().await;
        *last_attempt = Some(Attempt {
            at: Instant::now(),
            failed: fetched.is_err(),
        });
        let keys = fetched.map_err(|error| KeyError::Unavailable(Some(error)))?;
        let key = keys.by_id.get(kid).cloned();
        self.keys.store(keys.into());
        key.ok_or(KeyError::Unknown)
    }

    fn cached(&self, kid: &str) -> Option<DecodingKey> {
        let keys = self.keys.load();
        let fresh = keys.fetched.is_some_and(|at| at.elapsed() < self.max_age);
        keys.by_id.get(kid).filter(|_| fresh).cloned()
    }

    async fn fetch(&self) -> reqwest::Result<Keys> {
        // Straight to the gateway: no proxy from the environment, no redirects.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        let answer = client.get(self.url.clone()).send().await?.error_for_status()?;
        let set: JwkSet = answer.json().await?;
        let usable = |jwk: &jsonwebtoken::jwk::Jwk| {
            Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?))
        };
        Ok(Keys {
            by_id: set.keys.iter().filter_map(usable).collect(),
            fetched: Some(Instant::now()),
        })
    }
}

#[cfg(test)]
mod tests;
