//! A registry with one server, for tests.

use std::sync::Arc;

use bytes::Bytes;
use onedoor_lease::Control;
use onedoor_log::{AppendError, Bounds, EventLog, MemoryLog, Options, Partition, ReadError, Record, Stream};
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Digest, Offset, ServerId, Slug},
    principal::Actor,
    registry::{Command, CommandStamp, Server, Settings},
};
use onedoor_registry::{Boot, Order, Registry};
use tokio::sync::watch;
use uuid::Uuid;

/// A live registry, and commands to it.
pub(crate) struct Scene {
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Arc<Control>,
    log: Arc<Stalling>,
}

/// A log whose stream `control` can be told to take nothing for a while.
#[derive(Debug)]
struct Stalling {
    log: MemoryLog,
    stalls: watch::Sender<bool>,
}

impl Scene {
    /// An empty registry that lets upstreams be on this machine.
    pub(crate) async fn new() -> Self {
        let stalling = Arc::new(Stalling {
            log: MemoryLog::new(Options::default()),
            stalls: watch::Sender::new(false),
        });
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
        self.log.stalls.send_replace(stalls);
    }

    /// Registers a server at a port of this machine, with `/healthz` as its health path.
    pub(crate) async fn register(&self, slug: &str, port: u16) {
        let manifest = serde_json::json!({
            "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
            "remotes": [{ "type": "streamable-http", "url": format!("http://127.0.0.1:{port}/mcp") }],
            "_meta": { "dev.onedoor/server": {
                "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
                "strategy": "gateway-issued", "healthPath": "/healthz",
                "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
            }},
        });
        let server = ServerId(Uuid::now_v7());
        let manifest = manifest.to_string();
        self.give(0, Command::Register { server, manifest }).await;
    }

    /// Approves what was registered.
    pub(crate) async fn approve(&self, slug: &str) {
        let seen = self.server(slug).changed.version().0;
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

    async fn give(&self, seen: u64, command: Command) {
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
        if stream == Stream::Control {
            let mut stalls = self.stalls.subscribe();
            stalls.wait_for(|stalls| !stalls).await.unwrap();
        }
        self.log.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        most: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.log.read(stream, partition, from, most).await
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
