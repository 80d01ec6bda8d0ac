//! Connections to upstreams, one pool for each version of a server and each TLS material, so that a changed URL, certificate or
//! authority never meets an old connection.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use onedoor_connect::{
    Connector, Destination, Pool, PoolLimits, TlsIdentity, TlsMaterial, TlsMaterialError, UnusableUrl,
};
use onedoor_model::{
    ids::{ServerId, VersionNumber},
    registry::{SecretRef, Server, ServerVersion, UpstreamTls},
};
use onedoor_secrets::{Secret, SecretError, Secrets};

/// Connections to one server at once. Calls are limited before they get here; beside them, a session's stream has a connection of its own.
const CONNECTIONS: usize = 16_384;

/// All pools. Reading takes no lock.
#[derive(Debug)]
pub(crate) struct Pools {
    connector: Connector,
    secrets: Secrets,
    pools: ArcSwap<HashMap<(ServerId, VersionNumber), Kept>>,
}

/// A pool, and the TLS material that its connections were made with.
#[derive(Clone, Debug)]
struct Kept {
    pool: Arc<Pool>,
    material: Material,
}

/// What was read of a server's TLS material.
#[derive(Clone, Debug, Default)]
struct Material {
    ca: Option<Secret>,
    certificate: Option<Secret>,
    key: Option<Secret>,
}

/// There is no pool. The operator's fault; a repeat helps once it is mended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPool {
    /// The manifest's URL cannot be connected to.
    #[error("the server's URL cannot be used")]
    Url(#[from] UnusableUrl),
    /// A part of the TLS material cannot be read.
    #[error("the server's TLS material cannot be read")]
    Secret(#[from] SecretError),
    /// The TLS material cannot be used.
    #[error("the server's TLS material cannot be used")]
    Material(#[from] TlsMaterialError),
}

impl Pools {
    pub(crate) fn new(connector: Connector, secrets: Secrets) -> Self {
        Self {
            connector,
            secrets,
            pools: ArcSwap::default(),
        }
    }

    /// The pool of a version; made at its first call, when those of versions no longer served go, and anew when its TLS material has
    /// changed.
    pub(crate) fn of(
        &self,
        server: &Server,
        version: &ServerVersion,
        tls: Option<&UpstreamTls>,
    ) -> Result<Arc<Pool>, NoPool> {
        let material = tls.map(|tls| self.material(tls)).transpose()?.unwrap_or_default();
        let key = (server.id, version.number);
        if let Some(kept) = self.pools.load().get(&key)
            && kept.material == material
        {
            return Ok(Arc::clone(&kept.pool));
        }
        let destination = Destination::of(&version.manifest.url)?;
        let connector = match tls {
            Some(_) => self.connector.with_tls(&material.to_tls())?,
            None => self.connector.clone(),
        };
        let made = Kept {
            pool: Arc::new(Pool::new(connector, destination, limits())),
            material,
        };
        let served = |number: VersionNumber| {
            Some(number) == server.production || server.latest().is_some_and(|latest| latest.number == number)
        };
        self.pools.rcu(|pools| {
            let mut pools = HashMap::clone(pools);
            pools.retain(|(id, number), _| *id != server.id || served(*number));
            if pools.get(&key).is_none_or(|kept| kept.material != made.material) {
                pools.insert(key, made.clone());
            }
            pools
        });
        Ok(self
            .pools
            .load()
            .get(&key)
            .map_or(made.pool, |kept| Arc::clone(&kept.pool)))
    }

    fn material(&self, tls: &UpstreamTls) -> Result<Material, SecretError> {
        let public = |place: &Option<SecretRef>| {
            place
                .as_ref()
                .map(|place| self.secrets.read_public(place))
                .transpose()
        };
        Ok(Material {
            ca: public(&tls.ca)?,
            certificate: public(&tls.certificate)?,
            key: tls
                .key
                .as_ref()
                .map(|place| self.secrets.read(place))
                .transpose()?,
        })
    }
}

impl Material {
    fn to_tls(&self) -> TlsMaterial {
        let bytes = |secret: &Secret| Bytes::copy_from_slice(secret.expose());
        TlsMaterial {
            ca: self.ca.as_ref().map(bytes),
            client: self
                .certificate
                .as_ref()
                .zip(self.key.as_ref())
                .map(|(certificate, key)| TlsIdentity {
                    certificates: bytes(certificate),
                    key: bytes(key),
                }),
        }
    }
}

impl PartialEq for Material {
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| [of.ca.clone(), of.certificate.clone(), of.key.clone()];
        parts(self)
            .iter()
            .zip(&parts(other))
            .all(|(a, b)| a.as_ref().map(Secret::expose) == b.as_ref().map(Secret::expose))
    }
}

fn limits() -> PoolLimits {
    PoolLimits {
        open: CONNECTIONS,
        ..PoolLimits::default()
    }
}
