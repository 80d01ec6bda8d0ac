//! The strategy `gateway-issued`: a short JWT access token (RFC 9068) signed by the gateway.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use onedoor_model::{decide::Entitlement, ids::CallId};
use serde::Serialize;

use crate::{NoTokenB, SigningKey, TokenB};

/// Issues Token B.
#[derive(Clone, Debug)]
pub(crate) struct TokenIssuer {
    url: String,
    key: SigningKey,
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
    pub(crate) fn new(url: String, key: SigningKey) -> Self {
        Self { url, key }
    }

    /// The key set for tool servers (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.key.jwk()] })
    }

    /// A token for one call. It never outlives Token A.
    pub(crate) fn issue(
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
        let token = jsonwebtoken::encode(&header, &claims, self.key.encoding()).map_err(NoTokenB::Sign)?;
        TokenB::bearer(&token).ok_or(NoTokenB::Unsendable)
    }
}
