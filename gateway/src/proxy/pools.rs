//! Connections to upstreams, one pool for each version of a server, so that a changed URL never meets an old connection.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use onedoor_connect::{Connector, Destination, Pool, PoolLimits, UnusableUrl};
use onedoor_model::{
    ids::{ServerId, VersionNumber},
    registry::{Server, ServerVersion},
};

/// All pools. Reading takes no lock.
#[derive(Debug)]
pub(crate) struct Pools {
    connector: Connector,
    pools: ArcSwap<HashMap<(ServerId, VersionNumber), Arc<Pool>>>,
}

impl Pools {
    pub(crate) fn new(connector: Connector) -> Self {
        Self {
            connector,
            pools: ArcSwap::default(),
        }
    }

    /// The pool of a version; made at its first call, when those of versions no longer served go.
    pub(crate) fn of(&self, server: &Server, version: &ServerVersion) -> Result<Arc<Pool>, UnusableUrl> {
        let key = (server.id, version.number);
        if let Some(pool) = self.pools.load().get(&key) {
            return Ok(Arc::clone(pool));
        }
        let destination = Destination::of(&version.manifest.url)?;
        let made = Arc::new(Pool::new(
            self.connector.clone(),
            destination,
            PoolLimits::default(),
        ));
        let served = |number: VersionNumber| {
            Some(number) == server.production || server.latest().is_some_and(|latest| latest.number == number)
        };
        self.pools.rcu(|pools| {
            let mut pools = HashMap::clone(pools);
            pools.retain(|(id, number), _| *id != server.id || served(*number));
            pools.entry(key).or_insert_with(|| Arc::clone(&made));
            pools
        });
        Ok(self.pools.load().get(&key).map_or(made, Arc::clone))
    }
}
