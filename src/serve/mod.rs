//! `onedoor serve`: a small team's whole installation in one process, with its own identity provider, on the embedded log.

mod bootstrap;
mod check;
pub(crate) mod config;
mod folder;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, anyhow};
use onedoor_gateway::{Gateway, Listener, Listeners};
use onedoor_model::ids::ReplicaName;
use onedoor_projector::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use self::check::check;
use self::{
    config::{Config, ConfigArgs, Faults, PlaneConfig},
    folder::Folder,
};
use crate::telemetry;

/// The configuration is at fault, and nothing was started.
const MISCONFIGURED: u8 = 64;

/// What can be said of `onedoor serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    log: telemetry::Logging,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn main(args: &Args) -> ExitCode {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(faults) => return refuse(&faults),
    };
    telemetry::start(&args.log.clone().or(config.logging.clone()));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "onedoor serve ended");
            ExitCode::FAILURE
        }
    }
}

/// Says all that is wrong with a configuration.
#[expect(
    clippy::print_stderr,
    reason = "a person or a service manager reads it, before there is a log"
)]
fn refuse(faults: &Faults) -> ExitCode {
    eprintln!("error: nothing was started: {faults}");
    ExitCode::from(MISCONFIGURED)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let folder = Folder::open(&config.data)?;
    let log = onedoor_log::open(&format!("sqlite://{}", folder.log().display()))
        .await
        .context("the log")?;
    // All that may be in use is taken before anything is changed.
    let data = bind(&config.data_plane, "the data plane").await?;
    let admin = bind(&config.admin_plane, "the admin plane").await?;

    let store = Store::open(folder.projection()).await.context("the projection")?;
    let projecting = CancellationToken::new();
    let mut projector = tokio::spawn(onedoor_projector::run(
        Arc::clone(&log),
        store.clone(),
        projecting.clone(),
    ));
    let gateway = Gateway::open(gateway_config(&config, &folder)?, Arc::clone(&log), store.clone());
    let gateway = tokio::select! {
        gateway = gateway => gateway.context("the gateway")?,
        ended = &mut projector => return Err(projector_ended(ended)),
    };
    bootstrap::run(gateway.registry(), &config)
        .await
        .context("the bootstrap file")?;
    announce(&config);

    let listeners = Listeners {
        data: listener(data, config.data_plane),
        admin: listener(admin, config.admin_plane),
    };
    let served = tokio::select! {
        served = gateway.serve(listeners, stop.clone()) => served.context("the gateway"),
        ended = &mut projector => Err(projector_ended(ended)),
    };
    projecting.cancel();
    if !projector.is_finished() {
        let _ = projector.await;
    }
    store.close().await;
    log.close().await;
    if served.is_ok() {
        tracing::info!("drained");
    }
    served
}

fn gateway_config(config: &Config, folder: &Folder) -> anyhow::Result<onedoor_gateway::Config> {
    Ok(onedoor_gateway::Config {
        replica: ReplicaName::new("serve")?,
        public_url: config.public_url.clone(),
        hosts: config.data_plane.hosts.clone(),
        admin_hosts: config.admin_plane.hosts.clone(),
        keys: folder.keys(),
        first_admins: config.first_admins.clone(),
    })
}

/// Says where the door is, and who may open it without a role.
fn announce(config: &Config) {
    for (plane, url, how) in [
        ("data", &config.public_url, &config.data_plane),
        ("admin", &config.admin_url, &config.admin_plane),
    ] {
        let tls = how.tls.is_some();
        tracing::info!(plane, url, listen = %how.listen, tls, hosts = how.hosts.join(" "), "serving");
    }
    for admin in &config.first_admins {
        tracing::warn!(%admin, "a first admin by the bootstrap file: remove it once others hold the roles");
    }
}

async fn bind(plane: &PlaneConfig, what: &'static str) -> anyhow::Result<TcpListener> {
    let address = plane.listen;
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for {what}"))
}

fn listener(socket: TcpListener, plane: PlaneConfig) -> Listener {
    match plane.tls {
        Some(tls) => Listener::tls(socket, tls),
        None => Listener::plain(socket),
    }
}

fn projector_ended(
    ended: Result<Result<(), onedoor_projector::ProjectorError>, tokio::task::JoinError>,
) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("the projector ended"),
        Ok(Err(error)) => anyhow::Error::new(error).context("the projector halted"),
        Err(error) => anyhow::Error::new(error).context("the projector failed"),
    }
}

/// Cancelled by the first Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: requests under way may end");
        stopped.cancel();
    });
    Ok(stop)
}
