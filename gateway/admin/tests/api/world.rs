//! A whole admin plane, and requests to it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use onedoor_admin::{Denied, DeniedRequest, Deps, Enforcements, Health, Probes, Refused as Why};
use onedoor_authn::Verifier;
use onedoor_connect::{Connector, Roots};
use onedoor_lease::Control;
use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::{
    envelope::Envelope,
    ids::{AggregateVersion, Digest, Offset, ServerId, VersionNumber},
    principal::Actor,
    registry::{Command, CommandStamp, RegistryEvent, Settings},
};
use onedoor_projector::Store;
use onedoor_registry::{Boot, Order, Registry};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    first_admins::first_admin,
    gated_log::GatedLog,
    issuer::{ADMIN, Provider},
};

/// Longer than anything here takes; reached only by a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A whole admin plane.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) registry: Arc<Registry>,
    pub(crate) log: Arc<GatedLog>,
    pub(crate) store: Store,
    pub(crate) refused: Arc<Refused>,
    pub(crate) probed: Arc<Probed>,
    pub(crate) router: Router,
    _folder: TempDir,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// The refusals that were told, as "operation, user, source, reason".
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Vec<String>>);

/// What probes say of every server; nothing at first.
#[derive(Debug, Default)]
pub(crate) struct Probed(pub(crate) Mutex<Option<Health>>);

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
        std::mem::take(&mut self.0.lock())
    }
}

impl Enforcements for Refused {
    fn enforced(&self, _: Duration) {}
}

impl Denied for Refused {
    fn denied(&self, request: DeniedRequest<'_>) {
        let (caller, reason) = match request.refused {
            Why::Unauthenticated(reason) => (None, reason),
            Why::Blocked(caller) => (Some(caller), "blocked"),
            Why::NoRole(caller) => (Some(caller), "no_role"),
            Why::NotOwner(caller) => (Some(caller), "not_owner"),
        };
        let user = caller
            .and_then(|caller| caller.user.as_ref())
            .map_or("-", |user| user.as_str());
        let source = request
            .source
            .map_or("-".to_owned(), |source: IpAddr| source.to_string());
        self.0
            .lock()
            .push(format!("{} {user} {source} {}", request.operation, reason));
    }
}

impl Probes for Probed {
    fn health(&self, _: ServerId, _: VersionNumber) -> Option<Health> {
        *self.0.lock()
    }
}

impl World {
    /// With everything that runs beside it.
    pub(crate) async fn new() -> Self {
        Self::start(true).await
    }

    /// Nothing is projected.
    pub(crate) async fn without_projector() -> Self {
        Self::start(false).await
    }

    async fn start(project: bool) -> Self {
        let log = Arc::new(GatedLog::over(onedoor_log::open("memory://").await.unwrap()));
        let port = Arc::clone(&log) as Arc<dyn EventLog>;
        let boot = Boot::new("test".parse().unwrap());
        let opened = Registry::open_from(Arc::clone(&port), &boot, None).await;
        let (registry, follower) = opened.unwrap();
        let (control, task) = Control::new(port, &boot, follower);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("projection.db")).await.unwrap();
        let mut tasks = vec![AbortOnDropHandle::new(tokio::spawn(async move {
            task.run().await;
        }))];
        if project {
            let projector = onedoor_projector::run(
                Arc::clone(&log) as Arc<dyn EventLog>,
                store.clone(),
                CancellationToken::new(),
            );
            tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
                let _ = projector.await;
            })));
        }
        let provider = Provider::start().await;
        let refused = Arc::new(Refused::default());
        let probed = Arc::new(Probed::default());
        let router = onedoor_admin::router(Deps {
            registry: Arc::clone(&registry),
            control: Arc::clone(&control),
            enforcements: Arc::clone(&refused) as Arc<dyn Enforcements>,
            store: store.clone(),
            verifier: Arc::new(Verifier::new(Connector::new(Roots::Given(Vec::new())).unwrap())),
            denied: Arc::clone(&refused) as Arc<dyn Denied>,
            probes: Arc::clone(&probed) as Arc<dyn Probes>,
            // There throughout, so that all other tests show that it changes nothing for others.
            first_admins: Arc::from([first_admin()]),
        });
        let world = Self {
            provider,
            registry,
            log,
            store,
            refused,
            probed,
            router,
            _folder: folder,
            tasks,
        };
        world.bootstrap().await;
        world
    }

    /// Trusts the provider, which is on loopback.
    async fn bootstrap(&self) {
        let internal_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let settings = Settings {
            internal_networks,
            ..Settings::default()
        };
        for command in [
            Command::Set(Box::new(settings)),
            Command::Trust(Box::new(self.provider.issuer())),
        ] {
            let stamp = CommandStamp {
                id: Uuid::now_v7().to_string().parse().unwrap(),
                route: "bootstrap".to_owned(),
                digest: Digest::of(b""),
            };
            let order = Order {
                command,
                expected: Some(AggregateVersion::NONE),
                stamp,
                actor: Actor::System {
                    name: "bootstrap".to_owned(),
                },
                reason: None,
                traceparent: None,
            };
            self.registry.execute(order).await.unwrap();
        }
    }

    /// A token for the admin plane.
    pub(crate) fn token(&self, user: &str, roles: &[&str]) -> String {
        self.provider.token(ADMIN, user, &["g-everyone"], roles)
    }

    /// A request of a user with these roles.
    pub(crate) fn as_user(&self, user: &str, roles: &[&str], method: &str, path: &str) -> Call<'_> {
        self.call(method, path)
            .header("authorization", &format!("Bearer {}", self.token(user, roles)))
    }

    /// A request of somebody who may do everything.
    pub(crate) fn admin(&self, method: &str, path: &str) -> Call<'_> {
        self.as_user(
            "root",
            &["Registry.Admin", "Security.Admin", "Auditor"],
            method,
            path,
        )
    }

    /// A request of nobody.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call {
            world: self,
            method: method.parse().unwrap(),
            path: format!("/api/v1{path}"),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Registers a server and answers with its version.
    pub(crate) async fn register(&self, slug: &str, owner: &str) -> u64 {
        let answer = self
            .admin("POST", "/servers")
            .json(&manifest(slug, owner))
            .send()
            .await;
        answer.expect(StatusCode::CREATED)["version"].as_u64().unwrap()
    }

    /// Waits until everything in the registry so far is projected.
    pub(crate) async fn projected(&self) {
        let revision = self.registry.state().revision().unwrap();
        let reached = self.store.reached(Stream::Registry, Partition(0), revision);
        tokio::time::timeout(PATIENCE, reached).await.unwrap();
    }

    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log) as Arc<dyn EventLog>
    }

    /// Ends the log, and waits until the registry has noticed.
    pub(crate) async fn stop_following(&self) {
        self.log.close().await;
        let noticed = async {
            while !self.tasks[0].is_finished() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, noticed).await.unwrap();
    }

    /// Every event of the registry.
    pub(crate) async fn events(&self) -> Vec<Envelope<RegistryEvent>> {
        let records = self
            .log
            .read(Stream::Registry, Partition(0), Offset(0), usize::MAX)
            .await
            .unwrap();
        records
            .iter()
            .map(|record| Envelope::read(&record.bytes).unwrap())
            .collect()
    }

    /// The registry's last event.
    pub(crate) fn revision(&self) -> Offset {
        self.registry.state().revision().unwrap()
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn if_match(self, version: u64) -> Self {
        self.header("if-match", &format!("\"{version}\""))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let source: std::net::SocketAddr = "192.0.2.7:1234".parse().unwrap();
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .extension(ConnectInfo(source));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let answered = tokio::time::timeout(PATIENCE, self.world.router.clone().oneshot(request));
        let (parts, body) = answered.await.unwrap().unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }
}

impl Answer {
    /// The body, of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.value()
    }

    /// The body of a problem with this status and reason.
    #[track_caller]
    pub(crate) fn problem(&self, status: StatusCode, reason: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(problem["reason"], reason, "{problem}");
        assert_eq!(problem["type"], format!("https://onedoor.dev/problems/{reason}"));
        assert_eq!(problem["status"], status.as_u16());
        problem
    }

    /// The pointers of the faults of a problem.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let problem = self.value();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn value(&self) -> Value {
        if self.bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&self.bytes).unwrap()
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The revision that the command took effect as.
    pub(crate) fn revision(&self) -> u64 {
        self.header("onedoor-revision").unwrap().parse().unwrap()
    }
}

/// A manifest without fault.
pub(crate) fn manifest(slug: &str, owner: &str) -> Value {
    json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": format!("com.example/{slug}"),
        "title": slug,
        "description": "A server of a test",
        "version": "1.0.0",
        "remotes": [{ "type": "streamable-http", "url": format!("https://{slug}.example.com/mcp") }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug,
            "owner": owner,
            "audience": format!("api://{slug}"),
            "requiredScope": "tools.call",
            "strategy": "gateway-issued",
            "tools": [
                { "name": "echo", "description": "Says it again", "inputSchema": { "type": "object" } },
                { "name": "sleep", "description": "Takes its time", "inputSchema": { "type": "object" } },
            ],
        } },
    })
}

/// A grant for the holders of a group.
pub(crate) fn grant(server: &str, group: &str) -> Value {
    json!({
        "issuer": "corp",
        "tenant": crate::issuer::TENANT,
        "group": group,
        "server": server,
        "stage": "qa",
    })
}
