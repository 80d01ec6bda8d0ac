//! Why a caller is not let in, and how that is told.

use http::StatusCode;
use onedoor_model::ids::Scope;
use onedoor_wire::{bearer::BearerFault, jwt::JwtFault};
use thiserror::Error;

/// Why nobody is known to call. `Display` is safe to show to the caller: it repeats nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthnFault {
    /// There is no token to check. The caller's fault.
    #[error(transparent)]
    Bearer(#[from] BearerFault),
    /// The token is not accepted. The caller's fault, or that of whoever issued it or named its issuer here.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The issuer's keys cannot be had, so nothing is known of the token. The issuer's fault, or the network's; the
    /// same token may be accepted later.
    #[error("the token cannot be checked now: the keys of its issuer are not available")]
    Unavailable,
}

/// Why a token is not accepted. The same token will not be accepted later, [`TokenFault::NotYetValid`] and
/// [`TokenFault::UnknownKey`] excepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// Not a signed JWT that we read.
    #[error("the token is malformed")]
    Malformed(#[from] JwtFault),
    /// Its header says that it is something else than an access token (RFC 8725 §3.11).
    #[error("the token is not an access token")]
    WrongType,
    /// A claim that must be there is not.
    #[error("the token has no '{claim}'")]
    ClaimMissing {
        /// The claim.
        claim: &'static str,
    },
    /// A claim is of the wrong type or form.
    #[error("the token's '{claim}' is malformed")]
    ClaimMalformed {
        /// The claim.
        claim: &'static str,
    },
    /// `iss` is no trusted issuer.
    #[error("the token's issuer is not trusted")]
    UntrustedIssuer,
    /// `iss` and `tid` fit several trusted issuers: whose groups these are cannot be told.
    #[error("the token's issuer is registered more than once")]
    AmbiguousIssuer,
    /// The tenant is not one accepted of this issuer, or the token does not say which of several it is.
    #[error("the token's tenant is not accepted")]
    TenantNotAccepted,
    /// Tokens of this issuer are not good on this plane.
    #[error("the token's issuer is not trusted here")]
    IssuerNotForPlane,
    /// Its header names a signature algorithm that is not accepted of this issuer: `none` and symmetric ones never are.
    #[error("the token's signature algorithm is not accepted")]
    AlgorithmNotAccepted,
    /// The issuer has no key of this id that fits the algorithm.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// It names no key, and the issuer has several that fit.
    #[error("the token does not name its key")]
    KeyNotNamed,
    /// The signature is wrong.
    #[error("the token's signature is invalid")]
    InvalidSignature,
    /// `aud` is not this plane.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `aud` names others too: each of them could use the token here.
    #[error("the token is for several audiences")]
    SeveralAudiences,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The client app is not let in on this plane.
    #[error("the token's client app is not accepted")]
    ClientNotAccepted,
    /// `azp` and `appid` name two different client apps.
    #[error("the token names two client apps")]
    ClientsDisagree,
    /// The user is in more groups than fit into the token. Never read as "no groups".
    #[error("the token does not list the user's groups: there are too many of them")]
    GroupOverage,
    /// A delegated scope is missing that the client could ask for.
    #[error("the token lacks the scope '{required}'")]
    InsufficientScope {
        /// The scope.
        required: Scope,
    },
}

/// Every value of [`AuthnFault::reason`].
pub const REASONS: [&str; 25] = [
    "no_token",
    "repeated_authorization",
    "not_bearer",
    "malformed_token",
    "wrong_token_type",
    "claim_missing",
    "claim_malformed",
    "untrusted_issuer",
    "ambiguous_issuer",
    "tenant_not_accepted",
    "issuer_not_for_plane",
    "algorithm_not_accepted",
    "unknown_key",
    "key_not_named",
    "invalid_signature",
    "wrong_audience",
    "several_audiences",
    "token_expired",
    "token_not_yet_valid",
    "client_not_accepted",
    "clients_disagree",
    "group_overage",
    "insufficient_scope",
    "issuer_unavailable",
    "token_too_long",
];

impl AuthnFault {
    /// The reason as audits and `docs/errors.md` name it; one of [`REASONS`].
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Bearer(BearerFault::Missing) => "no_token",
            Self::Bearer(BearerFault::Repeated) => "repeated_authorization",
            Self::Bearer(BearerFault::WrongScheme) => "not_bearer",
            Self::Bearer(BearerFault::TooLong) => "token_too_long",
            Self::Bearer(BearerFault::Empty | BearerFault::InvalidCharacter) => "malformed_token",
            Self::Token(fault) => fault.reason(),
            Self::Unavailable => "issuer_unavailable",
        }
    }

    /// The HTTP status to answer with.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::Bearer(BearerFault::Repeated) => StatusCode::BAD_REQUEST,
            Self::Bearer(
                BearerFault::Missing
                | BearerFault::WrongScheme
                | BearerFault::Empty
                | BearerFault::InvalidCharacter
                | BearerFault::TooLong,
            ) => StatusCode::UNAUTHORIZED,
            Self::Token(fault) => fault.http_status(),
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `error` of the challenge (RFC 6750 §3.1); none where the caller has not tried to authenticate with a token,
    /// or where another token would not help.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::Bearer(BearerFault::Missing | BearerFault::WrongScheme) | Self::Unavailable => None,
            Self::Bearer(BearerFault::Repeated) => Some("invalid_request"),
            Self::Bearer(BearerFault::Empty | BearerFault::InvalidCharacter | BearerFault::TooLong) => {
                Some("invalid_token")
            }
            Self::Token(fault) => fault.oauth_error(),
        }
    }
}

impl TokenFault {
    /// See [`AuthnFault::reason`].
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_token",
            Self::WrongType => "wrong_token_type",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::ClaimMalformed { .. } => "claim_malformed",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::AmbiguousIssuer => "ambiguous_issuer",
            Self::TenantNotAccepted => "tenant_not_accepted",
            Self::IssuerNotForPlane => "issuer_not_for_plane",
            Self::AlgorithmNotAccepted => "algorithm_not_accepted",
            Self::UnknownKey => "unknown_key",
            Self::KeyNotNamed => "key_not_named",
            Self::InvalidSignature => "invalid_signature",
            Self::WrongAudience => "wrong_audience",
            Self::SeveralAudiences => "several_audiences",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::ClientNotAccepted => "client_not_accepted",
            Self::ClientsDisagree => "clients_disagree",
            Self::GroupOverage => "group_overage",
            Self::InsufficientScope { .. } => "insufficient_scope",
        }
    }

    /// See [`AuthnFault::http_status`].
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self.oauth_error() {
            Some("invalid_token") => StatusCode::UNAUTHORIZED,
            Some(_) | None => StatusCode::FORBIDDEN,
        }
    }

    /// See [`AuthnFault::oauth_error`]. With group overage there is none: a client that fetches a new token on
    /// `invalid_token` would get the same one, for ever.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            Self::GroupOverage => None,
            Self::Malformed(_)
            | Self::WrongType
            | Self::ClaimMissing { .. }
            | Self::ClaimMalformed { .. }
            | Self::UntrustedIssuer
            | Self::AmbiguousIssuer
            | Self::TenantNotAccepted
            | Self::IssuerNotForPlane
            | Self::AlgorithmNotAccepted
            | Self::UnknownKey
            | Self::KeyNotNamed
            | Self::InvalidSignature
            | Self::WrongAudience
            | Self::SeveralAudiences
            | Self::Expired
            | Self::NotYetValid
            | Self::ClientNotAccepted
            | Self::ClientsDisagree => Some("invalid_token"),
        }
    }
}
