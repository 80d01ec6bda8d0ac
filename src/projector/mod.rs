//! `onedoor projector`: keeps the projection of the log. Of several, one projects, and the others stand by.

mod metrics;
mod probes;
mod rebuild;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{ProjectorArgs, ProjectorConfig},
    parts, process, telemetry,
};

/// What can be said of `onedoor projector`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    config: ProjectorArgs,
    #[command(flatten)]
    log: telemetry::Logging,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Build the projection anew beside the live one, compare them, and put the new one in place
    Rebuild(Box<rebuild::Args>),
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn main(args: &Args) -> ExitCode {
    if let Some(Action::Rebuild(args)) = &args.action {
        return rebuild::main(args);
    }
    let config = match ProjectorConfig::load(&args.config) {
        Ok(config) => config,
        Err(faults) => return process::refuse(&faults),
    };
    telemetry::start(&args.log.clone().or(config.logging.clone()));
    process::run("onedoor projector", |stop| run(config, stop))
}

async fn run(config: ProjectorConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let ProjectorConfig {
        listen,
        log,
        database,
        logging: _,
    } = config;
    let socket = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} for probes"))?;
    let store = parts::open_store(database).await?;
    let probes = axum::serve(socket, probes::router(store.clone(), stop.clone()));
    let _probes = AbortOnDropHandle::new(tokio::spawn(probes.into_future()));
    let Some(log) = stop.run_until_cancelled(Box::pin(parts::open_log(log))).await else {
        return Ok(());
    };
    let log = log?;
    tracing::info!(probes = %listen, "projecting, or standing by");
    let projecting = onedoor_projector::run(Arc::clone(&log), store.clone(), stop.clone());
    let projected = Box::pin(projecting).await;
    if projected.is_err() {
        // Probes and metrics go on saying why, instead of a process that starts again and again.
        tracing::error!("the projector stands still until somebody has acted and starts it anew");
        stop.cancelled().await;
    }
    store.close().await;
    log.close().await;
    projected.context("the projector halted")
}
