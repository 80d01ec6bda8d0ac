//! One replica, and commands to it.

use std::{sync::Arc, time::Duration};

use onedoor_log::{EventLog, MemoryLog, Stream};
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Digest, ServerId, Slug},
    principal::Actor,
    registry::{Command, CommandStamp},
};
use onedoor_registry::{Boot, Order, Registry};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::faulty::{Faulty, Way};
use crate::{Control, ControlError};

/// Longer than anything here takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(40);

pub(super) struct Replica {
    pub(super) log: Arc<Faulty>,
    pub(super) boot: Boot,
    pub(super) control: Arc<Control>,
    pub(super) task: JoinHandle<ControlError>,
}

impl Replica {
    /// Starts one, and waits until it serves.
    pub(super) async fn start(name: &str, log: &Arc<MemoryLog>) -> Self {
        let replica = Self::begin(name, log).await;
        replica.serves().await;
        replica
    }

    /// Starts one that cannot read a stream yet.
    pub(super) async fn begin_cut(name: &str, log: &Arc<MemoryLog>, stream: Stream) -> Self {
        let log = Faulty::over(log);
        log.cut(stream, Way::Read);
        Self::over(name, log).await
    }

    /// Starts one.
    pub(super) async fn begin(name: &str, log: &Arc<MemoryLog>) -> Self {
        Self::over(name, Faulty::over(log)).await
    }

    async fn over(name: &str, log: Arc<Faulty>) -> Self {
        let boot = Boot::new(name.parse().unwrap());
        let port = Arc::clone(&log) as Arc<dyn EventLog>;
        let (_, follower) = Registry::open_from(Arc::clone(&port), &boot, None).await.unwrap();
        let (control, task) = Control::new(port, &boot, follower);
        Self {
            log,
            boot,
            control,
            task: tokio::spawn(task.run()),
        }
    }

    pub(super) async fn serves(&self) {
        in_time(self.control.lease().served()).await;
    }

    /// Waits until the lease has run out.
    pub(super) async fn serves_not(&self) {
        until(|| !self.control.lease().may_serve()).await;
    }

    /// Ends it as kill -9 does.
    pub(super) fn kill(&self) {
        self.task.abort();
    }

    pub(super) fn order(id: &str, command: Command) -> Order {
        Order {
            command,
            expected: Some(AggregateVersion::NONE),
            stamp: CommandStamp {
                id: CommandId::new(id).unwrap(),
                route: "test".to_owned(),
                digest: Digest::of(id.as_bytes()),
            },
            actor: Actor::System {
                name: "test".to_owned(),
            },
            reason: None,
            traceparent: None,
        }
    }

    /// Registers a server.
    pub(super) async fn register(&self, slug: &str) {
        let command = Command::Register {
            server: ServerId(Uuid::now_v7()),
            manifest: manifest(slug),
        };
        let done = self.control.execute(Self::order(slug, command)).await.unwrap();
        assert_eq!(done.enforced, None);
    }

    /// Whether the registry has a server of this name.
    pub(super) fn knows(&self, slug: &str) -> bool {
        let state = self.control.registry().state();
        state.server_named(&slug.parse().unwrap()).is_some()
    }

    /// Whether the registry has it that the server is disabled.
    pub(super) fn is_disabled(&self, slug: &str) -> bool {
        let state = self.control.registry().state();
        let server = state.server_named(&slug.parse().unwrap());
        server.is_some_and(|server| server.disabled.is_some())
    }

    /// Whether decisions are made as if the server was disabled.
    pub(super) fn refuses(&self, slug: &str) -> bool {
        let snapshot = self.control.registry().snapshot();
        snapshot
            .server(slug)
            .is_some_and(|server| server.disabled.is_some())
    }
}

/// The manifest of a server.
pub(super) fn manifest(slug: &str) -> String {
    serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
        "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
            "strategy": "gateway-issued",
            "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
        }},
    })
    .to_string()
}

/// The command that disables a server.
pub(super) fn disable(slug: &str) -> Command {
    Command::Disable {
        slug: Slug::new(slug).unwrap(),
    }
}

/// Fails rather than hangs.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("took too long")
}

/// Waits for what is bound to come.
pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    in_time(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
