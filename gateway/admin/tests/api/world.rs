//! A whole admin plane, and requests to it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use onedoor_admin::{Denied, DeniedRequest, Deps};
use onedoor_authn::Verifier;
use onedoor_connect::{Connector, Roots};
use onedoor_log::{EventLog, MemoryLog, Partition, Stream};
use onedoor_model::{
    ids::{AggregateVersion, Digest, Offset},
    principal::Actor,
    registry::{Command, CommandStamp, Settings},
};
use onedoor_projector::Store;
use onedoor_registry::{Boot, Order, Registry};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::issuer::{ADMIN, Provider};

/// Longer than anything here takes; reached only by a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A whole admin plane.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Store,
    pub(crate) refused: Arc<Refused>,
    pub(crate) router: Router,
    _folder: TempDir,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// The refusals that were told, as "operation, user, source, reason".
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Vec<String>>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

/// A request to be sent.
pub(crate) struct Call<'w> {
    world: &'w World,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Refused {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Denied for Refused {
    fn denied(&self, request: DeniedRequest<'_>) {
        let user = request.caller.and_then(|caller| caller.user.as_ref()).map_or("-", |user| user.as_str());
        let source = request.source.map_or("-".to_owned(), |source: IpAddr| source.to_string());
        self.0.lock().unwrap().push(format!("{} {user} {source} {}", request.operation, request.reason));
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self::without_projector().await;
        let [follower, _] = world._tasks;
        let log = Arc::clone(world.registry.log());
        let projector = onedoor_projector::run(log, world.store.clone(), CancellationToken::new());
        let projector = AbortOnDropHandle::new(tokio::spawn(async move { projector.await.unwrap() }));
        Self { _tasks: [follower, projector], ..world }
    }
}
