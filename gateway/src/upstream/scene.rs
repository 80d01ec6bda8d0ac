//! A live registry, for tests.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_lease::Control;
use onedoor_log::{AppendError, Bounds, EventLog, MemoryLog, Options, Partition, ReadError, Record, Stream};
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Digest, GrantId, Offset, ServerId, Slug},
    principal::{Actor, Principal},
    registry::{Algorithm, Command, CommandStamp, Issuer, Plane, Server, Settings, Stage, Subject},
};
use onedoor_registry::{Boot, Order, Registry};
use tokio::sync::watch;
use uuid::Uuid;

/// A live registry, and commands to it.
pub(crate) struct Scene {
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Arc<Control>,
    pub(crate) boot: Boot,
    log: Arc<Stalling>,
}

/// A log that can be told that a stream takes nothing for a while, or that `control` gives nothing. There, each record is a second after
/// the one before it, so that who is silent is soon dead.
#[derive(Debug)]
pub(crate) struct Stalling {
    log: MemoryLog,
    begun: Timestamp,
    stalls: watch::Sender<Option<Stream>>,
    hides: watch::Sender<bool>,
}

/// Ana, who is an analyst.
pub(crate) fn ana() -> Arc<Principal> {
    Arc::new(Principal {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: None,
        display_name: None,
        client: "app".parse().unwrap(),
        groups: ["analysts".parse().unwrap()].into(),
        roles: [].into(),
        scopes: [].into(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::now(),
        expires_at: Timestamp::now() + Duration::from_secs(3_600),
    })
}

impl Scene {
    /// An empty registry that lets upstreams be on this machine.
    pub(crate) async fn new() -> Self {
        let stalling = Stalling::new();
        let log = Arc::clone(&stalling) as Arc<dyn EventLog>;
        let boot = Boot::new("test".parse().unwrap());
        let opened = Registry::open_from(Arc::clone(&log), &boot, None).await;
        let (registry, follower) = opened.unwrap();
        let (control, task) = Control::new(log, &boot, follower);
        tokio::spawn(task.run());
        control.lease().served().await;
        let scene = Self {
            registry,
            control,
            boot,
            log: stalling,
        };
        let settings = Settings {
            internal_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..Settings::default()
        };
        scene.give(0, Command::Set(Box::new(settings))).await;
        scene
    }

    /// Whether the lease cannot be renewed from now on.
    pub(crate) fn stall(&self, stalls: bool) {
        self.log.stall(stalls.then_some(Stream::Control));
    }

    /// Whether `control` cannot be read from now on.
    pub(crate) fn hide(&self, hides: bool) {
        self.log.hides.send_replace(hides);
    }

    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log) as Arc<dyn EventLog>
    }

    /// Registers a server at a port of this machine, with `/healthz` as its health path.
    pub(crate) async fn register(&self, slug: &str, port: u16) {
        let server = ServerId(Uuid::now_v7());
        let manifest = manifest(slug, port);
        self.give(0, Command::Register { server, manifest }).await;
    }

    /// Registers another version of a server.
    pub(crate) async fn update(&self, slug: &str, port: u16) {
        let (seen, manifest) = (self.seen(slug), manifest(slug, port));
        let slug = slug.parse().unwrap();
        self.give(seen, Command::Update { slug, manifest }).await;
    }

    /// Has the latest version serve.
    pub(crate) async fn promote(&self, slug: &str) {
        let seen = self.seen(slug);
        let slug = slug.parse().unwrap();
        self.give(seen, Command::Promote { slug, version: None }).await;
    }

    /// Retires it: its slug is free.
    pub(crate) async fn retire(&self, slug: &str) {
        let seen = self.seen(slug);
        let slug = slug.parse().unwrap();
        self.give(seen, Command::Retire { slug }).await;
    }

    /// Lets analysts call its tools in production.
    pub(crate) async fn grant(&self, slug: &str) -> GrantId {
        let id = GrantId(Uuid::now_v7());
        let grant = Command::AddGrant {
            id,
            issuer: "idp".parse().unwrap(),
            tenant: "t".parse().unwrap(),
            subject: Subject::Group("analysts".parse().unwrap()),
            slug: slug.parse().unwrap(),
            tool: None,
            stage: Stage::Production,
        };
        self.give(0, grant).await;
        id
    }

    /// A server that analysts may call.
    pub(crate) async fn serve(&self, slug: &str, port: u16) {
        if self.registry.snapshot().issuers().next().is_none() {
            self.give(0, Command::Trust(Box::new(issuer()))).await;
        }
        self.register(slug, port).await;
        self.approve(slug).await;
        self.promote(slug).await;
        self.grant(slug).await;
    }

    /// Approves what was registered.
    pub(crate) async fn approve(&self, slug: &str) {
        let seen = self.seen(slug);
        let slug = slug.parse().unwrap();
        self.give(seen, Command::Approve { slug, version: None }).await;
    }

    /// Disables it.
    pub(crate) async fn disable(&self, slug: &str) {
        let slug = slug.parse().unwrap();
        self.give(0, Command::Disable { slug }).await;
    }

    /// The server.
    pub(crate) fn server(&self, slug: &str) -> Arc<Server> {
        let slug: Slug = slug.parse().unwrap();
        Arc::clone(self.registry.state().server_named(&slug).unwrap())
    }

    /// The version of a server that its next command is given for.
    fn seen(&self, slug: &str) -> u64 {
        self.server(slug).changed.version().0
    }

    pub(crate) async fn give(&self, seen: u64, command: Command) {
        let order = Order {
            command,
            expected: Some(AggregateVersion(seen)),
            stamp: CommandStamp {
                id: CommandId::new(Uuid::now_v7().to_string()).unwrap(),
                route: "test".to_owned(),
                digest: Digest::of(b""),
            },
            actor: Actor::System {
                name: "test".to_owned(),
            },
            reason: None,
            traceparent: None,
        };
        self.registry.execute(order).await.unwrap();
    }
}

fn issuer() -> Issuer {
    Issuer {
        name: "idp".parse().unwrap(),
        urls: vec!["https://idp.example".to_owned()],
        tenants: ["t".parse().unwrap()].into(),
        jwks_uri: "https://idp.example/keys".to_owned(),
        authorization_server: "https://idp.example".to_owned(),
        algorithms: [Algorithm::ES256].into(),
        data: Plane {
            audiences: ["data".to_owned()].into(),
            clients: ["app".parse().unwrap()].into(),
            required_scope: None,
            advertised_scopes: Vec::new(),
        },
        admin: None,
        on_behalf_of: None,
    }
}

fn manifest(slug: &str, port: u16) -> String {
    let manifest = serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
        "remotes": [{ "type": "streamable-http", "url": format!("http://127.0.0.1:{port}/mcp") }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
            "strategy": "gateway-issued", "healthPath": "/healthz",
            "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
        }},
    });
    manifest.to_string()
}

impl Stalling {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            log: MemoryLog::new(Options::default()),
            begun: Timestamp::now(),
            stalls: watch::Sender::new(None),
            hides: watch::Sender::new(false),
        })
    }

    /// Which stream takes nothing from now on, if any.
    pub(crate) fn stall(&self, stream: Option<Stream>) {
        self.stalls.send_replace(stream);
    }
}

#[async_trait::async_trait]
impl EventLog for Stalling {
    fn partitions(&self, stream: Stream) -> u32 {
        self.log.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        let mut stalls = self.stalls.subscribe();
        stalls.wait_for(|stalls| *stalls != Some(stream)).await.unwrap();
        self.log.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        most: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let mut records = self.log.read(stream, partition, from, most).await?;
        if stream == Stream::Control {
            let mut hides = self.hides.subscribe();
            hides.wait_for(|hides| !hides).await.unwrap();
            for record in &mut records {
                record.time = self.begun + Duration::from_secs(record.offset.0);
            }
        }
        Ok(records)
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.log.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.log.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.log.close().await;
    }
}
