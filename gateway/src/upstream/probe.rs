//! Probing upstreams: every served version that has a health path is asked for it, without any token. What comes of it is shown; calls
//! go on either way.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Request, StatusCode, Uri, header::USER_AGENT};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use onedoor_connect::{AddressPolicy, ConnectError, Instant, RequestBody, SendError, Stage};
use onedoor_model::registry::{Server, ServerVersion, State};
use onedoor_registry::Registry;
use tokio::time::{sleep, timeout_at};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    metrics::Metrics,
    proxy::{NoPool, Pools},
};

use super::{Key, Upstreams};

/// How often an upstream is asked.
const EVERY: Duration = Duration::from_secs(10);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Of an answer's body, so much is read that the connection can be used again.
const BODY_BYTES: usize = 64 << 10;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("onedoor/", env!("CARGO_PKG_VERSION"), " (health)"));

/// Keeps what is known of upstreams to those that are served, and probes them.
#[derive(Clone, Debug)]
pub(crate) struct Prober {
    registry: Arc<Registry>,
    pools: Arc<Pools>,
    upstreams: Arc<Upstreams>,
    metrics: Arc<Metrics>,
    every: Duration,
}

/// Whom to ask, and for what.
#[derive(Clone, Debug)]
struct Target {
    server: Arc<Server>,
    version: Arc<ServerVersion>,
    path: Uri,
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
enum ProbeFault {
    #[error("no connections")]
    NoPool(#[from] NoPool),
    #[error("no connection")]
    Connect(#[from] ConnectError),
    #[error("no answer")]
    Send(#[from] SendError),
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("no answer in time")]
    TimedOut,
}

/// The versions of a server that calls may reach. One whose tie is not approved is asked for nothing.
pub(crate) fn served(server: &Server) -> impl Iterator<Item = &Arc<ServerVersion>> {
    let is_open = server.disabled.is_none() && server.retired.is_none();
    let latest = server
        .latest()
        .filter(|latest| Some(latest.number) != server.production);
    let chosen = server.production().into_iter().chain(latest);
    chosen.filter(move |version| is_open && version.approved.is_some())
}

impl Prober {
    pub(crate) fn new(
        registry: Arc<Registry>,
        pools: Arc<Pools>,
        upstreams: Arc<Upstreams>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            registry,
            pools,
            upstreams,
            metrics,
            every: EVERY,
        }
    }

    /// Follows the registry until `stop`: a version that comes is probed, one that goes is forgotten.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut progress = self.registry.progress();
        let mut probing: HashMap<Key, AbortOnDropHandle<()>> = HashMap::new();
        loop {
            progress.mark_unchanged();
            let state = self.registry.state();
            self.forget_others(&state);
            let mut targets = targets(&state);
            probing.retain(|key, _| targets.remove(key).is_some());
            for (key, target) in targets {
                let task = tokio::spawn(self.clone().watch(key, target));
                probing.insert(key, AbortOnDropHandle::new(task));
            }
            tokio::select! {
                changed = progress.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }

    fn forget_others(&self, state: &State) {
        let slugs: BTreeSet<_> = state.servers().map(|server| server.slug.clone()).collect();
        self.metrics.snapshot_swapped(&slugs);
        let keys: BTreeSet<Key> = state
            .servers()
            .flat_map(|server| served(server).map(|version| (server.id, version.number)))
            .collect();
        self.upstreams.keep(|key| keys.contains(key));
    }

    /// Probes one version for as long as it is served.
    async fn watch(self, key: Key, target: Target) {
        sleep(self.every.mul_f64(jitter() / 10.0)).await;
        loop {
            let probed = target.probe(&self.registry, &self.pools).await;
            if let Some(answered) = conclusion(&probed)
                && self.upstreams.probed(key, answered, Timestamp::now()).is_some()
            {
                tell(&target, probed.err());
            }
            sleep(self.every.mul_f64(0.95 + jitter() / 10.0)).await;
        }
    }
}

impl Target {
    /// Asks once.
    async fn probe(&self, registry: &Registry, pools: &Pools) -> Result<(), ProbeFault> {
        let settings = Arc::clone(registry.snapshot().settings());
        let tls = settings.upstream_tls.get(&self.server.slug);
        let pool = pools.of(&self.server, &self.version, tls)?;
        let policy = AddressPolicy::allowing(&settings.internal_networks);
        let until = Instant::now() + PATIENCE;
        let lease = pool.acquire(policy, until).await?;
        let mut request = Request::new(RequestBody::default());
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(USER_AGENT, AGENT);
        let answer = async {
            let answer = lease.send(request).await?;
            let status = answer.status();
            // The status says it all; a body that does not end costs the connection.
            let _ = Limited::new(answer.into_body(), BODY_BYTES).collect().await;
            if status.is_success() {
                Ok(())
            } else {
                Err(ProbeFault::Status(status))
            }
        };
        timeout_at(until, answer)
            .await
            .map_err(|_| ProbeFault::TimedOut)?
    }
}

/// All that are to be probed.
fn targets(state: &State) -> HashMap<Key, Target> {
    let versions = state
        .servers()
        .flat_map(|server| served(server).map(move |version| (server, version)));
    versions
        .filter_map(|(server, version)| {
            let path = version.manifest.health_path.as_deref()?.parse().ok()?;
            let target = Target {
                server: Arc::clone(server),
                version: Arc::clone(version),
                path,
            };
            Some(((server.id, version.number), target))
        })
        .collect()
}

/// Whether the upstream answered; nothing where the door's own connections were all in use.
fn conclusion(probed: &Result<(), ProbeFault>) -> Option<bool> {
    match probed {
        Ok(()) => Some(true),
        Err(ProbeFault::Connect(ConnectError::TimedOut(Stage::Waiting))) => None,
        Err(
            ProbeFault::NoPool(_)
            | ProbeFault::Connect(_)
            | ProbeFault::Send(_)
            | ProbeFault::Status(_)
            | ProbeFault::TimedOut,
        ) => Some(false),
    }
}

fn tell(target: &Target, fault: Option<ProbeFault>) {
    let (server, version) = (&target.server.slug, target.version.number.0);
    match fault {
        None => tracing::info!(%server, version, "an upstream answers its probes"),
        Some(fault) => {
            let error = &fault as &dyn std::error::Error;
            tracing::warn!(%server, version, error, "an upstream does not answer its probes");
        }
    }
}

/// Somewhere from 0 to 1, so that replicas do not ask at the same time. Without randomness there is none.
fn jitter() -> f64 {
    let mut byte = [0];
    match aws_lc_rs::rand::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 0.5,
    }
}
