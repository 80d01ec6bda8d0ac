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
    process::Process,
};
use crate::{
    binary,
    proxy::Proxy,
    stack::{Stack, ports},
    wait,
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
    /// Its configuration.
    pub config: PathBuf,
    name: String,
    log: PathBuf,
}

impl Projector {
    pub(super) async fn start(number: usize, kafka: &str, site: Arc<Site>, folder: &Path) -> Self {
        let postgres = Proxy::start(host_and_port(&Stack::running().postgres)).await;
        let port = ports::free();
        let name = format!("projector-{number}");
        let (config, log) = (
            folder.join(format!("{name}.toml")),
            folder.join(format!("{name}.log")),
        );
        let places = Places {
            kafka,
            postgres: &postgres.address,
            redis: "",
        };
        std::fs::write(&config, config::projector(&site, port, &places)).unwrap();
        Self {
            url: format!("http://127.0.0.1:{port}"),
            process: run(&name, &config, &log),
            postgres,
            config,
            name,
            log,
        }
    }

    /// Waits until it says it is ready.
    pub async fn ready(&mut self, http: &Client) {
        let (url, process) = (format!("{}/readyz", self.url), &mut self.process);
        wait::until(&format!("{} to be ready", self.name), async || {
            process.assert_runs();
            let answer = http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Starts it again. It must have ended.
    pub fn restart(&mut self) {
        self.process = run(&self.name, &self.config, &self.log);
    }

    /// Builds the projection anew from the log, and waits for it.
    pub async fn rebuild(&self) {
        let output = Command::new(binary::onedoor())
            .args([
                Path::new("projector"),
                Path::new("rebuild"),
                Path::new("--config"),
                &self.config,
            ])
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn run(name: &str, config: &Path, log: &Path) -> Process {
    let mut command = Command::new(binary::onedoor());
    command.args([Path::new("projector"), Path::new("--config"), config]);
    Process::start(name, command, log)
}
