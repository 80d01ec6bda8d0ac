//! Opening a gateway, serving with it, and letting it drain.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::middleware::{from_fn, from_fn_with_state};
use onedoor_admin::FirstAdmin;
use onedoor_authn::Verifier;
use onedoor_connect::Connector;
use onedoor_exchange::{Exchange, KeyError};
use onedoor_lease::{Control, ControlError};
use onedoor_limits::Limits;
use onedoor_log::{EventLog, Partition, ReadError, Stream};
use onedoor_model::ids::{BootId, Offset, ReplicaName};
use onedoor_projector::{KeptState, Store};
use onedoor_redis::Redis;
use onedoor_registry::{Boot, FollowError, Kept, Registry};
use onedoor_secrets::Secrets;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    audit::{AdminDenials, AuditClosed, AuditUnavailable, DeadBoots, Denials, Recorder},
    door::{Door, WAITING},
    eras::KnownEras,
    keys::Keys,
    listener::{self, Ending, Listener},
    logs,
    mcp::{InFlight, Parked, SpentIds, Targets},
    metrics::{self, Counted, Listening, Metrics, Page},
    plane::{self, Hosts, InvalidHost},
    proxy::Pools,
    traces::{Traces, TracesUnusable},
    upstream::Prober,
};

/// How long the projection may take to say what it has of the registry.
const PROJECTION: Duration = Duration::from_secs(5);

/// How long a replica may take to join the others before that is worth a word.
const JOINING: Duration = Duration::from_secs(10);

/// How long calls that were cut may take to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the log may take to take the last events. What it has not taken by then, whoever closes the boot makes up for.
const LAST_EVENTS: Duration = Duration::from_secs(10);

/// What a gateway needs to start. Everything else is in the registry.
#[derive(Debug)]
pub struct Config {
    /// Name of this replica, `source` of its events.
    pub replica: ReplicaName,
    /// Whether it is the only one on its log.
    pub alone: bool,
    /// The URL that clients know the data plane by, without a trailing slash: `iss` of Token B, and what metadata names.
    pub public_url: String,
    /// Values of `Host` that the data plane answers to.
    pub hosts: Vec<String>,
    /// Values of `Host` that the admin plane answers to.
    pub admin_hosts: Vec<String>,
    /// The gateway's keys.
    pub keys: Keys,
    /// Callers who administer whatever their roles.
    pub first_admins: Vec<FirstAdmin>,
    /// Where replicas share tokens and limits; none: this one shares nothing.
    pub redis: Option<onedoor_redis::Options>,
    /// How it stops.
    pub drain: Drain,
}

/// How a gateway stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long it goes on taking connections after it said that it is not ready, so that load balancers notice.
    pub notice: Duration,
    /// How long requests under way then have to end.
    pub grace: Duration,
}

/// Where a gateway listens.
#[derive(Debug)]
pub struct Listeners {
    /// The data plane.
    pub data: Listener,
    /// The admin plane.
    pub admin: Listener,
}

/// A gateway that knows its log, and has not served yet.
#[derive(Debug)]
pub struct Gateway {
    door: Arc<Door>,
    store: Store,
    hosts: Hosts,
    admin_hosts: Hosts,
    first_admins: Vec<FirstAdmin>,
    drain: Drain,
    follower: JoinHandle<ControlError>,
    recorder: JoinHandle<Result<(), AuditClosed>>,
    denials: JoinHandle<()>,
    stop_denials: CancellationToken,
}

/// Why a gateway does not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The registry cannot be followed: nothing may be served.
    #[error("the registry cannot be followed")]
    Registry(#[from] FollowError),
    /// The replica has no lease, and cannot get one any more: nothing may be served.
    #[error("the lease has ended for good")]
    Lease(#[from] ControlError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[from] ReadError),
    /// The projection cannot be read.
    #[error("the projection cannot be read")]
    Store(#[from] onedoor_projector::StoreError),
    /// The audit log takes nothing.
    #[error(transparent)]
    Audit(#[from] AuditUnavailable),
    /// A key of the gateway cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is said of Redis is wrong.
    #[error("Redis cannot be used")]
    Redis(#[from] onedoor_redis::OptionsError),
    /// A host to answer to is not one.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// TLS to upstreams cannot be set up.
    #[error("outgoing connections cannot be set up")]
    Connect(#[from] onedoor_connect::RootsError),
    /// Traces are to be exported, but cannot be.
    #[error(transparent)]
    Traces(#[from] TracesUnusable),
    /// A task of the gateway ended that must not.
    #[error("a task of the gateway ended")]
    Task,
}

impl Gateway {
    /// Reads the registry, waits for its lease, records that this boot begins, and, alone on its log, closes boots that died.
    ///
    /// A projector should be following the same log into `store`, and must be where this is the only gateway.
    ///
    /// # Errors
    /// [`GatewayError`]
    pub async fn open(config: Config, log: Arc<dyn EventLog>, store: Store) -> Result<Self, GatewayError> {
        let boot = Boot::new(config.replica.clone());
        let hosts = Hosts::new(config.hosts.iter().map(String::as_str))?;
        let admin_hosts = Hosts::new(config.admin_hosts.iter().map(String::as_str))?;
        let connector = Connector::new(onedoor_connect::Roots::System)?;
        let traces = Traces::from_environment(connector.clone())?;
        let secrets = Secrets::default();
        let redis = config.redis.as_ref();
        let redis = redis.map(|options| Redis::open(options, &secrets)).transpose()?;

        let kept = kept(&store).await;
        let (registry, follower) = Registry::open_from(Arc::clone(&log), &boot, kept).await?;
        let (control, task) = Control::new(Arc::clone(&log), &boot, follower);
        let mut follower = tokio::spawn(task.run());
        let metrics = Arc::new(Metrics::new());
        let (recorder, task) = Recorder::new(Arc::clone(&log), &boot, Arc::clone(&metrics));
        let recorder_task = tokio::spawn(task.run());
        let (denials, task) = Denials::new(Arc::clone(&log), &boot, Arc::clone(&metrics));
        let stop_denials = CancellationToken::new();
        let denials_task = tokio::spawn(task.run(stop_denials.clone()));

        // Before its boot is known to others: a boot that gives no sign yet must not be taken for dead.
        tokio::select! {
            () = lease(&control) => {}
            ended = &mut follower => return Err(ended.map_or(GatewayError::Task, GatewayError::Lease)),
        }
        recorder.open_boot().await?;
        if config.alone {
            bury_all(&recorder, &store, &*log, boot.id).await?;
        }
        let (tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let door = Door {
            verifier: Arc::new(Verifier::new(connector.clone())),
            registry,
            control,
            waiting: Semaphore::new(WAITING),
            recorder,
            denials: Arc::new(denials),
            exchange: Arc::new(Exchange::new(
                config.public_url.clone(),
                config.keys.signing,
                connector.clone(),
                secrets.clone(),
                redis.clone(),
            )?),
            limits: Limits::new(redis.clone()),
            redis,
            pools: Arc::new(Pools::new(connector, secrets)),
            upstreams: Arc::default(),
            metrics,
            traces,
            digests: config.keys.digests,
            cursors: config.keys.cursors,
            seal: config.keys.seal,
            alone: config.alone,
            public_url: config.public_url,
            leaving: CancellationToken::new(),
            stopping: CancellationToken::new(),
            eras: KnownEras::new(),
            in_flight: InFlight::default(),
            parked: Parked::new(&tasks, &draining),
            spent_ids: SpentIds::new(),
            targets: Targets::new(),
            tasks,
            draining,
        };
        Ok(Self {
            door: Arc::new(door),
            store,
            hosts,
            admin_hosts,
            first_admins: config.first_admins,
            drain: config.drain,
            follower,
            recorder: recorder_task,
            denials: denials_task,
            stop_denials,
        })
    }

    /// The live registry.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.door.registry
    }

    /// Serves both planes until `stop`, then drains: it says that it is not ready and goes on for a while, takes no more connections,
    /// lets requests under way end, cuts those that do not, and records every outcome and the end of the boot.
    ///
    /// # Errors
    /// [`GatewayError`]: the registry could no longer be followed, or the audit was closed.
    pub async fn serve(mut self, listeners: Listeners, stop: CancellationToken) -> Result<(), GatewayError> {
        let stopping = self.door.stopping.clone();
        let ending = Ending {
            leaving: self.door.leaving.clone(),
            stop: stopping.clone(),
            cut: CancellationToken::new(),
        };
        let admin = onedoor_admin::router(onedoor_admin::Deps {
            registry: Arc::clone(&self.door.registry),
            control: Arc::clone(&self.door.control),
            enforcements: Arc::clone(&self.door.metrics) as Arc<dyn onedoor_admin::Enforcements>,
            store: self.store.clone(),
            verifier: Arc::clone(&self.door.verifier),
            denied: Arc::new(AdminDenials {
                denials: Arc::clone(&self.door.denials),
                registry: Arc::clone(&self.door.registry),
            }),
            probes: Arc::clone(&self.door.upstreams) as Arc<dyn onedoor_admin::Probes>,
            first_admins: std::mem::take(&mut self.first_admins).into(),
        })
        .merge(metrics::router(Page {
            metrics: Arc::clone(&self.door.metrics),
            registry: Arc::clone(&self.door.registry),
            control: Arc::clone(&self.door.control),
            upstreams: Arc::clone(&self.door.upstreams),
            exchange: Arc::clone(&self.door.exchange),
            redis: self.door.redis.clone(),
        }))
        .layer(from_fn_with_state(self.admin_hosts.clone(), plane::hosts))
        .merge(plane::probes(self.door.vitals(Listening::Admin)))
        .layer(from_fn_with_state(
            Arc::clone(&self.door.metrics),
            metrics::admin_request,
        ))
        .layer(from_fn(logs::request));
        let prober = Prober::new(
            Arc::clone(&self.door.registry),
            Arc::clone(&self.door.pools),
            Arc::clone(&self.door.upstreams),
            Arc::clone(&self.door.metrics),
        );
        let _prober = AbortOnDropHandle::new(tokio::spawn(prober.run(stopping.clone())));
        // Where it is alone, it has closed them all at its beginning.
        let _dead = (!self.door.alone).then(|| {
            let dead = DeadBoots::new(&self.door.control, &self.door.recorder, &self.store);
            AbortOnDropHandle::new(tokio::spawn(dead.run()))
        });
        let data = plane::router(Arc::clone(&self.door), self.hosts.clone());
        let data = tokio::spawn(listener::serve(
            listeners.data,
            data,
            connections(&self.door.metrics, Listening::Data),
            ending.clone(),
        ));
        let admin = tokio::spawn(listener::serve(
            listeners.admin,
            admin,
            connections(&self.door.metrics, Listening::Admin),
            ending.clone(),
        ));

        let mut ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            error = self.failed() => Err(error),
        };
        self.door.leaving.cancel();
        if ended.is_ok() {
            ended = tokio::select! {
                () = tokio::time::sleep(self.drain.notice) => Ok(()),
                error = self.failed() => Err(error),
            };
        }
        if ended.is_err() {
            // What cannot be shown to be up to date, or recorded, must not go on.
            self.door.draining.cancel();
        }
        stopping.cancel();
        let drained = async { tokio::join!(data, admin) };
        tokio::pin!(drained);
        if tokio::time::timeout(self.drain.grace, drained.as_mut())
            .await
            .is_err()
        {
            self.door.draining.cancel();
            if tokio::time::timeout(LAST_WORDS, drained.as_mut()).await.is_err() {
                ending.cut.cancel();
                drained.await.0.ok();
            }
        }
        // Calls whose clients are gone go on; at the latest they are cut now.
        self.door.draining.cancel();
        self.door.tasks.close();
        let _ = tokio::time::timeout(LAST_WORDS, self.door.tasks.wait()).await;
        let recorded = tokio::time::timeout(LAST_EVENTS, self.record_the_end(ended.is_ok())).await;
        self.door.traces.flush().await;
        self.stop_denials.cancel();
        let _ = tokio::time::timeout(LAST_EVENTS, self.denials).await;
        self.follower.abort();
        self.recorder.abort();
        ended.and(
            recorded
                .unwrap_or(Err(AuditUnavailable))
                .map_err(GatewayError::from),
        )
    }

    /// Waits until the log has every outcome, and the boot's end where it drained.
    async fn record_the_end(&self, drained: bool) -> Result<(), AuditUnavailable> {
        if drained {
            self.door.recorder.close_own_boot().await
        } else {
            self.door.recorder.settled().await;
            Ok(())
        }
    }

    /// Completes when a task has ended that serving depends on.
    async fn failed(&mut self) -> GatewayError {
        tokio::select! {
            followed = &mut self.follower => followed.map_or(GatewayError::Task, GatewayError::Lease),
            recorded = &mut self.recorder => {
                if let Ok(Err(error)) = recorded {
                    tracing::error!(error = &error as &dyn std::error::Error, "the audit log is closed");
                }
                GatewayError::Audit(AuditUnavailable)
            }
        }
    }
}

/// What the projection has of the registry, so that not all of it must be read from the log; nothing where it cannot be had soon.
async fn kept(store: &Store) -> Option<Kept> {
    let kept = match tokio::time::timeout(PROJECTION, store.state()).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the projection cannot be read: the registry is read from the log alone"
            );
            None
        }
        Err(_) => {
            tracing::warn!("the projection does not answer: the registry is read from the log alone");
            None
        }
    };
    kept.map(|KeptState { state, record }| Kept { state, record })
}

/// Waits until the replica may serve.
async fn lease(control: &Control) {
    let lease = control.lease();
    while tokio::time::timeout(JOINING, lease.served()).await.is_err() {
        tracing::warn!("the log does not give back what this replica writes: it may not serve yet");
    }
}

/// Closes every boot before the own one: they are dead, for an only replica's log belongs to one process at a time.
async fn bury_all(
    recorder: &Recorder,
    store: &Store,
    log: &dyn EventLog,
    own: BootId,
) -> Result<(), GatewayError> {
    let end = log.bounds(Stream::Audit, Partition(0)).await?.end;
    if let Some(last) = end.0.checked_sub(1) {
        store.reached(Stream::Audit, Partition(0), Offset(last)).await;
    }
    for dead in store.open_boots(own).await? {
        recorder.close_dead_boot(dead.boot, dead.partition).await?;
        tracing::warn!(boot = %dead.boot, "closed a boot that had died; its open calls ended as unknown");
    }
    Ok(())
}

/// Counts the connections of a plane.
fn connections(metrics: &Arc<Metrics>, plane: Listening) -> impl Fn() -> Counted + Send + use<> {
    let metrics = Arc::clone(metrics);
    move || metrics.connection(plane)
}
