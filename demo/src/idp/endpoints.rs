//! Where the identity provider's endpoints are. Pure: the CLI computes a token endpoint from it without asking anyone.

use url::Url;
use uuid::Uuid;

/// The two generations of Entra's endpoints. An API's tokens differ in issuer, audience and claim names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// `ver: "1.0"`, asked for with `resource`.
    V1,
    /// `ver: "2.0"`, asked for with `scope`.
    V2,
}

/// The addresses of one tenant. Paths are Entra's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    base: String,
    tenant: Uuid,
}

impl Endpoints {
    /// Endpoints of `tenant` below `base`, e.g. `http://127.0.0.1:8082`.
    #[must_use]
    pub fn new(base: &Url, tenant: Uuid) -> Self {
        Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            tenant,
        }
    }

    /// The `iss` of tokens. Entra's v1.0 issuer is another host, `https://sts.windows.net/{tenant}/`; here it is a path.
    #[must_use]
    pub fn issuer(&self, version: TokenVersion) -> String {
        let Self { base, tenant } = self;
        match version {
            TokenVersion::V1 => format!("{base}/sts/{tenant}/"),
            TokenVersion::V2 => format!("{base}/{tenant}/v2.0"),
        }
    }

    /// Discovery document (`OpenID` Connect Discovery §4).
    #[must_use]
    pub fn openid_configuration(&self, version: TokenVersion) -> String {
        self.below_tenant(match version {
            TokenVersion::V1 => ".well-known/openid-configuration",
            TokenVersion::V2 => "v2.0/.well-known/openid-configuration",
        })
    }

    /// Signing keys (RFC 7517). Both versions serve the same key.
    #[must_use]
    pub fn jwks_uri(&self, version: TokenVersion) -> String {
        self.below_tenant(match version {
            TokenVersion::V1 => "discovery/keys",
            TokenVersion::V2 => "discovery/v2.0/keys",
        })
    }

    /// Token endpoint (RFC 6749 §3.2).
    #[must_use]
    pub fn token_endpoint(&self, version: TokenVersion) -> String {
        self.below_tenant(match version {
            TokenVersion::V1 => "oauth2/token",
            TokenVersion::V2 => "oauth2/v2.0/token",
        })
    }

    /// Authorization endpoint (RFC 6749 §3.1).
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        self.below_tenant("oauth2/v2.0/authorize")
    }

    /// Registration endpoint (RFC 7591 §3). Entra has none: its clients are registered by administrators.
    #[must_use]
    pub fn registration_endpoint(&self) -> String {
        self.below_tenant("oauth2/v2.0/register")
    }

    /// Where a user's groups would be read when a token cannot list them.
    pub(super) fn member_objects(&self, user: Uuid) -> String {
        self.below_tenant(&format!("users/{user}/getMemberObjects"))
    }

    fn below_tenant(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.base, self.tenant)
    }
}
