//! Opening a gateway, serving with it, and letting it drain.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::middleware::{from_fn, from_fn_with_state};
use onedoor_admin::FirstAdmin;
use onedoor_authn::Verifier;
use onedoor_connect::Connector;
use onedoor_exchange::{Exchange, KeyError, SigningKey};
use onedoor_log::{EventLog, Partition, ReadError, Stream};
use onedoor_model::ids::{Offset, ReplicaName};
use onedoor_projector::Store;
use onedoor_registry::{Boot, FollowError, Registry};
use onedoor_secrets::Secrets;
use tokio::task::JoinHandle;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    audit::{AdminDenials, AuditClosed, AuditUnavailable, Denials, Recorder},
    door::{ArgumentDigests, Door},
    eras::KnownEras,
    listener::{self, Listener},
    logs,
    mcp::{InFlight, Parked, SpentIds, Targets},
    metrics::{self, Counted, Listening, Metrics, Page},
    paging::{Cursors, NoRandomness},
    plane::{self, Hosts, InvalidHost},
    proxy::Pools,
    seal::Seal,
    traces::{Traces, TracesUnusable},
    upstream::Prober,
};

/// How long requests under way may take once the gateway is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long outcomes of cut calls may take to be recorded.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a gateway needs to start. Everything else is in the registry.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this replica, `source` of its events.
    pub replica: ReplicaName,
    /// The URL that clients know the data plane by, without a trailing slash: `iss` of Token B, and what metadata names.
    pub public_url: String,
    /// Values of `Host` that the data plane answers to.
    pub hosts: Vec<String>,
    /// Values of `Host` that the admin plane answers to.
    pub admin_hosts: Vec<String>,
    /// Folder of the gateway's keys, for its owner alone.
    pub keys: PathBuf,
    /// Callers who administer whatever their roles.
    pub first_admins: Vec<FirstAdmin>,
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
    follower: JoinHandle<FollowError>,
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
    /// A host to answer to is not one.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// TLS to upstreams cannot be set up.
    #[error("outgoing connections cannot be set up")]
    Connect(#[from] onedoor_connect::RootsError),
    /// The system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// Traces are to be exported, but cannot be.
    #[error(transparent)]
    Traces(#[from] TracesUnusable),
    /// A task of the gateway ended that must not.
    #[error("a task of the gateway ended")]
    Task,
}

impl Gateway {
    /// Reads the registry, records that this boot begins, and closes boots that died.
    ///
    /// A projector must be following the same log into `store`.
    ///
    /// # Errors
    /// [`GatewayError`]
    pub async fn open(config: Config, log: Arc<dyn EventLog>, store: Store) -> Result<Self, GatewayError> {
        let boot = Boot::new(config.replica.clone());
        let hosts = Hosts::new(config.hosts.iter().map(String::as_str))?;
        let admin_hosts = Hosts::new(config.admin_hosts.iter().map(String::as_str))?;
        let signing = SigningKey::load_or_create(&config.keys.join("token-b.p8"))?;
        let digests = ArgumentDigests::new(&secret(&config.keys.join("arguments.key"))?);
        let connector = Connector::new(onedoor_connect::Roots::System)?;
        let traces = Traces::from_environment(connector.clone())?;
        let secrets = Secrets::default();

        let (registry, follower) = Registry::open(Arc::clone(&log), &boot).await?;
        let follower = tokio::spawn(follower);
        let before = log.bounds(Stream::Audit, Partition(0)).await?.end;
        let metrics = Arc::new(Metrics::new());
        let (recorder, task) = Recorder::new(Arc::clone(&log), &boot, Arc::clone(&metrics));
        let recorder_task = tokio::spawn(task.run());
        let (denials, task) = Denials::new(log, &boot, Arc::clone(&metrics));
        let stop_denials = CancellationToken::new();
        let denials_task = tokio::spawn(task.run(stop_denials.clone()));

        recorder.open_boot().await?;
        // Boots before this one are dead: the embedded log belongs to one process at a time.
        if let Some(last) = before.0.checked_sub(1) {
            store.reached(Stream::Audit, Partition(0), Offset(last)).await;
        }
        for dead in store.open_boots(boot.id).await? {
            recorder.close_boot(dead.boot).await?;
            tracing::warn!(boot = %dead.boot, "closed a boot that had died; its open calls ended as unknown");
        }
        let (tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let door = Door {
            verifier: Arc::new(Verifier::new(connector.clone())),
            registry,
            recorder,
            denials: Arc::new(denials),
            exchange: Arc::new(Exchange::new(
                config.public_url.clone(),
                signing,
                connector.clone(),
                secrets.clone(),
            )?),
            pools: Arc::new(Pools::new(connector, secrets)),
            upstreams: Arc::default(),
            metrics,
            traces,
            digests,
            cursors: Cursors::new()?,
            public_url: config.public_url,
            stopping: CancellationToken::new(),
            seal: Seal::load_or_create(&config.keys.join("seal.key"))?,
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

    /// Serves both planes until `stop`, then drains: requests under way may end, streams that do not are cut, every outcome and the
    /// end of the boot are recorded.
    ///
    /// # Errors
    /// [`GatewayError`]: the registry could no longer be followed, or the audit was closed.
    pub async fn serve(mut self, listeners: Listeners, stop: CancellationToken) -> Result<(), GatewayError> {
        let stopping = self.door.stopping.clone();
        let cut = CancellationToken::new();
        let admin = onedoor_admin::router(onedoor_admin::Deps {
            registry: Arc::clone(&self.door.registry),
            store: self.store.clone(),
            verifier: Arc::clone(&self.door.verifier),
            denied: Arc::new(AdminDenials {
                denials: Arc::clone(&self.door.denials),
                registry: Arc::clone(&self.door.registry),
            }),
            probes: Arc::clone(&self.door.upstreams) as Arc<dyn onedoor_admin::Probes>,
            first_admins: self.first_admins.into(),
        })
        .merge(metrics::router(Page {
            metrics: Arc::clone(&self.door.metrics),
            registry: Arc::clone(&self.door.registry),
            upstreams: Arc::clone(&self.door.upstreams),
            exchange: Arc::clone(&self.door.exchange),
        }))
        .layer(from_fn_with_state(self.admin_hosts.clone(), plane::hosts))
        .merge(plane::probes(self.door.vitals()))
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
        let data = plane::router(Arc::clone(&self.door), self.hosts.clone());
        let data = tokio::spawn(listener::serve(
            listeners.data,
            data,
            connections(&self.door.metrics, Listening::Data),
            stopping.clone(),
            cut.clone(),
        ));
        let admin = tokio::spawn(listener::serve(
            listeners.admin,
            admin,
            connections(&self.door.metrics, Listening::Admin),
            stopping.clone(),
            cut.clone(),
        ));

        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            followed = &mut self.follower => Err(followed.map_or(GatewayError::Task, GatewayError::Registry)),
            recorded = &mut self.recorder => {
                if let Ok(Err(error)) = recorded {
                    tracing::error!(error = &error as &dyn std::error::Error, "the audit log is closed");
                }
                Err(GatewayError::Audit(AuditUnavailable))
            }
        };
        if ended.is_err() {
            // What cannot be shown to be up to date, or recorded, must not go on.
            self.door.draining.cancel();
        }
        stopping.cancel();
        let drained = async { tokio::join!(data, admin) };
        tokio::pin!(drained);
        if tokio::time::timeout(GRACE, drained.as_mut()).await.is_err() {
            self.door.draining.cancel();
            if tokio::time::timeout(LAST_WORDS, drained.as_mut()).await.is_err() {
                cut.cancel();
                drained.await.0.ok();
            }
        }
        // Calls whose clients are gone go on; at the latest they are cut now.
        self.door.draining.cancel();
        self.door.tasks.close();
        let _ = tokio::time::timeout(LAST_WORDS, self.door.tasks.wait()).await;
        if ended.is_ok() {
            self.door.recorder.close_own_boot().await?;
        }
        self.door.traces.flush().await;
        self.stop_denials.cancel();
        let _ = self.denials.await;
        self.follower.abort();
        self.recorder.abort();
        ended
    }
}

/// Counts the connections of a plane.
fn connections(metrics: &Arc<Metrics>, plane: Listening) -> impl Fn() -> Counted + Send + use<> {
    let metrics = Arc::clone(metrics);
    move || metrics.connection(plane)
}

/// A random key of 32 bytes, kept in a file for its owner alone.
pub(crate) fn secret(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| KeyError::NotASecret(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| KeyError::Generate)?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(failed)?;
            file.write_all(&key)
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}
