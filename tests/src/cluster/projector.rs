//! One projector, and its way to PostgreSQL.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::Client;
use tokio::process::Command;

use super::{
    Site,
    config::{self, Places},
    gateway::host_and_port,
    process::{self, Process},
};
use crate::{
    binary,
    proxy::Proxy,
    stack::{Stack, ports},
};

/// A projector.
#[derive(Debug)]
pub struct Projector {
    /// Its probes and metrics.
    pub url: String,
    /// Its process.
    pub process: Process,
    /// Its way to PostgreSQL.
    pub postgres: Proxy,
    config: PathBuf,
}

impl Projector {
    pub(super) async fn start(number: usize, kafka: &str, site: Arc<Site>, folder: &Path) -> Self {
        let postgres = Proxy::start(host_and_port(&Stack::running().postgres)).await;
        let port = ports::free();
        let name = format!("projector-{number}");
        let config = folder.join(format!("{name}.toml"));
        let places = Places {
            kafka,
            postgres: &postgres.address,
            redis: "",
        };
        std::fs::write(&config, config::projector(&site, port, &places)).unwrap();
        let arguments = vec!["projector".into(), "--config".into(), config.clone().into()];
        let log = folder.join(format!("{name}.log"));
        Self {
            url: format!("http://127.0.0.1:{port}"),
            process: Process::start(&name, binary::onedoor(), arguments, log),
            postgres,
            config,
        }
    }

    /// Waits until it says it is ready.
    pub async fn ready(&mut self, http: &Client) {
        self.process.ready(http, &self.url).await;
    }

    /// Builds the projection anew from the log, and waits until that is in place, with the digests that the live one had.
    pub async fn rebuild(&self) {
        let mut rebuild = Command::new(binary::onedoor());
        rebuild
            .args(["projector", "rebuild", "--config"])
            .arg(&self.config);
        let said = process::run(&mut rebuild).await;
        let same = said.contains("every table is as it was") && said.contains("is in place");
        assert!(same, "{said}");
    }
}
