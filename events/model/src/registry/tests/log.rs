//! A log of registry events, and the changes that tests give.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::super::*;
use crate::{
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BlockId, BootId, CommandId, Digest, EventId, GrantId, LogId, Offset, ReplicaName,
        ServerId, VersionNumber,
    },
    principal::Actor,
};

pub(super) fn name<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

pub(super) fn manifest(slug: &str, audience: &str, version: &str) -> String {
    serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": version,
        "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": audience, "requiredScope": "x.read",
            "strategy": "gateway-issued",
            "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
        }},
    })
    .to_string()
}

pub(super) fn server(n: u128) -> ServerId {
    ServerId(Uuid::from_u128(n))
}

/// A log of registry events, and the state they fold into.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub(super) state: State,
    pub(super) events: Vec<Envelope<RegistryEvent>>,
}

impl Log {
    pub(super) fn begun() -> Self {
        let mut log = Self::default();
        let created = Change::LogCreated(LogCreated {
            log: LogId(Uuid::nil()),
        });
        assert_eq!(log.give("begin", 0, created), Verdict::Effective);
        log
    }

    /// With the issuer "idp" and the server "finance" (id 1) registered.
    pub(super) fn with_finance() -> Self {
        let mut log = Self::begun();
        assert_eq!(log.give("issuer", 0, trust("idp")), Verdict::Effective);
        assert_eq!(
            log.give("register", 0, register(1, "finance")),
            Verdict::Effective
        );
        log
    }

    pub(super) fn version(&self, n: u128) -> u64 {
        self.state.server(server(n)).unwrap().changed.version().0
    }

    pub(super) fn give(&mut self, command: &str, expected: u64, change: Change) -> Verdict {
        let expected = if change.is_restrictive() {
            None
        } else {
            Some(AggregateVersion(expected))
        };
        self.give_as("admin", command, command, expected, change)
    }

    pub(super) fn give_as(
        &mut self,
        actor: &str,
        command: &str,
        body: &str,
        expected: Option<AggregateVersion>,
        change: Change,
    ) -> Verdict {
        let id: CommandId = name(command);
        let stamp = CommandStamp {
            id,
            route: "POST".to_owned(),
            digest: Digest::of(body.as_bytes()),
        };
        let offset = Offset(self.events.len() as u64);
        let event = Envelope {
            id: EventId(Uuid::from_u128(offset.0.into())),
            source: ReplicaName::new("gateway-1").unwrap(),
            time: "2026-11-24T06:00:00Z".parse().unwrap(),
            traceparent: None,
            producer: Producer::Registry,
            boot: BootId(Uuid::nil()),
            seq: offset.0,
            prevhash: None,
            tenant: None,
            actor: Some(Actor::System {
                name: actor.to_owned(),
            }),
            reason: None,
            data: RegistryEvent {
                command: stamp,
                expected,
                change,
            },
        };
        let foretold = self.state.arbitrate(event.actor.as_ref(), &event.data);
        let verdict = self.state.apply(offset, &event).unwrap();
        match &verdict {
            Verdict::Effective => assert_eq!(foretold, Ok(())),
            Verdict::Refused(conflict) => assert_eq!(foretold, Err(conflict.clone())),
            Verdict::Duplicate => {}
        }
        self.events.push(event);
        verdict
    }
}

pub(super) fn register(n: u128, slug: &str) -> Change {
    let manifest = manifest(slug, "api://x", "1");
    Change::ServerRegistered(ManifestSubmitted {
        server: server(n),
        manifest,
    })
}

pub(super) fn update(n: u128, slug: &str, audience: &str, version: &str) -> Change {
    let manifest = manifest(slug, audience, version);
    Change::ServerUpdated(ManifestSubmitted {
        server: server(n),
        manifest,
    })
}

pub(super) fn approve(n: u128, version: u32) -> Change {
    Change::VersionApproved(VersionChosen {
        server: server(n),
        version: VersionNumber(version),
    })
}

pub(super) fn promote(n: u128, version: u32) -> Change {
    Change::VersionPromoted(VersionChosen {
        server: server(n),
        version: VersionNumber(version),
    })
}

pub(super) fn disable(n: u128) -> Change {
    Change::ServerDisabled(ServerChosen { server: server(n) })
}

pub(super) fn enable(n: u128) -> Change {
    Change::ServerEnabled(ServerChosen { server: server(n) })
}

pub(super) fn retire(n: u128) -> Change {
    Change::ServerRetired(ServerChosen { server: server(n) })
}

pub(super) fn grant(n: u128, on: u128, tool: Option<&str>) -> Change {
    Change::GrantAdded(Grant {
        id: GrantId(Uuid::from_u128(n)),
        issuer: name("idp"),
        tenant: name("t"),
        subject: Subject::Group(name("g")),
        server: server(on),
        tool: tool.map(name),
        stage: Stage::Qa,
    })
}

/// The tool "read" of a server.
pub(super) fn read_of(n: u128) -> ToolChosen {
    ToolChosen {
        server: server(n),
        tool: name("read"),
    }
}

pub(super) fn block(n: u128) -> Change {
    Change::BlockAdded(Block {
        id: BlockId(Uuid::from_u128(n)),
        target: BlockTarget::Client {
            issuer: name("idp"),
            client: name("app"),
        },
        not_before: None,
    })
}

pub(super) fn joined(n: u128) -> Change {
    Change::ReplicaJoined(ReplicaJoined {
        boot: BootId(Uuid::from_u128(n)),
        replica: name("gateway-1"),
    })
}

pub(super) fn trust(issuer: &str) -> Change {
    let plane = |audience: &str| Plane {
        audiences: BTreeSet::from([audience.to_owned()]),
        clients: BTreeSet::from([name("app")]),
        required_scope: None,
        advertised_scopes: Vec::new(),
    };
    Change::IssuerTrusted(Box::new(Issuer {
        name: name(issuer),
        urls: vec!["https://idp.example".to_owned()],
        tenants: BTreeSet::from([name("t")]),
        jwks_uri: "https://idp.example/keys".to_owned(),
        authorization_server: "https://idp.example".to_owned(),
        algorithms: BTreeSet::from([Algorithm::ES256]),
        data: plane("data"),
        admin: Some(plane("admin")),
        on_behalf_of: None,
    }))
}
