//! An issuer's keys, kept and renewed.

mod schedule;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use onedoor_connect::{AddressPolicy, Connector, FetchError, Instant};
use onedoor_model::{
    decide::Snapshot,
    ids::IssuerName,
    registry::{Algorithm, Issuer, Settings},
};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;
use url::Url;

pub use schedule::KeyTimes;

use crate::keys::{Keys, KeysFault};
use schedule::{History, Plan};

/// A key set's document, in bytes, at most.
const MAX_DOCUMENT: usize = 1 << 20;

/// The keys of all issuers.
pub(crate) struct KeyRings {
    connector: Connector,
    times: KeyTimes,
    rings: Mutex<HashMap<IssuerName, Arc<KeyRing>>>,
}

/// The keys of one issuer. Reading them takes no lock.
pub(crate) struct KeyRing {
    name: IssuerName,
    uri: String,
    connector: Connector,
    times: KeyTimes,
    held: ArcSwap<Held>,
    /// The last fetch; its sender is gone once the fetch has ended and what came of it is held.
    flight: Mutex<Option<watch::Receiver<()>>>,
}

/// What is known of an issuer's keys. Replaced, never changed.
#[derive(Default)]
struct Held {
    keys: Option<Arc<Keys>>,
    history: History,
}

/// There are no keys, and none can be had now. The issuer's fault, or the network's; may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the issuer's keys are not available")]
pub(crate) struct KeysUnavailable;

/// Why a fetch brought no keys.
#[derive(Debug, Error)]
enum RenewalError {
    #[error("the URL is not valid")]
    Url(#[from] url::ParseError),
    #[error("the document cannot be fetched")]
    Fetch(#[from] FetchError),
    #[error("the document is no use")]
    Document(#[from] KeysFault),
}

impl KeyRings {
    pub(crate) fn new(connector: Connector, times: KeyTimes) -> Self {
        Self {
            connector,
            times,
            rings: Mutex::default(),
        }
    }

    /// The keys of an issuer of this snapshot. Those of issuers no longer in it are forgotten: one that is trusted
    /// anew starts anew.
    pub(crate) fn of(&self, issuer: &Issuer, snapshot: &Snapshot) -> Arc<KeyRing> {
        let mut rings = self.rings.lock();
        rings.retain(|_, ring| snapshot.issuers().any(|issuer| ring.is_of(issuer)));
        let ring = rings.entry(issuer.name.clone()).or_insert_with(|| {
            Arc::new(KeyRing {
                name: issuer.name.clone(),
                uri: issuer.jwks_uri.clone(),
                connector: self.connector.clone(),
                times: self.times,
                held: ArcSwap::default(),
                flight: Mutex::default(),
            })
        });
        Arc::clone(ring)
    }
}

impl KeyRing {
    fn is_of(&self, issuer: &Issuer) -> bool {
        self.name == issuer.name && self.uri == issuer.jwks_uri
    }

    /// The keys to check a token with that names this key and algorithm. Waits for a fetch only where there are no keys
    /// that may be used, or not that one among them.
    pub(crate) async fn keys_for(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        settings: &Arc<Settings>,
    ) -> Result<Arc<Keys>, KeysUnavailable> {
        let known = self.held.load_full();
        let held = match known.history.plan(Instant::now(), &self.times) {
            Plan::Use | Plan::Refuse => Arc::clone(&known),
            Plan::UseAndRenew => {
                self.renew(&known, settings);
                Arc::clone(&known)
            }
            Plan::Renew => self.renewed(&known, settings).await,
        };
        let keys = self.usable(&held)?;
        if keys.know(id, algorithm) || !held.history.may_have_changed(Instant::now(), &self.times) {
            return Ok(keys);
        }
        self.usable(&*self.renewed(&held, settings).await)
    }

    fn usable(&self, held: &Held) -> Result<Arc<Keys>, KeysUnavailable> {
        let keys = held
            .keys
            .as_ref()
            .filter(|_| held.history.is_usable(Instant::now(), &self.times));
        keys.cloned().ok_or(KeysUnavailable)
    }

    /// What is held after the fetch that is under way, or one that is started now.
    async fn renewed(self: &Arc<Self>, known: &Arc<Held>, settings: &Arc<Settings>) -> Arc<Held> {
        if let Some(mut landing) = self.renew(known, settings) {
            // An error says that the fetch has ended: its sender never sends.
            let _ = landing.changed().await;
        }
        self.held.load_full()
    }

    /// Starts a fetch, unless one is under way or has ended since `known` was read. One fetch serves all who wait, and
    /// goes on when they no longer do.
    fn renew(self: &Arc<Self>, known: &Arc<Held>, settings: &Arc<Settings>) -> Option<watch::Receiver<()>> {
        let mut flight = self.flight.lock();
        if let Some(landing) = flight.as_ref().filter(|landing| landing.has_changed().is_ok()) {
            return Some(landing.clone());
        }
        if !Arc::ptr_eq(&self.held.load(), known) {
            return None;
        }
        let (sender, landing) = watch::channel(());
        let (ring, settings) = (Arc::clone(self), Arc::clone(settings));
        tokio::spawn(async move {
            ring.fetch_and_hold(&settings).await;
            drop(sender);
        });
        *flight = Some(landing.clone());
        Some(landing)
    }

    async fn fetch_and_hold(&self, settings: &Settings) {
        let fetched = self.fetch(settings).await;
        let (known, now) = (self.held.load(), Instant::now());
        let held = match fetched {
            Ok(keys) => Held {
                keys: Some(Arc::new(keys)),
                history: known.history.succeeded(now),
            },
            Err(error) => {
                let (issuer, uri) = (self.name.as_str(), self.uri.as_str());
                tracing::warn!(
                    issuer,
                    uri,
                    error = &error as &dyn std::error::Error,
                    "cannot renew an issuer's keys"
                );
                Held {
                    keys: known.keys.clone(),
                    history: known.history.failed(now),
                }
            }
        };
        self.held.store(Arc::new(held));
    }

    async fn fetch(&self, settings: &Settings) -> Result<Keys, RenewalError> {
        let url = Url::parse(&self.uri)?;
        let policy = AddressPolicy::allowing(&settings.internal_networks);
        let deadline = Instant::now() + self.times.timeout;
        let document = self
            .connector
            .get_json(&url, policy, MAX_DOCUMENT, deadline)
            .await?;
        Ok(Keys::read(&document)?)
    }
}
