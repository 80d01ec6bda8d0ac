//! Gateway and projector as tasks in one process, on the embedded engine.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use onedoor_gateway::{Config, Gateway, Listeners};
use onedoor_log::EventLog;
use onedoor_projector::{ProjectorError, Store};
use onedoor_registry::Registry;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::log_copy;

/// An installation that knows its log, and has not served yet.
pub(crate) struct Embedded {
    log: Arc<dyn EventLog>,
    store: Store,
    gateway: Gateway,
    projector: JoinHandle<Result<(), ProjectorError>>,
    projecting: CancellationToken,
}

/// Opens the log in a folder, or makes it. It belongs to one process at a time.
pub(crate) async fn open_log(folder: &Path) -> anyhow::Result<Arc<dyn EventLog>> {
    let log = onedoor_log::open(&format!("sqlite://{}", folder.display()))
        .await
        .context("the log")?;
    // Looked at once the log is ours: before, somebody could be moving it.
    log_copy::still_here(folder)?;
    Ok(log)
}

impl Embedded {
    /// Starts the projector, and opens the gateway on what is in the log.
    pub(crate) async fn open(
        log: Arc<dyn EventLog>,
        projection: &Path,
        config: Config,
    ) -> anyhow::Result<Self> {
        let store = Store::open(projection).await.context("the projection")?;
        let projecting = CancellationToken::new();
        let mut projector = tokio::spawn(onedoor_projector::run(
            Arc::clone(&log),
            store.clone(),
            projecting.clone(),
        ));
        let gateway = Box::pin(Gateway::open(config, Arc::clone(&log), store.clone()));
        let gateway = tokio::select! {
            gateway = gateway => gateway.context("the gateway")?,
            ended = &mut projector => return Err(projector_ended(ended)),
        };
        Ok(Self {
            log,
            store,
            gateway,
            projector,
            projecting,
        })
    }

    /// The live registry.
    pub(crate) fn registry(&self) -> &Registry {
        self.gateway.registry()
    }

    /// Serves until `stop`, drains, and closes everything.
    pub(crate) async fn serve(mut self, listeners: Listeners, stop: CancellationToken) -> anyhow::Result<()> {
        let served = tokio::select! {
            served = self.gateway.serve(listeners, stop) => served.context("the gateway"),
            ended = &mut self.projector => Err(projector_ended(ended)),
        };
        self.projecting.cancel();
        if !self.projector.is_finished() {
            let _ = self.projector.await;
        }
        self.store.close().await;
        self.log.close().await;
        if served.is_ok() {
            tracing::info!("drained");
        }
        served
    }
}

fn projector_ended(ended: Result<Result<(), ProjectorError>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("the projector ended"),
        Ok(Err(error)) => anyhow::Error::new(error).context("the projector halted"),
        Err(error) => anyhow::Error::new(error).context("the projector failed"),
    }
}
