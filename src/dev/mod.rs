//! `onedoor dev`: the whole of Onedoor in one process, on loopback only, with an identity provider and three servers to try it on.

mod bootstrap;
mod folder;
mod greeting;
mod ports;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use axum::Router;
use onedoor_demo::{
    finance, hr,
    idp::{Doors, Idp, IdpConfig},
    rates,
    server::DemoServerConfig,
};
use onedoor_gateway::{Config, Gateway, Listener, Listeners};
use onedoor_model::ids::ReplicaName;
use onedoor_projector::Store;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{folder::Folder, ports::Ports};
use crate::telemetry;

/// How long the demonstration servers may take to stop.
const GRACE: Duration = Duration::from_secs(2);

/// What can be said of `onedoor dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of all state; a restart goes on with it.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Listen on ports that are free instead of 8080, 8081, 8082, 9101, 9102 and 9103, and on the same ones after a restart.
    #[arg(long)]
    free_ports: bool,
    #[command(flatten)]
    log: telemetry::Logging,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn main(args: &Args) -> ExitCode {
    telemetry::start(&args.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "onedoor dev ended");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let folder = Folder::open(&args.data)?;
    let log = onedoor_log::open(&format!("sqlite://{}", folder.log().display()))
        .await
        .context("the log")?;
    let Ports {
        data,
        admin,
        idp,
        finance,
        hr,
        rates,
    } = Ports::bind(args.free_ports, &folder).await?;
    let public_url = url(&data)?;
    let places = folder::Places::new(
        &public_url,
        &url(&admin)?,
        &url(&idp)?,
        &url(&finance)?,
        &url(&hr)?,
        &url(&rates)?,
    )?;

    let store = Store::open(folder.projection()).await.context("the projection")?;
    let projecting = CancellationToken::new();
    let mut projector = tokio::spawn(onedoor_projector::run(
        Arc::clone(&log),
        store.clone(),
        projecting.clone(),
    ));

    let background = CancellationToken::new();
    let mut servers = JoinSet::new();
    let mut provider = IdpConfig::new(places.idp.clone(), folder.idp());
    provider.doors = Doors {
        data: Some(places.data.clone()),
        admin: Some(places.admin.clone()),
    };
    let provider = tokio::task::spawn_blocking(move || Idp::new(provider)).await??;
    spawn(&mut servers, idp, provider.router(), &background);
    let issuer = without_slash(&public_url);
    let mut demo = DemoServerConfig::new(&issuer, public_url.join("/.well-known/jwks.json")?);
    demo.shutdown = background.clone();
    spawn(&mut servers, finance, finance::router(demo.clone()), &background);
    spawn(&mut servers, hr, hr::router(demo.clone()), &background);
    spawn(&mut servers, rates, rates::router(demo), &background);

    let config = Config {
        replica: ReplicaName::new("dev")?,
        public_url: issuer,
        hosts: hosts(&data)?,
        admin_hosts: hosts(&admin)?,
        keys: folder.keys(),
        first_admins: Vec::new(),
    };
    let gateway = Gateway::open(config, Arc::clone(&log), store.clone());
    let gateway = tokio::select! {
        gateway = gateway => gateway.context("the gateway")?,
        ended = &mut projector => return Err(projector_ended(ended)),
    };
    bootstrap::run(gateway.registry(), &places, provider.endpoints())
        .await
        .context("the demonstration")?;
    folder.write_places(&places)?;
    greeting::print(&places, &args.data);

    let listeners = Listeners {
        data: Listener::plain(data),
        admin: Listener::plain(admin),
    };
    let draining = stop.clone();
    let served = tokio::select! {
        served = gateway.serve(listeners, stop) => served.context("the gateway"),
        ended = &mut projector => Err(projector_ended(ended)),
    };
    folder.remove_places();
    if draining.is_cancelled() {
        tracing::info!("drained");
    }
    background.cancel();
    if tokio::time::timeout(GRACE, async { while servers.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        servers.abort_all();
    }
    projecting.cancel();
    if !projector.is_finished() {
        let _ = projector.await;
    }
    store.close().await;
    log.close().await;
    served
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

fn spawn(servers: &mut JoinSet<()>, listener: TcpListener, router: Router, stop: &CancellationToken) {
    let stop = stop.clone();
    servers.spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "a demonstration server ended");
        }
    });
}

fn url(listener: &TcpListener) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{}", listener.local_addr()?))?)
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn hosts(listener: &TcpListener) -> anyhow::Result<Vec<String>> {
    let address = listener.local_addr()?;
    Ok(vec![address.to_string(), format!("localhost:{}", address.port())])
}
