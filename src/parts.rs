//! The parts around replicas: the log they share, and its projection.

use std::sync::Arc;

use anyhow::Context as _;
use onedoor_log::{EventLog, Options};
use onedoor_projector::{PostgresOptions, Store};

use crate::config::LogConfig;

/// Opens the log that processes share.
pub(crate) async fn open_log(config: LogConfig) -> anyhow::Result<Arc<dyn EventLog>> {
    let options = Options {
        kafka: config.kafka,
        ..Options::default()
    };
    onedoor_log::open_with(&config.url, options)
        .await
        .with_context(|| format!("the log {}", config.url))
}

/// Opens the projection. Its database need not be there yet.
pub(crate) async fn open_store(options: PostgresOptions) -> anyhow::Result<Store> {
    Store::open(options).await.context("the projection")
}
