//! A registry with one server, for tests.

use std::sync::Arc;

use onedoor_log::{EventLog, MemoryLog, Options};
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Digest, ServerId, Slug},
    principal::Actor,
    registry::{Command, CommandStamp, Server, Settings},
};
use onedoor_registry::{Boot, Order, Registry};
use uuid::Uuid;

/// A live registry, and commands to it.
pub(crate) struct Scene {
    pub(crate) registry: Arc<Registry>,
}

impl Scene {
    /// An empty registry that lets upstreams be on this machine.
    pub(crate) async fn new() -> Self {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Options::default()));
        let boot = Boot::new("test".parse().unwrap());
        let (registry, follower) = Registry::open(log, &boot).await.unwrap();
        tokio::spawn(follower);
        let scene = Self { registry };
        let settings = Settings {
            internal_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..Settings::default()
        };
        scene.give(0, Command::Set(Box::new(settings))).await;
        scene
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
