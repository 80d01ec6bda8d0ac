//! A registry with one server, one issuer and one caller, for tests: these and, by path, those in `tests/`.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use onedoor_model::{
    decide::{CallPermit, Operation, Permit, Request, Snapshot, decide},
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BlockId, BootId, Digest, EventId, GrantId, LogId, Offset, ServerId, VersionNumber,
    },
    principal::{Actor, Principal},
    registry::{
        Algorithm, Block, BlockTarget, Change, CommandStamp, ExchangeClient, Grant, Issuer, LogCreated,
        ManifestSubmitted, Plane, RegistryEvent, Settings, Stage, State, Subject, Verdict, VersionChosen,
    },
};
use uuid::Uuid;

/// When calls are made, unless a test lives in real time.
pub(crate) const NOW: i64 = 1_000_000_000;

/// The words a registry is made from.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) server: u128,
    pub(crate) versions: u32,
    pub(crate) strategy: &'static str,
    pub(crate) audience: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) client: Option<ExchangeClient>,
    /// The caller; none for an app on its own behalf.
    pub(crate) user: Option<String>,
    pub(crate) tenant: String,
    /// When Token A ends.
    pub(crate) expires: i64,
    /// Whether the caller was blocked once. Tokens issued since pass.
    pub(crate) was_blocked: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            server: 1,
            versions: 1,
            strategy: "entra-obo",
            audience: "api://finance",
            scope: "finance.read",
            client: None,
            user: Some("user-1".to_owned()),
            tenant: "t".to_owned(),
            expires: NOW + 3_600,
            was_blocked: false,
        }
    }
}

impl World {
    /// A permit for `read` of `finance`.
    pub(crate) fn permit(&self) -> CallPermit {
        let request = Request {
            server: "finance".parse().unwrap(),
            stage: Stage::Qa,
            operation: Operation::CallTool("read".parse().unwrap()),
        };
        match decide(&self.snapshot(), &Arc::new(self.principal()), &request) {
            Ok(Permit::CallTool(permit)) => permit,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let server = ServerId(Uuid::from_u128(self.server));
        let mut state = State::default();
        apply(
            &mut state,
            0,
            Change::LogCreated(LogCreated {
                log: LogId(Uuid::nil()),
            }),
        );
        let settings = Settings {
            internal_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..Settings::default()
        };
        apply(&mut state, 0, Change::SettingsChanged(Box::new(settings)));
        apply(&mut state, 0, Change::IssuerTrusted(Box::new(self.issuer())));
        apply(&mut state, 0, Change::ServerRegistered(self.manifest(server, 1)));
        let approved = VersionChosen {
            server,
            version: VersionNumber(1),
        };
        let version = |state: &State| state.server(server).unwrap().changed.version().0;
        let seen = version(&state);
        apply(&mut state, seen, Change::VersionApproved(approved));
        for number in 2..=self.versions {
            let seen = version(&state);
            apply(
                &mut state,
                seen,
                Change::ServerUpdated(self.manifest(server, number)),
            );
        }
        let grant = Grant {
            id: GrantId(Uuid::nil()),
            issuer: "idp".parse().unwrap(),
            tenant: self.tenant.parse().unwrap(),
            subject: Subject::Group("g".parse().unwrap()),
            server,
            tool: None,
            stage: Stage::Qa,
        };
        apply(&mut state, 0, Change::GrantAdded(grant));
        if self.was_blocked {
            let block = Block {
                id: BlockId(Uuid::nil()),
                target: BlockTarget::Client {
                    issuer: "idp".parse().unwrap(),
                    client: "app".parse().unwrap(),
                },
                not_before: Some(Timestamp::UNIX_EPOCH),
            };
            apply(&mut state, 0, Change::BlockAdded(block));
        }
        Snapshot::of(&state)
    }

    fn principal(&self) -> Principal {
        Principal {
            issuer: "idp".parse().unwrap(),
            tenant: self.tenant.parse().unwrap(),
            user: self.user.as_deref().map(|user| user.parse().unwrap()),
            display_name: Some("Ada \"A\" Analyst".to_owned()),
            client: "app".parse().unwrap(),
            groups: BTreeSet::from(["g".parse().unwrap()]),
            roles: BTreeSet::new(),
            scopes: BTreeSet::new(),
            token_id: "token-a".to_owned(),
            issued_at: Timestamp::from_second(NOW - 10).unwrap(),
            expires_at: Timestamp::from_second(self.expires).unwrap(),
        }
    }

    fn issuer(&self) -> Issuer {
        Issuer {
            name: "idp".parse().unwrap(),
            urls: vec!["https://idp.example".to_owned()],
            tenants: BTreeSet::from([self.tenant.parse().unwrap()]),
            jwks_uri: "https://idp.example/keys".to_owned(),
            authorization_server: "https://idp.example".to_owned(),
            algorithms: BTreeSet::from([Algorithm::ES256]),
            data: Plane {
                audiences: BTreeSet::from(["data".to_owned()]),
                clients: BTreeSet::from(["app".parse().unwrap()]),
                required_scope: None,
                advertised_scopes: Vec::new(),
            },
            admin: None,
            on_behalf_of: self.client.clone(),
        }
    }

    fn manifest(&self, server: ServerId, number: u32) -> ManifestSubmitted {
        let manifest = serde_json::json!({
            "name": "dev.onedoor.test/finance", "description": "A server", "version": number.to_string(),
            "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
            "_meta": { "dev.onedoor/server": {
                "slug": "finance", "owner": "team", "audience": self.audience, "requiredScope": self.scope,
                "strategy": self.strategy,
                "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
            }},
        });
        ManifestSubmitted {
            server,
            manifest: manifest.to_string(),
        }
    }
}

fn apply(state: &mut State, expected: u64, change: Change) {
    let offset = state.revision().map_or(Offset(0), Offset::next);
    let command = CommandStamp {
        id: format!("c{offset}").parse().unwrap(),
        route: "test".to_owned(),
        digest: Digest::of(b""),
    };
    let expected = (!change.is_restrictive()).then_some(AggregateVersion(expected));
    let event = Envelope {
        id: EventId(Uuid::nil()),
        source: "test".parse().unwrap(),
        time: Timestamp::UNIX_EPOCH,
        traceparent: None,
        producer: Producer::Registry,
        boot: BootId(Uuid::nil()),
        seq: 0,
        prevhash: None,
        tenant: None,
        actor: Some(Actor::System {
            name: "test".to_owned(),
        }),
        reason: None,
        data: RegistryEvent {
            command,
            expected,
            change,
        },
    };
    assert_eq!(state.apply(offset, &event).unwrap(), Verdict::Effective);
}
