//! The strategy `gateway-issued`: a short JWT access token (RFC 9068) signed by the gateway.

use std::fmt;

use http::HeaderValue;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use onedoor_model::{
    audit::NotDispatchedReason,
    decide::{Entitlement, Snapshot},
    ids::CallId,
    manifest::Strategy,
};
use onedoor_wire::bearer::BearerToken;
use serde::Serialize;

use crate::refusal::{Failure, Reason};

use super::SigningKey;

/// A token for one tool's audience, for the caller. Never printed.
#[derive(Clone)]
pub(crate) struct TokenB(HeaderValue);

/// Issues Token B.
#[derive(Clone, Debug)]
pub(crate) struct TokenIssuer {
    url: String,
    key: SigningKey,
}

/// No Token B could be had. The gateway's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTokenB {
    /// Token A is about to end, so Token B would be born dead.
    #[error("the caller's token has expired")]
    Expired,
    /// The issuer's tokens cannot be exchanged.
    #[error("no exchange is set up at the caller's issuer")]
    NoExchange,
    /// It could not be signed.
    #[error("cannot sign a token")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// It cannot stand in a header.
    #[error("the token cannot be sent")]
    Header(#[from] http::header::InvalidHeaderValue),
}

/// Claims of RFC 9068 §2.2, and who the user is at their own identity provider.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: CallId,
    /// Tenant of the user, as `sub` is unique only within it.
    tid: &'a str,
    /// Trusted issuer that vouches for the user, by its name in the registry.
    idp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl TokenIssuer {
    /// An issuer whose `iss` is `url`; its keys are at `url` + `/.well-known/jwks.json`.
    #[must_use]
    pub(crate) fn new(url: String, key: SigningKey) -> Self {
        Self { url, key }
    }

    /// The key set for tool servers (RFC 7517 §5).
    #[must_use]
    pub(crate) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.key.jwk()] })
    }

    /// Obtains Token B for a permitted call, as its server's strategy says. It never outlives Token A.
    ///
    /// # Errors
    /// [`NoTokenB`]
    pub(crate) async fn obtain(
        &self,
        entitlement: Entitlement<'_>,
        _token_a: BearerToken<'_>,
        call: CallId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<TokenB, NoTokenB> {
        let lifetime = snapshot.settings().token_b_seconds;
        match entitlement.version().manifest.strategy {
            Strategy::GatewayIssued => self.issue(entitlement, call, now, lifetime),
            Strategy::EntraObo => Err(NoTokenB::NoExchange),
        }
    }

    pub(super) fn issue(
        &self,
        entitlement: Entitlement<'_>,
        call: CallId,
        now: Timestamp,
        lifetime_seconds: u64,
    ) -> Result<TokenB, NoTokenB> {
        let (principal, manifest) = (entitlement.principal(), &entitlement.version().manifest);
        let iat = now.as_second();
        let lifetime = i64::try_from(lifetime_seconds).unwrap_or(i64::MAX);
        let exp = iat.saturating_add(lifetime).min(principal.expires_at.as_second());
        if exp <= iat {
            return Err(NoTokenB::Expired);
        }
        let client = principal.client.as_str();
        let claims = Claims {
            iss: &self.url,
            aud: manifest.audience.as_str(),
            sub: principal.user.as_ref().map_or(client, |user| user.as_str()),
            client_id: client,
            scope: manifest.required_scope.as_str(),
            iat,
            nbf: iat,
            exp,
            jti: call,
            tid: principal.tenant.as_str(),
            idp: principal.issuer.as_str(),
            name: principal.display_name.as_deref(),
        };
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key.id().to_owned());
        let token = jsonwebtoken::encode(&header, &claims, self.key.encoding())?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        value.set_sensitive(true);
        Ok(TokenB(value))
    }
}

impl NoTokenB {
    /// What the record says of it.
    pub(crate) fn not_dispatched(&self) -> NotDispatchedReason {
        NotDispatchedReason::NoTokenB
    }
}

impl From<NoTokenB> for Failure {
    fn from(_: NoTokenB) -> Self {
        Reason::NoTokenB.into()
    }
}

impl TokenB {
    /// The `Authorization` header that carries it.
    #[must_use]
    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Debug for TokenB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenB(…)")
    }
}
