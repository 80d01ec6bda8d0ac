//! `onedoor gateway`: one of any number of replicas, on a log that processes share.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use onedoor_gateway::Gateway;
use tokio_util::sync::CancellationToken;

use crate::{
    bootstrap,
    config::{GatewayArgs, GatewayConfig},
    parts,
    planes::{Sockets, announce, gateway_config},
    process, telemetry,
};

/// What can be said of `onedoor gateway`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: GatewayArgs,
    #[command(flatten)]
    log: telemetry::Logging,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn main(args: &Args) -> ExitCode {
    let config = match GatewayConfig::load(&args.config) {
        Ok(config) => config,
        Err(faults) => return process::refuse(&faults),
    };
    telemetry::start(&args.log.clone().or(config.door.logging.clone()));
    process::run("onedoor gateway", |stop| run(config, stop))
}

async fn run(config: GatewayConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let GatewayConfig {
        replica,
        keys,
        door,
        log,
        database,
        redis,
        drain,
    } = config;
    // All that may be in use is taken before anything is changed.
    let sockets = Sockets::bind(&door).await?;
    let store = parts::open_store(database).await?;
    let opened = async {
        let log = parts::open_log(log).await?;
        tracing::info!(%replica, "reading the registry");
        let config = gateway_config(replica, &door, keys, redis, drain);
        let gateway = Gateway::open(config, Arc::clone(&log), store.clone())
            .await
            .context("the gateway")?;
        bootstrap::run(gateway.registry(), &door)
            .await
            .context("the bootstrap file")?;
        anyhow::Ok((log, gateway))
    };
    let Some(opened) = stop.run_until_cancelled(Box::pin(opened)).await else {
        return Ok(());
    };
    let (log, gateway) = opened?;
    announce(&door);
    let served = gateway.serve(sockets.listeners(door), stop).await;
    store.close().await;
    log.close().await;
    served.context("the gateway")?;
    tracing::info!("drained");
    Ok(())
}
