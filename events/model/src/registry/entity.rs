//! What the registry holds beside servers: grants, blocks, trusted issuers.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AppRole, BlockId, ClientId, GrantId, GroupId, IssuerName, Scope, ServerId, TenantId, ToolName, UserId,
    },
    manifest::Fault,
};

/// How far a server's version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The latest version, for those with a grant at this stage.
    Qa,
    /// The promoted version.
    Production,
}

/// Lets holders of a group or app role call a server's tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The issuer whose word on groups and roles counts.
    pub issuer: IssuerName,
    /// The tenant the group or role belongs to.
    pub tenant: TenantId,
    /// Who holds it.
    #[serde(flatten)]
    pub subject: Subject,
    /// The server.
    pub server: ServerId,
    /// One tool of it; none means all it has, now and later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// The stage it is good for. A grant at one stage says nothing of the other.
    pub stage: Stage,
}

/// Who holds a grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// Members of a directory group.
    Group(GroupId),
    /// Holders of an app role.
    Role(AppRole),
}

/// Keeps a user or a client app out, whatever is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Its id.
    pub id: BlockId,
    /// Who is kept out.
    #[serde(flatten)]
    pub target: BlockTarget,
    /// Tokens issued at this time or later pass again; none: no token passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// Whom a block keeps out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum BlockTarget {
    /// A user, through whichever app.
    User {
        /// Trusted issuer's name.
        issuer: IssuerName,
        /// Tenant at it.
        tenant: TenantId,
        /// Object id.
        user: UserId,
    },
    /// A client app, on whosever behalf.
    Client {
        /// Trusted issuer's name.
        issuer: IssuerName,
        /// `azp` or `appid`.
        client: ClientId,
    },
}

/// An identity provider whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issuer {
    /// Its name here.
    pub name: IssuerName,
    /// The `iss` values it signs with. `{tenantid}` in one stands for each of `tenants` and must equal the token's `tid`.
    /// Entra needs two: v1 and v2 tokens differ.
    pub urls: Vec<String>,
    /// The tenants accepted. Where a provider puts no `tid` in its tokens, exactly one.
    pub tenants: BTreeSet<TenantId>,
    /// Where its signing keys are (RFC 7517).
    pub jwks_uri: String,
    /// The URL clients are sent to for a token (RFC 9728 `authorization_servers`).
    pub authorization_server: String,
    /// Signature algorithms accepted: asymmetric ones only, whatever a token's header says.
    pub algorithms: BTreeSet<Algorithm>,
    /// What a token for the data plane must be.
    pub data: Plane,
    /// What a token for the admin plane must be; none: this issuer's tokens are no good there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Plane>,
}

/// What a token must be to be accepted on one of the planes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plane {
    /// Accepted `aud` values. The planes of an issuer share none.
    pub audiences: BTreeSet<String>,
    /// Client apps let in (`azp`, `appid`).
    pub clients: BTreeSet<ClientId>,
    /// A delegated scope that a user's token must hold; app-only tokens have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<Scope>,
}

/// Signature algorithms (RFC 7518 §3.1, RFC 8037). `none` and the symmetric ones cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named by its RFC")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// The `aud` of Token B, as a manifest names it.
pub use crate::manifest::Audience;

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qa => "qa",
            Self::Production => "production",
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "group {group}"),
            Self::Role(role) => write!(f, "role {role}"),
        }
    }
}

impl Issuer {
    /// Everything that makes this issuer unusable or unsafe.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, message: String, hint: &str| {
            faults.push(Fault {
                pointer: pointer.to_owned(),
                message,
                hint: hint.to_owned(),
            });
        };
        if self.urls.is_empty() {
            fault(
                "/urls",
                "there is no issuer URL".to_owned(),
                "give the `iss` values of the provider's tokens",
            );
        }
        if self.tenants.is_empty() {
            fault(
                "/tenants",
                "there is no tenant".to_owned(),
                "name the tenants whose users may call",
            );
        }
        if self.algorithms.is_empty() {
            fault(
                "/algorithms",
                "no signature algorithm is allowed".to_owned(),
                "Entra signs with [\"RS256\"]",
            );
        }
        for (pointer, text) in [
            ("/jwksUri", &self.jwks_uri),
            ("/authorizationServer", &self.authorization_server),
        ] {
            let url = url::Url::parse(text);
            if !url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host()) {
                fault(
                    pointer,
                    format!("{text:?} is not an http(s) URL"),
                    "give an absolute https URL",
                );
            }
        }
        for (name, plane) in [("/data", Some(&self.data)), ("/admin", self.admin.as_ref())] {
            let Some(plane) = plane else { continue };
            if plane.audiences.is_empty() {
                let pointer = format!("{name}/audiences");
                fault(
                    &pointer,
                    "there is no audience".to_owned(),
                    "give the `aud` that tokens for this plane carry",
                );
            }
            if plane.clients.is_empty() {
                let pointer = format!("{name}/clients");
                fault(
                    &pointer,
                    "no client app is let in".to_owned(),
                    "give the ids of the apps that may call",
                );
            }
        }
        if let Some(admin) = &self.admin {
            for shared in admin.audiences.intersection(&self.data.audiences) {
                fault(
                    "/admin/audiences",
                    format!("{shared:?} is an audience of the data plane too"),
                    "give the admin plane an audience of its own: a tool caller's token must not administer",
                );
            }
        }
        faults
    }
}
