//! The claims of an access token, as Entra writes them. Pure: time and randomness come in.
//!
//! Source: Microsoft identity platform, "Access token claims reference".

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::{Api, App, Membership, User};
use super::endpoints::{Endpoints, TokenVersion};

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A user, through the client.
    User(&'static User),
    /// The client itself, nobody behind it.
    App(&'static App),
}

/// To which client a token is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Client {
    /// An application of the directory.
    Listed(&'static App),
    /// A public client that registered itself, or is described by the document at its id.
    SelfRegistered {
        /// `azp`.
        id: String,
        /// As it calls itself.
        name: String,
    },
}

/// What the token endpoint decided to issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) version: TokenVersion,
    pub(super) subject: Subject,
    pub(super) client: Client,
    pub(super) api: Api,
    /// The `aud` claim.
    pub(super) audience: String,
}

/// What makes two tokens for one grant differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issuance {
    pub(super) now: Timestamp,
    pub(super) lifetime: SignedDuration,
    /// Random, unique to the token.
    pub(super) token_id: Uuid,
}

#[derive(Debug, Serialize)]
pub(super) struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(flatten)]
    client: ClientClaims,
    #[serde(flatten)]
    user: Option<UserClaims>,
    #[serde(flatten)]
    groups: GroupClaims,
    #[serde(skip_serializing_if = "Option::is_none")]
    idtyp: Option<&'static str>,
    oid: Uuid,
    rh: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<&'static str>,
    sub: String,
    tid: Uuid,
    uti: String,
    ver: &'static str,
}

/// The client, and how it proved itself: `"0"` public, `"1"` by secret.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ClientClaims {
    V1 { appid: String, appidacr: &'static str },
    V2 { azp: String, azpacr: &'static str },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum UserClaims {
    V1 {
        name: &'static str,
        upn: String,
        unique_name: String,
        amr: [&'static str; 1],
        acr: &'static str,
    },
    V2 {
        name: &'static str,
        preferred_username: String,
    },
}

/// A claim is present only where there is a value for it: no groups, no claim.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum GroupClaims {
    None {},
    Listed {
        groups: Vec<Uuid>,
    },
    Overage {
        _claim_names: Value,
        _claim_sources: Value,
    },
}

impl Client {
    /// The client id, as tokens carry it.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Listed(app) => app.client_id.to_string(),
            Self::SelfRegistered { id, .. } => id.clone(),
        }
    }

    /// The name shown to people.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Listed(app) => app.display_name,
            Self::SelfRegistered { name, .. } => name,
        }
    }

    fn is_confidential(&self) -> bool {
        match self {
            Self::Listed(app) => app.secret.is_some(),
            Self::SelfRegistered { .. } => false,
        }
    }
}

/// The claims of the token issued for `grant` by `tenant`.
pub(super) fn claims(grant: &Grant, tenant: Uuid, endpoints: &Endpoints, issuance: Issuance) -> Claims {
    let now = issuance.now.as_second();
    let Grant { version, api, .. } = *grant;
    let (user, groups, scp, oid, sub, roles) = match grant.subject {
        Subject::User(user) => (
            Some(user_claims(user, version)),
            group_claims(user, endpoints),
            Some(api.permission),
            user.object_id,
            pairwise_subject(api.app_id, user.object_id),
            user.roles_on(api.plane),
        ),
        Subject::App(app) => {
            let principal = app.service_principal;
            let roles = app.roles_on(api.plane);
            (
                None,
                GroupClaims::None {},
                None,
                principal,
                principal.to_string(),
                roles,
            )
        }
    };
    Claims {
        aud: grant.audience.clone(),
        iss: endpoints.issuer(version),
        iat: now,
        nbf: now,
        exp: now.saturating_add(issuance.lifetime.as_secs()),
        client: client_claims(&grant.client, version),
        user,
        groups,
        idtyp: matches!(grant.subject, Subject::App(_)).then_some("app"),
        oid,
        rh: format!("1.{}.", URL_SAFE_NO_PAD.encode(tenant)),
        roles,
        scp,
        sub,
        tid: tenant,
        uti: URL_SAFE_NO_PAD.encode(issuance.token_id),
        ver: match version {
            TokenVersion::V1 => "1.0",
            TokenVersion::V2 => "2.0",
        },
    }
}

fn client_claims(client: &Client, version: TokenVersion) -> ClientClaims {
    let (id, acr) = (client.id(), if client.is_confidential() { "1" } else { "0" });
    match version {
        TokenVersion::V1 => ClientClaims::V1 {
            appid: id,
            appidacr: acr,
        },
        TokenVersion::V2 => ClientClaims::V2 { azp: id, azpacr: acr },
    }
}

fn user_claims(user: &User, version: TokenVersion) -> UserClaims {
    let (name, principal) = (user.display_name, user.principal_name());
    match version {
        TokenVersion::V1 => UserClaims::V1 {
            name,
            upn: principal.clone(),
            unique_name: principal,
            amr: ["pwd"],
            acr: "1",
        },
        TokenVersion::V2 => UserClaims::V2 {
            name,
            preferred_username: principal,
        },
    }
}

fn group_claims(user: &User, endpoints: &Endpoints) -> GroupClaims {
    match user.groups {
        Membership::Listed([]) => GroupClaims::None {},
        Membership::Listed(groups) => GroupClaims::Listed {
            groups: groups.iter().map(|group| group.id).collect(),
        },
        Membership::Overage => GroupClaims::Overage {
            _claim_names: json!({ "groups": "src1" }),
            _claim_sources: json!({ "src1": { "endpoint": endpoints.member_objects(user.object_id) } }),
        },
    }
}

/// `sub` of a user: the same for one API, another for the next, so that two APIs cannot join their records by it.
fn pairwise_subject(api: Uuid, user: Uuid) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(api.as_bytes());
    hash.update(user.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finish())
}
