//! `onedoor dev`: the whole of Onedoor in one process, on loopback only, with an identity provider and three servers to try it on.

mod bootstrap;
mod folder;
mod greeting;
mod ports;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use axum::Router;
use onedoor_demo::{
    finance, hr,
    idp::{Doors, Idp, IdpConfig},
    rates,
    server::DemoServerConfig,
};
use onedoor_gateway::{Config, Keys, Listener, Listeners};
use onedoor_model::ids::ReplicaName;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{folder::Folder, ports::Ports};
use crate::{
    embedded::{Embedded, open_log},
    process,
    serve::DRAIN,
    telemetry,
};

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
    process::run("onedoor dev", |stop| run(args, stop))
}

async fn run(args: &Args, stop: CancellationToken) -> anyhow::Result<()> {
    let folder = Folder::open(&args.data)?;
    let log = open_log(&folder.log()).await?;
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
        alone: true,
        public_url: issuer,
        hosts: hosts(&data)?,
        admin_hosts: hosts(&admin)?,
        keys: Keys::load_or_create(&folder.keys()).context("the keys")?,
        first_admins: Vec::new(),
        redis: None,
        drain: DRAIN,
    };
    let installation = Embedded::open(log, &folder.projection(), config).await?;
    bootstrap::run(installation.registry(), &places, provider.endpoints())
        .await
        .context("the demonstration")?;
    folder.write_places(&places)?;
    greeting::print(&places, &args.data);

    let listeners = Listeners {
        data: Listener::plain(data),
        admin: Listener::plain(admin),
    };
    let served = installation.serve(listeners, stop).await;
    folder.remove_places();
    background.cancel();
    if tokio::time::timeout(GRACE, async { while servers.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        servers.abort_all();
    }
    served
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
