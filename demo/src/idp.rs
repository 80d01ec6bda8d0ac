//! A development identity provider that speaks like Microsoft Entra ID: its endpoints, tokens and errors.
//!
//! It hands out a token for any of its [users](directory::USERS) **without a password**, so it is for loopback only: it
//! refuses a public base URL, and requests whose `Host` is not a loopback name (a web page that rebinds its DNS name to
//! 127.0.0.1 must not get an administrator's token). Get one with
//!
//! ```text
//! curl -d grant_type=password -d username=analyst -d client_id=<MCP_CLIENT> -d scope=api://onedoor/.default \
//!      http://127.0.0.1:8082/<TENANT_ID>/oauth2/v2.0/token
//! ```
//!
//! MCP clients sign their user in by OAuth instead: see `oauth`.
//!
//! With Entra the API's registration chooses between v1.0 and v2.0 tokens; here the endpoint asked does.

mod claims;
pub mod directory;
mod endpoints;
mod grant;
mod http;
mod key;
mod oauth;
mod obo;
mod refusal;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use url::{Host, Url};
use uuid::Uuid;

use self::claims::{Grant, Issuance, claims};
use self::directory::{ADMIN_API, Api, DATA_API, TENANT_ID};
pub use self::endpoints::{Endpoints, TokenVersion};
pub use self::key::KeyError;
use self::key::SigningKey;
use self::oauth::OAuth;
pub use self::oauth::{Doors, OAuthError, RegistrationsError};
use self::refusal::Refusal;

/// How long an access token lives unless configured: Entra draws 60 to 90 minutes, 75 on average.
pub const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(75);

/// What an identity provider is made of.
#[derive(Debug, Clone)]
pub struct IdpConfig {
    /// Where clients reach it, a loopback URL: `http://127.0.0.1:8082`. Issuers and endpoints begin with it.
    pub base_url: Url,
    /// Directory id of the tenant, in paths, issuers and `tid`.
    pub tenant: Uuid,
    /// Folder that keeps the signing key and the clients that registered.
    pub state_dir: PathBuf,
    /// The API tokens for the data plane are asked for.
    pub data_api: Api,
    /// The API tokens for the admin plane are asked for.
    pub admin_api: Api,
    /// The door that tokens are for: a `resource` below it (RFC 8707) names one of the APIs.
    pub doors: Doors,
    /// From issue to `exp`; not negative. Zero gives tokens that are expired at once (tests).
    pub token_lifetime: SignedDuration,
}

/// Why an identity provider cannot start. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum IdpError {
    /// It would give anyone a token.
    #[error("the development identity provider is for loopback only, not for {0}")]
    NotLoopback(Url),
    /// No signing key.
    #[error("the identity provider has no signing key")]
    Key(#[from] KeyError),
    /// No sign-in.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

/// The identity provider of one tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Idp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoints: Endpoints,
    tenant: Uuid,
    apis: [Api; 2],
    token_lifetime: SignedDuration,
    key: SigningKey,
    oauth: OAuth,
}

impl IdpConfig {
    /// The demonstration tenant at `base_url`, its key in `state_dir`.
    #[must_use]
    pub fn new(base_url: Url, state_dir: PathBuf) -> Self {
        Self {
            base_url,
            tenant: TENANT_ID,
            state_dir,
            data_api: DATA_API,
            admin_api: ADMIN_API,
            doors: Doors::default(),
            token_lifetime: TOKEN_LIFETIME,
        }
    }
}

impl Idp {
    /// Reads the signing key, or makes one (blocking; a tenth of a second).
    ///
    /// # Errors
    /// [`IdpError`]: a base URL that is not loopback, or no key.
    pub fn new(config: IdpConfig) -> Result<Self, IdpError> {
        if !is_loopback(&config.base_url) {
            return Err(IdpError::NotLoopback(config.base_url));
        }
        Ok(Self(Arc::new(Inner {
            endpoints: Endpoints::new(&config.base_url, config.tenant),
            tenant: config.tenant,
            apis: [config.data_api, config.admin_api],
            token_lifetime: config.token_lifetime,
            key: SigningKey::load_or_create(&config.state_dir)?,
            oauth: OAuth::new(&config.state_dir, config.doors)?,
        })))
    }

    /// Where its endpoints are.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// All endpoints, to serve at the base URL.
    pub fn router(&self) -> Router {
        http::router(self.clone())
    }

    fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    fn apis(&self) -> &[Api] {
        &self.0.apis
    }

    /// A signed access token.
    fn issue(&self, grant: &Grant, now: Timestamp) -> Result<String, Refusal> {
        let Inner {
            endpoints,
            tenant,
            token_lifetime,
            key,
            ..
        } = &*self.0;
        let issuance = Issuance {
            now,
            lifetime: *token_lifetime,
            token_id: Uuid::new_v4(),
        };
        let claims = claims(grant, *tenant, endpoints, issuance);
        key.sign(grant.version, &claims).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot sign a token");
            Refusal::Signing
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served() {
        for (url, loopback) in [
            ("http://127.0.0.1:8082", true),
            ("http://127.8.8.8", true),
            ("http://localhost:8082/", true),
            ("http://[::1]:8082", true),
            ("http://10.0.0.1:8082", false),
            ("http://localhost.example.com", false),
            ("http://[2001:db8::1]", false),
            ("unix:/run/idp", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
