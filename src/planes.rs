//! The planes of a door, opened as its configuration says.

use anyhow::Context as _;
use onedoor_gateway::{Drain, Keys, Listener, Listeners};
use onedoor_model::ids::ReplicaName;
use tokio::net::TcpListener;

use crate::config::{DoorConfig, PlaneConfig};

/// The sockets of both planes, bound before anything is changed.
pub(crate) struct Sockets {
    data: TcpListener,
    admin: TcpListener,
}

impl Sockets {
    /// Takes the ports.
    pub(crate) async fn bind(door: &DoorConfig) -> anyhow::Result<Self> {
        Ok(Self {
            data: bind(&door.data_plane, "the data plane").await?,
            admin: bind(&door.admin_plane, "the admin plane").await?,
        })
    }

    /// How both are spoken to.
    pub(crate) fn listeners(self, door: DoorConfig) -> Listeners {
        Listeners {
            data: listener(self.data, door.data_plane),
            admin: listener(self.admin, door.admin_plane),
        }
    }
}

/// What the gateway is to know of its door.
pub(crate) fn gateway_config(
    replica: ReplicaName,
    door: &DoorConfig,
    keys: Keys,
    redis: Option<onedoor_redis::Options>,
    drain: Drain,
) -> onedoor_gateway::Config {
    onedoor_gateway::Config {
        replica,
        alone: false,
        public_url: door.public_url.clone(),
        hosts: door.data_plane.hosts.clone(),
        admin_hosts: door.admin_plane.hosts.clone(),
        keys,
        first_admins: door.first_admins.clone(),
        redis,
        drain,
    }
}

/// Says where the door is, and who may open it without a role.
pub(crate) fn announce(door: &DoorConfig) {
    for (plane, url, how) in [
        ("data", &door.public_url, &door.data_plane),
        ("admin", &door.admin_url, &door.admin_plane),
    ] {
        let tls = how.tls.is_some();
        tracing::info!(plane, url, listen = %how.listen, tls, hosts = how.hosts.join(" "), "serving");
    }
    for admin in &door.first_admins {
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
