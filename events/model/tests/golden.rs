//! Every event type and version ever written stays readable, and means today what it meant then.
//!
//! A file that is there is never rewritten: `ONEDOOR_GOLDEN=write` only adds files for new types.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use jiff::Timestamp;
use onedoor_model::{
    audit::{
        AuditEvent, AuthenticationsFailed, BootClosed, BootEnd, BootOpened, CallDenied, Caller, DenialEvent,
        DenialsCounted, DeniedFor, DispatchedLate, KeyedDigest, LateCause, Outcome, ToolCallCompleted,
        ToolCalled, UpstreamFault,
    },
    control::{ControlEvent, Hold, Tick},
    decide::DenialReason,
    envelope::{Chain, Draft, Envelope, EventData, Producer, Unreadable},
    ids::{AggregateVersion, Digest, EventId, Offset, ReplicaName},
    principal::Actor,
    registry::{
        Algorithm, Block, BlockChosen, BlockTarget, Change, CommandStamp, Ends, Grant, GrantChosen, Issuer,
        IssuerChosen, LogCreated, LogRestored, ManifestSubmitted, Plane, RegistryEvent, ReplicaJoined,
        RestoreAccepted, ServerChosen, Stage, Subject, ToolChosen, VersionChosen,
    },
};
use uuid::Uuid;

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + n)
}

fn name<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

fn time() -> Timestamp {
    "2026-11-24T06:00:00.123Z".parse().unwrap()
}

fn actor() -> Actor {
    Actor::Caller {
        issuer: name("entra"),
        tenant: name("contoso"),
        user: Some(name("u-1")),
        client: name("app-1"),
        display_name: Some("Ada Analyst".to_owned()),
    }
}

fn caller() -> Caller {
    Caller {
        issuer: name("entra"),
        tenant: name("contoso"),
        user: Some(name("u-1")),
        user_name: Some("Ada Analyst".to_owned()),
        client: name("app-1"),
        token_id: "uti-1".to_owned(),
    }
}

fn registry(change: Change) -> RegistryEvent {
    let expected = if change.is_restrictive() {
        None
    } else {
        Some(AggregateVersion(7))
    };
    let stamp = CommandStamp {
        id: name("command-1"),
        route: "POST /api/v1/servers".to_owned(),
        digest: Digest::of(b"body"),
    };
    RegistryEvent {
        command: stamp,
        expected,
        change,
    }
}

fn changes() -> Vec<Change> {
    use onedoor_model::ids::{BlockId, BootId, GrantId, LogId, ServerId, VersionNumber};
    let server = ServerId(uuid(1));
    let manifest = "{\n  \"name\": \"dev.onedoor/\u{e4}\"\n}".to_owned();
    let chosen = VersionChosen {
        server,
        version: VersionNumber(2),
    };
    let tool = ToolChosen {
        server,
        tool: name("get_balance"),
    };
    let grant = |subject, tool| Grant {
        id: GrantId(uuid(2)),
        issuer: name("entra"),
        tenant: name("contoso"),
        subject,
        server,
        tool,
        stage: Stage::Production,
    };
    let issuer = Issuer {
        name: name("entra"),
        urls: vec!["https://login.example/{tenantid}/v2.0".to_owned()],
        tenants: BTreeSet::from([name("contoso")]),
        jwks_uri: "https://login.example/keys".to_owned(),
        authorization_server: "https://login.example/contoso/v2.0".to_owned(),
        algorithms: BTreeSet::from([Algorithm::RS256]),
        data: Plane {
            audiences: BTreeSet::from(["api://onedoor".to_owned()]),
            clients: BTreeSet::from([name("app-1")]),
            required_scope: Some(name("mcp.access")),
            advertised_scopes: Vec::new(),
        },
        admin: Some(Plane {
            audiences: BTreeSet::from(["api://onedoor-admin".to_owned()]),
            clients: BTreeSet::from([name("cli")]),
            required_scope: None,
            advertised_scopes: Vec::new(),
        }),
        on_behalf_of: None,
    };
    vec![
        Change::LogCreated(LogCreated { log: LogId(uuid(9)) }),
        Change::ServerRegistered(ManifestSubmitted {
            server,
            manifest: manifest.clone(),
        }),
        Change::ServerUpdated(ManifestSubmitted { server, manifest }),
        Change::VersionApproved(chosen),
        Change::VersionPromoted(chosen),
        Change::ServerDisabled(ServerChosen { server }),
        Change::ServerEnabled(ServerChosen { server }),
        Change::ServerRetired(ServerChosen { server }),
        Change::ToolDisabled(tool.clone()),
        Change::ToolEnabled(tool),
        Change::GrantAdded(grant(Subject::Group(name("g-1")), Some(name("get_balance")))),
        Change::GrantRemoved(GrantChosen { id: GrantId(uuid(2)) }),
        Change::BlockAdded(Block {
            id: BlockId(uuid(3)),
            target: BlockTarget::User {
                issuer: name("entra"),
                tenant: name("contoso"),
                user: name("u-1"),
            },
            not_before: Some(time()),
        }),
        Change::BlockRemoved(BlockChosen { id: BlockId(uuid(3)) }),
        Change::IssuerTrusted(Box::new(issuer)),
        Change::IssuerDistrusted(IssuerChosen { name: name("entra") }),
        Change::SettingsChanged(Box::default()),
        Change::LogRestored(LogRestored {
            log: LogId(uuid(10)),
            from: LogId(uuid(9)),
            restored: Ends {
                registry: Offset(40),
                audit: Offset(1_000),
            },
            known: Some(Ends {
                registry: Offset(42),
                audit: Offset(1_003),
            }),
        }),
        Change::RestoreAccepted(RestoreAccepted { log: LogId(uuid(10)) }),
        Change::ReplicaJoined(ReplicaJoined {
            boot: BootId(uuid(8)),
            replica: name("gateway-2"),
        }),
    ]
}

fn audit_events() -> Vec<AuditEvent> {
    use onedoor_model::ids::{BootId, CallId, GrantId, ServerId, VersionNumber};
    let call = CallId(uuid(4));
    vec![
        AuditEvent::BootOpened(BootOpened {
            software: "0.1.0".to_owned(),
        }),
        AuditEvent::ToolCalled(Box::new(ToolCalled {
            call,
            operation: "tools/call".to_owned(),
            server: ServerId(uuid(1)),
            slug: name("finance"),
            version: VersionNumber(2),
            stage: Stage::Production,
            tool: name("get_balance"),
            tool_digest: Digest::of(b"tool"),
            caller: caller(),
            required_scope: name("finance.read"),
            audience: "api://finance".to_owned(),
            strategy: "gateway-issued".to_owned(),
            grants: vec![GrantId(uuid(2))],
            revision: Offset(41),
            arguments: KeyedDigest {
                key_id: "k1".to_owned(),
                digest: Digest::of(b"{}"),
            },
            arguments_size: 2,
        })),
        AuditEvent::ToolCallCompleted(ToolCallCompleted {
            call,
            outcome: Outcome::UpstreamError(UpstreamFault::Protocol),
            duration_us: 1_500,
            upstream_us: Some(900),
            answer_size: 512,
        }),
        AuditEvent::DispatchedLate(DispatchedLate {
            call,
            cause: LateCause::Stale,
            pause_us: 4_200_000,
        }),
        AuditEvent::BootClosed(BootClosed {
            closed: BootId(uuid(5)),
            how: BootEnd::Died,
        }),
    ]
}

fn control_events() -> Vec<ControlEvent> {
    use onedoor_model::ids::{LogId, ServerId};
    let server = ServerId(uuid(1));
    let hold = Hold::new(registry(Change::ServerDisabled(ServerChosen { server }))).unwrap();
    vec![
        ControlEvent::Hold(Box::new(hold)),
        ControlEvent::Tick(Tick {
            log: LogId(uuid(9)),
            nonce: 17,
            revision: Offset(41),
            control: Offset(1_200),
            oldest_hold: Some(Offset(1_100)),
            vocabulary: 1,
        }),
    ]
}

fn denial_events() -> Vec<DenialEvent> {
    use onedoor_model::ids::CallId;
    vec![
        DenialEvent::CallDenied(Box::new(CallDenied {
            call: CallId(uuid(4)),
            operation: "tools/call".to_owned(),
            server: Some("finance".to_owned()),
            tool: Some("no such tool".to_owned()),
            caller: caller(),
            reason: DeniedFor::Rule(DenialReason::UnknownTool),
            revision: Offset(41),
        })),
        DenialEvent::DenialsCounted(DenialsCounted {
            caller: Some(caller()),
            count: 12,
            since: time(),
            until: time(),
        }),
        DenialEvent::AuthenticationsFailed(AuthenticationsFailed {
            network: Some("192.0.2.0/24".to_owned()),
            reason: "expired".to_owned(),
            count: 3,
            since: time(),
            until: time(),
        }),
    ]
}

fn draft<D>(data: D) -> Draft<D> {
    Draft {
        id: EventId(uuid(6)),
        time: time(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        tenant: Some(name("contoso")),
        actor: Some(actor()),
        reason: Some("because".to_owned()),
        data,
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Each event against the file of its type: written byte for byte like it, and read from it as itself.
fn compare<D>(producer: Producer, events: Vec<D>, kinds: &[&str])
where
    D: EventData + Clone + PartialEq + std::fmt::Debug,
{
    let boot = onedoor_model::ids::BootId(uuid(7));
    let mut written = BTreeSet::new();
    for event in events {
        let chain = Chain::new(ReplicaName::new("gateway-1").unwrap(), producer, boot);
        // The second link of a chain, so that a previous hash is there.
        let (_, chain) = chain.seal(draft(event.clone())).unwrap();
        let (bytes, _) = chain.seal(draft(event.clone())).unwrap();
        let path = folder().join(format!("{}.json", event.kind()));
        if !path.exists() && std::env::var("ONEDOOR_GOLDEN").as_deref() == Ok("write") {
            fs::write(&path, &bytes).unwrap();
        }
        let golden = fs::read(&path).unwrap_or_else(|_| panic!("no golden file for {}", event.kind()));
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            String::from_utf8(golden.clone()).unwrap()
        );
        let read = Envelope::<D>::read(&golden).unwrap();
        assert_eq!(read.data, event);
        assert_eq!(
            (read.seq, read.producer, read.boot, read.actor),
            (1, producer, boot, Some(actor()))
        );
        assert!(read.prevhash.is_some());
        written.insert(event.kind());
    }
    assert_eq!(
        written,
        kinds.iter().copied().collect(),
        "every type has a sample"
    );
}

#[test]
fn registry_events() {
    compare(
        Producer::Registry,
        changes().into_iter().map(registry).collect(),
        RegistryEvent::KINDS,
    );
}

#[test]
fn audit_stream() {
    compare(Producer::Audit, audit_events(), &AuditEvent::KINDS);
}

#[test]
fn control_stream() {
    compare(Producer::Control, control_events(), &ControlEvent::KINDS);
}

#[test]
fn denials_stream() {
    compare(Producer::Denials, denial_events(), &DenialEvent::KINDS);
}

#[test]
fn no_golden_file_is_of_a_type_that_is_no_longer_read() {
    let known: BTreeSet<String> = RegistryEvent::KINDS
        .iter()
        .chain(&AuditEvent::KINDS)
        .chain(&DenialEvent::KINDS)
        .chain(&ControlEvent::KINDS)
        .map(|kind| format!("{kind}.json"))
        .collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if ["verdicts.txt", "state.txt", "older"].contains(&file.as_str()) {
            continue;
        }
        assert!(known.contains(&file), "{file} can no longer be read");
    }
}

/// Within a version fields are only ever added: what was written before they were reads as if they had their defaults.
#[test]
fn what_was_written_before_a_field_was_added_still_reads() {
    let older = fs::read(folder().join("older/dev.onedoor.SettingsChanged.v1-without-breaker.json")).unwrap();
    let read = Envelope::<RegistryEvent>::read(&older).unwrap();
    assert_eq!(read.data.change, Change::SettingsChanged(Box::default()));
}

#[test]
fn what_is_not_known_is_told_apart_from_what_is_broken() {
    let golden = fs::read_to_string(folder().join("dev.onedoor.ServerDisabled.v1.json")).unwrap();
    let newer = golden.replace("ServerDisabled.v1", "ServerDisabled.v2");
    assert!(matches!(
        Envelope::<RegistryEvent>::read(newer.as_bytes()),
        Err(Unreadable::UnknownType(kind)) if kind == "dev.onedoor.ServerDisabled.v2"
    ));
    let broken = golden.replace("\"server\":", "\"sever\":");
    assert!(matches!(
        Envelope::<RegistryEvent>::read(broken.as_bytes()),
        Err(Unreadable::Data { .. })
    ));
    assert!(matches!(
        Envelope::<RegistryEvent>::read(b"{"),
        Err(Unreadable::Envelope(_))
    ));
    // Within a version fields are only ever added, so an older reader overlooks them.
    let added = golden
        .replacen("\"data\":{", "\"data\":{\"added\":1,", 1)
        .replacen('{', "{\"new\":true,", 1);
    assert!(Envelope::<RegistryEvent>::read(added.as_bytes()).is_ok());
}

#[test]
fn each_link_names_the_exact_bytes_before_it() {
    let boot = onedoor_model::ids::BootId(uuid(7));
    let mut chain = Chain::new(ReplicaName::new("gateway-1").unwrap(), Producer::Audit, boot);
    let mut previous: Option<Vec<u8>> = None;
    for (n, event) in audit_events().into_iter().enumerate() {
        let (bytes, after) = chain.seal(draft(event)).unwrap();
        let read = Envelope::<AuditEvent>::read(&bytes).unwrap();
        assert_eq!(read.seq, n as u64);
        assert_eq!(read.prevhash, previous.as_deref().map(Digest::of));
        chain = after;
        previous = Some(bytes);
    }
}
