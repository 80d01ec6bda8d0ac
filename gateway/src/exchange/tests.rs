//! Token B as tool servers verify it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use onedoor_model::{
    decide::{CallPermit, Operation, Permit, Request, Snapshot, decide},
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BootId, CallId, Digest, EventId, GrantId, LogId, Offset, ServerId, VersionNumber,
    },
    principal::{Actor, Principal},
    registry::{
        Algorithm as Signature, Change, CommandStamp, Grant, Issuer, LogCreated, ManifestSubmitted, Plane,
        RegistryEvent, Stage, State, Subject, VersionChosen,
    },
};
use uuid::Uuid;

use super::*;

const NOW: i64 = 1_000_000_000;

/// A permit for `read` of `finance`, whose Token A ends at `expires`.
fn permit(expires: i64) -> CallPermit {
    let server = ServerId(Uuid::nil());
    let manifest = serde_json::json!({
        "name": "dev.onedoor.test/finance", "description": "A server", "version": "1",
        "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
        "_meta": { "dev.onedoor/server": {
            "slug": "finance", "owner": "team", "audience": "api://finance", "requiredScope": "finance.read",
            "strategy": "gateway-issued",
            "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
        }},
    });
    let plane = Plane {
        audiences: BTreeSet::from(["data".to_owned()]),
        clients: BTreeSet::from(["app".parse().unwrap()]),
        required_scope: None,
        advertised_scopes: Vec::new(),
    };
    let issuer = Issuer {
        name: "idp".parse().unwrap(),
        urls: vec!["https://idp.example".to_owned()],
        tenants: BTreeSet::from(["t".parse().unwrap()]),
        jwks_uri: "https://idp.example/keys".to_owned(),
        authorization_server: "https://idp.example".to_owned(),
        algorithms: BTreeSet::from([Signature::ES256]),
        data: plane,
        admin: None,
        on_behalf_of: None,
    };
    let chosen = VersionChosen {
        server,
        version: VersionNumber(1),
    };
    let grant = Grant {
        id: GrantId(Uuid::nil()),
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        subject: Subject::Group("g".parse().unwrap()),
        server,
        tool: None,
        stage: Stage::Production,
    };
    let changes = [
        (
            0,
            Change::LogCreated(LogCreated {
                log: LogId(Uuid::nil()),
            }),
        ),
        (0, Change::IssuerTrusted(Box::new(issuer))),
        (
            0,
            Change::ServerRegistered(ManifestSubmitted {
                server,
                manifest: manifest.to_string(),
            }),
        ),
        (2, Change::VersionApproved(chosen)),
        (3, Change::VersionPromoted(chosen)),
        (0, Change::GrantAdded(grant)),
    ];
    let mut state = State::default();
    for (offset, (expected, change)) in changes.into_iter().enumerate() {
        let stamp = CommandStamp {
            id: format!("c{offset}").parse().unwrap(),
            route: "test".to_owned(),
            digest: Digest::of(b""),
        };
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
                command: stamp,
                expected: Some(AggregateVersion(expected)),
                change,
            },
        };
        state.apply(Offset(offset as u64), &event).unwrap();
    }
    let principal = Arc::new(Principal {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: Some("user-1".parse().unwrap()),
        display_name: Some("Ada \"A\" Analyst".to_owned()),
        client: "app".parse().unwrap(),
        groups: BTreeSet::from(["g".parse().unwrap()]),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        token_id: "token-a".to_owned(),
        issued_at: Timestamp::from_second(NOW - 10).unwrap(),
        expires_at: Timestamp::from_second(expires).unwrap(),
    });
    let request = Request {
        server: "finance".parse().unwrap(),
        stage: Stage::Production,
        operation: Operation::CallTool("read".parse().unwrap()),
    };
    match decide(&Snapshot::of(&state), &principal, &request) {
        Ok(Permit::CallTool(permit)) => permit,
        other => panic!("{other:?}"),
    }
}

fn issuer(folder: &tempfile::TempDir) -> TokenIssuer {
    let key = SigningKey::load_or_create(&folder.path().join("key.p8")).unwrap();
    TokenIssuer::new("https://door.example".to_owned(), key)
}

/// The claims, if a tool server of this audience would accept the token at no time in particular.
fn verified(
    issuer: &TokenIssuer,
    token: TokenB,
    audience: &str,
) -> Result<serde_json::Value, jsonwebtoken::errors::Error> {
    let header = token.into_header();
    let text = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let jwks: JwkSet = serde_json::from_value(issuer.jwks()).unwrap();
    let head = jsonwebtoken::decode_header(text)?;
    assert_eq!(head.typ.as_deref(), Some("at+jwt"), "RFC 9068 §2.1");
    let key = DecodingKey::from_jwk(jwks.find(head.kid.as_deref().unwrap()).unwrap())?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["https://door.example"]);
    validation.validate_exp = false;
    jsonwebtoken::decode(text, &key, &validation).map(|token| token.claims)
}

fn obtain(issuer: &TokenIssuer, permit: &CallPermit, lifetime: u64) -> Result<TokenB, token_b::NoTokenB> {
    issuer.issue(
        permit.entitlement(),
        CallId(Uuid::max()),
        Timestamp::from_second(NOW).unwrap(),
        lifetime,
    )
}

#[test]
fn it_says_who_calls_for_which_tool_and_nothing_of_token_a() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = obtain(&issuer, &permit(NOW + 3_600), 300).unwrap();
    assert!(!format!("{token:?}").contains("ey"), "it does not print");
    let claims = verified(&issuer, token, "api://finance").unwrap();
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "https://door.example", "aud": "api://finance", "sub": "user-1", "client_id": "app",
            "scope": "finance.read", "iat": NOW, "nbf": NOW, "exp": NOW + 300, "jti": Uuid::max(),
            "tid": "t", "idp": "idp", "name": "Ada \"A\" Analyst",
        })
    );
}

#[test]
fn it_is_no_good_for_another_tool() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = obtain(&issuer, &permit(NOW + 3_600), 300).unwrap();
    assert!(verified(&issuer, token, "api://hr").is_err());
}

#[test]
fn it_never_outlives_token_a() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = issuer(&folder);
    let token = obtain(&issuer, &permit(NOW + 20), 300).unwrap();
    assert_eq!(
        verified(&issuer, token, "api://finance").unwrap()["exp"],
        NOW + 20
    );
    assert!(
        obtain(&issuer, &permit(NOW), 300).is_err(),
        "nothing for a token that has ended"
    );
}

#[test]
fn the_key_is_kept_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.p8");
    let first = SigningKey::load_or_create(&path).unwrap();
    let second = SigningKey::load_or_create(&path).unwrap();
    assert_eq!(first.jwk(), second.jwk());
    assert!(first.jwk().get("d").is_none(), "the private half stays here");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, b"not a key").unwrap();
    assert!(matches!(
        SigningKey::load_or_create(&path),
        Err(KeyError::NotAKey(_))
    ));
}
