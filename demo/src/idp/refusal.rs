//! Why the token endpoint refuses, and the body Entra answers with.
//!
//! The codes are Entra's ("Microsoft Entra authentication and authorization error codes"); the wording is ours.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// A refused token request. Always the caller's fault, never worth repeating unchanged, except [`Refusal::Signing`] and [`Refusal::Unkept`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The tenant '{0}' does not exist here.")]
    UnknownTenant(String),
    #[error("The request body must contain the parameter '{0}'.")]
    MissingParameter(&'static str),
    #[error("The parameter '{0}' may appear only once.")]
    RepeatedParameter(&'static str),
    #[error("The grant type '{0}' is not supported.")]
    UnsupportedGrantType(String),
    #[error("No application with the identifier '{0}' is registered in this tenant.")]
    UnknownClient(String),
    #[error("A public client must not present 'client_secret'.")]
    SecretFromPublicClient,
    #[error("The client is confidential: the request body must contain 'client_secret'.")]
    MissingSecret,
    #[error("The grant type 'client_credentials' needs 'client_secret'.")]
    MissingSecretForApp,
    #[error("The client secret for application '{0}' is wrong.")]
    WrongSecret(Uuid),
    #[error("The user account '{0}' does not exist in this tenant.")]
    UnknownUser(String),
    #[error("The scope '{0}' is not valid.")]
    InvalidScope(String),
    #[error("The scope '{0}' is not valid: an application asks for itself with '{{resource}}/.default'.")]
    NotDefaultScope(String),
    #[error("The resource '{0}' was not found in this tenant.")]
    UnknownResource(String),
    #[error("The authorization code is unknown or has expired.")]
    InvalidCode,
    #[error("The authorization code was redeemed before. Tokens issued for it are revoked.")]
    RedeemedCode,
    #[error("The redirect URI is not the one that the authorization code was issued for.")]
    OtherRedirect,
    #[error("The 'code_verifier' is not the one of the 'code_challenge'.")]
    WrongVerifier,
    #[error("The refresh token is unknown, has expired, or belongs to another client.")]
    InvalidRefreshToken,
    #[error("The refresh token was used before. All tokens of its family are revoked.")]
    ReusedRefreshToken,
    #[error("The resource '{0}' is not the one that was consented to.")]
    OtherResource(String),
    #[error("A web page may ask for tokens with an authorization code or a refresh token only.")]
    FromWebPage,
    #[error("The assertion is not a token that was issued here, or its signature is not valid.")]
    InvalidAssertion,
    #[error("The assertion is not within its valid time range.")]
    ExpiredAssertion,
    #[error("The audience of the assertion is not the client that presents it.")]
    AssertionForAnother,
    #[error("The application '{0}' may not act on behalf of an application.")]
    AppOnlyAssertion(Uuid),
    #[error(
        "Neither the user nor an administrator has consented to the application '{0}' calling this resource."
    )]
    NotConsented(Uuid),
    #[error(
        "By its administrator's configuration, the resource '{0}' takes multi-factor authentication only."
    )]
    NeedsMultiFactor(Uuid),
    #[error("The client could not be kept.")]
    Unkept,
    #[error("The token could not be signed.")]
    Signing,
}

/// The answer's body (RFC 6749 §5.2, with Entra's additions).
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody {
    error: &'static str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: Uuid,
    correlation_id: Uuid,
    error_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suberror: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
}

impl Refusal {
    /// HTTP status, OAuth error and AADSTS number.
    pub(super) fn codes(&self) -> (StatusCode, &'static str, u32) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        match self {
            Self::UnknownTenant(_) => (BAD, "invalid_request", 90_002),
            Self::MissingParameter(_) => (BAD, "invalid_request", 900_144),
            Self::RepeatedParameter(_) => (BAD, "invalid_request", 9_002_313),
            Self::UnsupportedGrantType(_) => (BAD, "unsupported_grant_type", 70_003),
            Self::UnknownClient(_) => (BAD, "unauthorized_client", 700_016),
            Self::SecretFromPublicClient => (UNAUTHORIZED, "invalid_client", 700_025),
            Self::MissingSecret => (UNAUTHORIZED, "invalid_client", 7_000_218),
            Self::MissingSecretForApp => (UNAUTHORIZED, "invalid_client", 7_000_216),
            Self::WrongSecret(_) => (UNAUTHORIZED, "invalid_client", 7_000_215),
            Self::UnknownUser(_) => (BAD, "invalid_grant", 50_034),
            Self::InvalidScope(_) => (BAD, "invalid_scope", 70_011),
            Self::NotDefaultScope(_) => (BAD, "invalid_scope", 1_002_012),
            Self::UnknownResource(_) => (BAD, "invalid_resource", 500_011),
            Self::InvalidCode => (BAD, "invalid_grant", 70_008),
            Self::RedeemedCode => (BAD, "invalid_grant", 54_005),
            Self::OtherRedirect => (BAD, "invalid_grant", 500_112),
            Self::WrongVerifier => (BAD, "invalid_grant", 501_481),
            Self::InvalidRefreshToken => (BAD, "invalid_grant", 700_082),
            Self::ReusedRefreshToken => (BAD, "invalid_grant", 50_173),
            Self::OtherResource(_) => (BAD, "invalid_target", 500_011),
            Self::FromWebPage => (BAD, "invalid_request", 9_002_326),
            Self::InvalidAssertion => (BAD, "invalid_grant", 50_013),
            Self::ExpiredAssertion => (BAD, "invalid_grant", 500_133),
            Self::AssertionForAnother => (BAD, "invalid_grant", 500_131),
            Self::AppOnlyAssertion(_) => (BAD, "invalid_grant", 7_000_114),
            Self::NotConsented(_) => (BAD, "invalid_grant", 65_001),
            Self::NeedsMultiFactor(_) => (BAD, "interaction_required", 50_076),
            Self::Unkept | Self::Signing => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", 50_000),
        }
    }

    /// What a client is to do about it, where Entra says.
    fn suberror(&self) -> Option<&'static str> {
        let consent = matches!(self, Self::NotConsented(_)).then_some("consent_required");
        consent.or(matches!(self, Self::NeedsMultiFactor(_)).then_some("basic_action"))
    }

    /// The claims challenge: what the next sign-in must show (`OpenID` Connect Core §5.5), a JSON text.
    fn claims(&self) -> Option<String> {
        let Self::NeedsMultiFactor(resource) = self else {
            return None;
        };
        let policies = json!({ "essential": true, "values": [resource] });
        Some(json!({ "access_token": { "polids": policies } }).to_string())
    }

    /// The body of the answer. `correlation` is the caller's own id where it sent one.
    pub(super) fn body(&self, now: Timestamp, trace: Uuid, correlation: Uuid) -> ErrorBody {
        let (_, error, code) = self.codes();
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        ErrorBody {
            error,
            error_description: format!(
                "AADSTS{code}: {self}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}"
            ),
            error_codes: [code],
            timestamp,
            trace_id: trace,
            correlation_id: correlation,
            error_uri: format!("https://login.microsoftonline.com/error?code={code}"),
            suberror: self.suberror(),
            claims: self.claims(),
        }
    }
}
