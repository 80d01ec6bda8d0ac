//! `onedoor serve`: a small team's whole installation in one process, with its own identity provider, on the embedded log.

mod folder;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use onedoor_gateway::{Drain, Keys};
use onedoor_model::ids::ReplicaName;
use tokio_util::sync::CancellationToken;

use self::folder::Folder;
use crate::{
    bootstrap,
    config::{ServeArgs, ServeConfig},
    embedded::{Embedded, open_log},
    planes::{Sockets, announce, gateway_config},
    process, telemetry,
};

/// How an only process stops: there is no other to send requests to.
pub(crate) const DRAIN: Drain = Drain {
    notice: Duration::ZERO,
    grace: Duration::from_secs(10),
};

/// What can be said of `onedoor serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ServeArgs,
    #[command(flatten)]
    log: telemetry::Logging,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn main(args: &Args) -> ExitCode {
    let config = match ServeConfig::load(&args.config) {
        Ok(config) => config,
        Err(faults) => return process::refuse(&faults),
    };
    telemetry::start(&args.log.clone().or(config.door.logging.clone()));
    process::run("onedoor serve", |stop| run(config, stop))
}

async fn run(config: ServeConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let ServeConfig { data, door } = config;
    let folder = Folder::open(&data)?;
    let log = open_log(&folder.log()).await?;
    // All that may be in use is taken before anything is changed.
    let sockets = Sockets::bind(&door).await?;
    let keys = Keys::load_or_create(&folder.keys()).context("the keys")?;
    let gateway = onedoor_gateway::Config {
        alone: true,
        ..gateway_config(ReplicaName::new("serve")?, &door, keys, None, DRAIN)
    };
    let installation = Embedded::open(log, &folder.projection(), gateway).await?;
    bootstrap::run(installation.registry(), &door)
        .await
        .context("the bootstrap file")?;
    announce(&door);
    installation.serve(sockets.listeners(door), stop).await
}
