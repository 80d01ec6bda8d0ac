//! `onedoor serve`: a small team's whole installation in one process, with its own identity provider, on the embedded log.

mod bootstrap;
mod check;
pub(crate) mod config;
mod folder;

use std::process::ExitCode;

use anyhow::Context as _;
use onedoor_gateway::{Listener, Listeners};
use onedoor_model::ids::ReplicaName;
use tokio::net::TcpListener;

pub(crate) use self::check::check;
use self::{
    config::{Config, ConfigArgs, Faults, PlaneConfig},
    folder::Folder,
};
use crate::{
    embedded::{Embedded, open_log, stop_signal},
    telemetry,
};

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
    let log = open_log(&folder.log()).await?;
    // All that may be in use is taken before anything is changed.
    let data = bind(&config.data_plane, "the data plane").await?;
    let admin = bind(&config.admin_plane, "the admin plane").await?;

    let installation = Embedded::open(log, &folder.projection(), gateway_config(&config, &folder)?).await?;
    bootstrap::run(installation.registry(), &config)
        .await
        .context("the bootstrap file")?;
    announce(&config);
    let listeners = Listeners {
        data: listener(data, config.data_plane),
        admin: listener(admin, config.admin_plane),
    };
    installation.serve(listeners, stop).await
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
