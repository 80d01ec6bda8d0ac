//! One replica of the gateway, and its ways to PostgreSQL and Redis.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::Client;
use tokio::process::Command;

use super::{
    Site,
    config::{self, Places},
    process::Process,
};
use crate::{
    binary,
    proxy::Proxy,
    stack::{Stack, ports},
    wait,
};

/// A replica.
#[derive(Debug)]
pub struct Gateway {
    /// Its name in the configuration.
    pub name: String,
    /// Its data plane.
    pub data_url: String,
    /// Its admin plane.
    pub admin_url: String,
    /// Its process. Must be left running or started again by [`Self::restart`].
    pub process: Process,
    /// Its way to PostgreSQL.
    pub postgres: Proxy,
    /// Its way to Redis.
    pub redis: Proxy,
    binary: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    config: PathBuf,
    log: PathBuf,
}

/// Where a replica listens.
#[derive(Debug)]
pub(super) struct Ports {
    pub data: u16,
    pub admin: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self {
            data: ports::free(),
            admin: ports::free(),
        }
    }

    pub(super) fn data_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.data)
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }
}

impl Gateway {
    pub(super) async fn start(
        number: usize,
        ports: Ports,
        kafka: &str,
        site: Arc<Site>,
        folder: &Path,
    ) -> Self {
        let stack = Stack::running();
        let (postgres, redis) = tokio::join!(
            Proxy::start(host_and_port(&stack.postgres)),
            Proxy::start(host_and_port(&stack.redis))
        );
        let name = format!("gateway-{number}");
        let config = folder.join(format!("{name}.toml"));
        let places = Places {
            kafka,
            postgres: &postgres.address,
            redis: &redis.address,
        };
        let text = config::gateway(&site, &name, &ports, &places, folder);
        std::fs::write(&config, text).unwrap();
        let log = folder.join(format!("{name}.log"));
        let (binary, environment) = (binary::onedoor().to_owned(), Vec::new());
        Self {
            process: run(&name, &binary, &environment, &config, &log),
            name,
            data_url: ports.data_url(),
            admin_url: ports.admin_url(),
            postgres,
            redis,
            binary,
            environment,
            config,
            log,
        }
    }

    /// Waits until it says it is ready.
    pub async fn ready(&mut self, http: &Client) {
        let (url, process) = (format!("{}/readyz", self.data_url), &mut self.process);
        wait::until(&format!("{} to be ready", self.name), async || {
            process.assert_runs();
            let answer = http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Starts it again, with the same configuration. It must have ended.
    pub fn restart(&mut self) {
        self.process = run(
            &self.name,
            &self.binary,
            &self.environment,
            &self.config,
            &self.log,
        );
    }

    /// From the next start on, it has this in its environment.
    pub fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    /// From the next start on, it is another build.
    pub fn use_binary(&mut self, binary: &Path) {
        binary.clone_into(&mut self.binary);
    }
}

fn run(name: &str, binary: &Path, environment: &[(&str, OsString)], config: &Path, log: &Path) -> Process {
    let mut command = Command::new(binary);
    command
        .args([Path::new("gateway"), Path::new("--config"), config])
        .envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start(name, command, log)
}

/// Of a URL.
pub(super) fn host_and_port(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(place, _)| place)
}
