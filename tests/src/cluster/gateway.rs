//! One replica of the gateway, and its ways to PostgreSQL and Redis.

use std::{path::Path, sync::Arc};

use reqwest::Client;

use super::{
    Site,
    config::{self, Places},
    process::Process,
};
use crate::{
    binary,
    proxy::Proxy,
    stack::{Stack, ports},
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
    /// Its process.
    pub process: Process,
    /// Its way to PostgreSQL.
    pub postgres: Proxy,
    /// Its way to Redis.
    pub redis: Proxy,
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
        let arguments = vec!["gateway".into(), "--config".into(), config.into()];
        let log = folder.join(format!("{name}.log"));
        Self {
            process: Process::start(&name, binary::onedoor(), arguments, log),
            name,
            data_url: ports.data_url(),
            admin_url: ports.admin_url(),
            postgres,
            redis,
        }
    }

    /// Waits until it says it is ready.
    pub async fn ready(&mut self, http: &Client) {
        self.process.ready(http, &self.data_url).await;
    }
}

/// Of a URL.
pub(super) fn host_and_port(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(place, _)| place)
}
