//! What the registry holds beside servers: grants, blocks, trusted issuers.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AppRole, BlockId, ClientId, GrantId, GroupId, IssuerName, Scope, ServerId, TenantId, ToolName, UserId,
    },
    manifest::Fault,
    registry::SecretRef,
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
    /// How the gateway exchanges this issuer's tokens on behalf of their users (strategy `entra-obo`); none: it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ExchangeClient>,
}

/// The gateway as a client app of an issuer, to exchange tokens there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeClient {
    /// The token endpoint. `{tenantid}` in it stands for the caller's tenant.
    pub token_endpoint: String,
    /// The gateway's app id there: the one that Token A is meant for.
    pub client: ClientId,
    /// How it proves to be that app.
    pub credential: ClientCredential,
}

/// How a client app authenticates at a token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientCredential {
    /// `client_secret` (RFC 6749 §2.3.1).
    Secret(SecretRef),
    /// A signed assertion (`private_key_jwt`, RFC 7523 §2.2).
    Certificate {
        /// The certificate, PEM.
        certificate: SecretRef,
        /// Its private key, PEM.
        key: SecretRef,
    },
}

/// What a token must be to be accepted on one of the planes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plane {
    /// Accepted `aud` values. The planes of an issuer share none.
    pub audiences: BTreeSet<String>,
    /// Client apps let in (`azp`, `appid`); [`Plane::ANY_CLIENT`] stands for every app that the issuer gives tokens to.
    pub clients: BTreeSet<ClientId>,
    /// A delegated scope that a user's token must hold; app-only tokens have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<Scope>,
    /// The scopes that clients are told to ask the issuer for, where these are not the value that tokens hold: Entra's are
    /// `<application id URI>/<scope>`. Empty: [`required_scope`](Self::required_scope).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advertised_scopes: Vec<Scope>,
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

impl Plane {
    /// In [`clients`](Self::clients): any client app. For issuers where apps register themselves (RFC 7591).
    pub const ANY_CLIENT: &str = "*";

    /// Whether a client app is let in.
    #[must_use]
    pub fn admits(&self, client: &ClientId) -> bool {
        self.clients.contains(client)
            || self
                .clients
                .iter()
                .any(|listed| listed.as_str() == Self::ANY_CLIENT)
    }

    /// What clients are told to ask for.
    pub fn scopes_to_ask_for(&self) -> impl Iterator<Item = &Scope> {
        let required = self
            .required_scope
            .iter()
            .filter(|_| self.advertised_scopes.is_empty());
        self.advertised_scopes.iter().chain(required)
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
        let token_endpoint = self
            .on_behalf_of
            .as_ref()
            .map(|client| ("/onBehalfOf/tokenEndpoint", &client.token_endpoint));
        for (pointer, text) in [
            ("/jwksUri", &self.jwks_uri),
            ("/authorizationServer", &self.authorization_server),
        ]
        .into_iter()
        .chain(token_endpoint)
        {
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
            if admin
                .clients
                .iter()
                .any(|client| client.as_str() == Plane::ANY_CLIENT)
            {
                fault(
                    "/admin/clients",
                    "every client app would be let in".to_owned(),
                    "name the apps that may administer: `*` is for the data plane",
                );
            }
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
