//! A log, a writer of events, and projectors of it.

use std::{sync::Arc, time::Duration};

pub(crate) use crate::room::{Engine, Room};

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::{
    audit::{
        AuditEvent, BootClosed, BootEnd, BootOpened, CallDenied, Caller, DenialEvent, DeniedFor, KeyedDigest,
        Outcome, ToolCallCompleted, ToolCalled,
    },
    decide::DenialReason,
    envelope::{Chain, Draft, EventData, Producer},
    ids::{
        AggregateVersion, BootId, CallId, ClientId, CommandId, Digest, EventId, GrantId, IssuerName, LogId,
        Offset, ReplicaName, Scope, ServerId, Slug, TenantId, ToolName, UserId, VersionNumber,
    },
    principal::Actor,
    registry::{Change, CommandStamp, LogCreated, ManifestSubmitted, RegistryEvent, Stage},
};
use onedoor_projector::{ProjectorError, Store, run};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const P0: Partition = Partition(0);

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for what must come to pass.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("it takes too long")
}

pub(crate) async fn memory() -> Arc<dyn EventLog> {
    onedoor_log::open("memory://").await.unwrap()
}

/// A replica's boot: appends sealed events to a log.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) boot: BootId,
    registry: Chain,
    audit: Chain,
    denials: Chain,
    commands: u32,
    time: Timestamp,
}

impl Writer {
    pub(crate) fn new(log: &Arc<dyn EventLog>, replica: &str) -> Self {
        let boot = BootId(Uuid::now_v7());
        let chain = |producer| Chain::new(ReplicaName::new(replica).unwrap(), producer, boot);
        Self {
            log: Arc::clone(log),
            boot,
            registry: chain(Producer::Registry),
            audit: chain(Producer::Audit),
            denials: chain(Producer::Denials),
            commands: 0,
            time: "2026-11-24T06:00:00.5Z".parse().unwrap(),
        }
    }

    /// A log that begins, and its writer.
    pub(crate) async fn begin(log: &Arc<dyn EventLog>) -> Self {
        let mut writer = Self::new(log, "replica-1");
        writer
            .change(
                Change::LogCreated(LogCreated {
                    log: LogId(Uuid::now_v7()),
                }),
                Some(0),
            )
            .await;
        writer
    }

    /// Appends a registry event of a command of its own; `expected` is the version it is given for.
    pub(crate) async fn change(&mut self, change: Change, expected: Option<u64>) -> Offset {
        self.commands += 1;
        let id = format!("{}-{}", self.boot, self.commands);
        self.command(&id, change, expected).await
    }

    /// Appends a registry event of the command with this id.
    pub(crate) async fn command(&mut self, id: &str, change: Change, expected: Option<u64>) -> Offset {
        let digest = Digest::of(&serde_json::to_vec(&change).unwrap());
        let command = CommandStamp {
            id: CommandId::new(id).unwrap(),
            route: "POST /api/v1/x".to_owned(),
            digest,
        };
        let event = RegistryEvent {
            command,
            expected: expected.map(AggregateVersion),
            change,
        };
        let actor = Actor::Caller {
            issuer: name("dev"),
            tenant: TenantId::new("t1").unwrap(),
            user: Some(UserId::new("u-admin").unwrap()),
            client: ClientId::new("cli").unwrap(),
            display_name: Some("Ada Admin".to_owned()),
        };
        let draft = Draft {
            actor: Some(actor),
            reason: Some("as agreed".to_owned()),
            ..self.draft(event)
        };
        let (bytes, after) = self.registry.seal(draft).unwrap();
        self.registry = after;
        self.append(Stream::Registry, bytes).await
    }

    pub(crate) async fn audit(&mut self, event: AuditEvent) -> Offset {
        let (bytes, after) = self.audit.seal(self.draft(event)).unwrap();
        self.audit = after;
        self.append(Stream::Audit, bytes).await
    }

    pub(crate) async fn denial(&mut self, event: DenialEvent) -> Offset {
        let (bytes, after) = self.denials.seal(self.draft(event)).unwrap();
        self.denials = after;
        self.append(Stream::Denials, bytes).await
    }

    pub(crate) async fn open(&mut self) -> Offset {
        self.audit(AuditEvent::BootOpened(BootOpened {
            software: "0.1.0".to_owned(),
        }))
        .await
    }

    pub(crate) async fn close(&mut self, boot: BootId, how: BootEnd) -> Offset {
        self.audit(AuditEvent::BootClosed(BootClosed { closed: boot, how }))
            .await
    }

    /// Records a call of a tool of `server`.
    pub(crate) async fn call(&mut self, server: ServerId, slug: &str, tool: &str, user: &str) -> CallId {
        let call = CallId(Uuid::now_v7());
        self.audit(called(call, server, slug, tool, user)).await;
        call
    }

    pub(crate) async fn complete(&mut self, call: CallId, outcome: Outcome) -> Offset {
        self.audit(completed(call, outcome)).await
    }

    pub(crate) async fn deny(&mut self, slug: &str, tool: &str, user: &str, revision: u64) -> CallId {
        let call = CallId(Uuid::now_v7());
        self.denial(denied(call, slug, tool, user, revision)).await;
        call
    }

    /// Registers a server, and says which and at what revision.
    pub(crate) async fn register(&mut self, slug: &str) -> (ServerId, Offset) {
        let server = ServerId(Uuid::now_v7());
        let submitted = ManifestSubmitted {
            server,
            manifest: manifest(slug, "1.0.0"),
        };
        let revision = self.change(Change::ServerRegistered(submitted), Some(0)).await;
        (server, revision)
    }

    /// Appends the bytes of a record once more, as after an append that was not acknowledged.
    pub(crate) async fn again(&mut self, stream: Stream, offset: Offset) -> Offset {
        let record = self.log.read(stream, P0, offset, 1).await.unwrap().remove(0);
        self.append(stream, record.bytes.to_vec()).await
    }

    pub(crate) async fn append(&self, stream: Stream, bytes: Vec<u8>) -> Offset {
        self.log
            .append(stream, P0, vec![Bytes::from(bytes)])
            .await
            .unwrap()
    }

    fn draft<D: EventData>(&self, data: D) -> Draft<D> {
        Draft {
            id: EventId(Uuid::now_v7()),
            time: self.time,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            tenant: None,
            actor: None,
            reason: None,
            data,
        }
    }
}

pub(crate) fn name(text: &str) -> IssuerName {
    IssuerName::new(text).unwrap()
}

pub(crate) fn caller(user: &str) -> Caller {
    Caller {
        issuer: name("dev"),
        tenant: TenantId::new("t1").unwrap(),
        user: Some(UserId::new(format!("u-{user}")).unwrap()),
        user_name: Some(user.to_owned()),
        client: ClientId::new("claude").unwrap(),
        token_id: "token-1".to_owned(),
    }
}

pub(crate) fn called(call: CallId, server: ServerId, slug: &str, tool: &str, user: &str) -> AuditEvent {
    AuditEvent::ToolCalled(Box::new(ToolCalled {
        call,
        operation: "tools/call".to_owned(),
        server,
        slug: Slug::new(slug).unwrap(),
        version: VersionNumber(1),
        stage: Stage::Production,
        tool: ToolName::new(tool).unwrap(),
        tool_digest: Digest::of(b"definition"),
        caller: caller(user),
        required_scope: Scope::new("finance.read").unwrap(),
        audience: "https://finance.example.com".to_owned(),
        strategy: "gateway-issued".to_owned(),
        grants: vec![GrantId(Uuid::from_u128(1)), GrantId(Uuid::from_u128(2))],
        revision: Offset(3),
        arguments: KeyedDigest {
            key_id: "k1".to_owned(),
            digest: Digest::of(b"arguments"),
        },
        arguments_size: 12,
    }))
}

pub(crate) fn completed(call: CallId, outcome: Outcome) -> AuditEvent {
    AuditEvent::ToolCallCompleted(ToolCallCompleted {
        call,
        outcome,
        duration_us: 12_345,
        upstream_us: Some(11_000),
        answer_size: 99,
    })
}

pub(crate) fn denied(call: CallId, slug: &str, tool: &str, user: &str, revision: u64) -> DenialEvent {
    DenialEvent::CallDenied(Box::new(CallDenied {
        call,
        operation: "tools/call".to_owned(),
        server: Some(slug.to_owned()),
        tool: Some(tool.to_owned()),
        caller: caller(user),
        reason: DeniedFor::Rule(DenialReason::ToolNotGranted),
        revision: Offset(revision),
    }))
}

pub(crate) fn manifest(slug: &str, version: &str) -> String {
    serde_json::json!({
        "name": format!("com.example/{slug}"),
        "description": "For tests",
        "version": version,
        "remotes": [{ "type": "streamable-http", "url": format!("https://{slug}.example.com/mcp") }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug,
            "owner": "platform",
            "audience": format!("https://{slug}.example.com"),
            "requiredScope": "finance.read",
            "strategy": "gateway-issued",
            "tools": [
                { "name": "get_balance", "description": "The balance", "inputSchema": { "type": "object" } },
                { "name": "pay", "title": "Pay", "description": "Pays", "inputSchema": { "type": "object" } },
            ],
        } },
    })
    .to_string()
}

/// A running projector.
pub(crate) struct Projector {
    task: JoinHandle<Result<(), ProjectorError>>,
    shutdown: CancellationToken,
}

impl Projector {
    pub(crate) fn start(log: &Arc<dyn EventLog>, store: &Store) -> Self {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(Arc::clone(log), store.clone(), shutdown.clone()));
        Self { task, shutdown }
    }

    pub(crate) async fn stop(self) -> Result<(), ProjectorError> {
        self.shutdown.cancel();
        soon(self.task).await.unwrap()
    }

    /// Waits until it stops by itself.
    pub(crate) async fn end(self) -> Result<(), ProjectorError> {
        soon(self.task).await.unwrap()
    }
}

/// Waits until the store holds all that is in the log now.
pub(crate) async fn caught_up(log: &Arc<dyn EventLog>, store: &Store) {
    for stream in Stream::FACTS {
        let end = log.bounds(stream, P0).await.unwrap().end;
        if let Some(last) = end.0.checked_sub(1) {
            soon(store.reached(stream, P0, Offset(last))).await;
        }
    }
}
