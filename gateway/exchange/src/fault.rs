//! Why there is no Token B: whose fault that is, and whether to try again.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;
use onedoor_connect::FetchError;
use onedoor_model::{audit::NotDispatchedReason, registry::SecretRef};
use onedoor_secrets::SecretError;
use onedoor_wire::jwt::JwtFault;
use uuid::Uuid;

/// How long a refusal that will not pass by itself is remembered, so that a flood of calls is no flood of requests.
const REFUSAL_KEPT: Duration = Duration::from_secs(5);

/// No Token B could be had. Printing it shows neither tokens nor anything a provider said of its user.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoTokenB {
    /// Token A has ended, so Token B would be born dead. The caller's to mend, with a new token.
    #[error("the caller's token has expired")]
    Expired,
    /// An app calls on its own behalf, and there is no user to exchange its token for. The caller's fault; a repeat will not help.
    #[error("no user is behind the call whose token could be exchanged")]
    NoUser,
    /// The identity provider does not accept Token A any more: it is expired or revoked there. The caller's to mend, with a new token.
    #[error("the identity provider did not accept the caller's token: {0}")]
    TokenARejected(ProviderRefusal),
    /// The user, or an administrator for them, has not consented that the gateway calls the tool for them. Theirs to mend.
    #[error("consent to the tool is missing: {0}")]
    ConsentRequired(ProviderRefusal),
    /// The user must sign in again, in another way. Theirs to mend; a repeat helps after that.
    #[error("the user must sign in again: {refusal}")]
    InteractionRequired {
        /// What the provider said.
        refusal: ProviderRefusal,
        /// What it wants of the next sign-in, as it said it: a JSON text for the parameter `claims` of an authorization request
        /// (`OpenID` Connect Core §5.5). It must reach the client.
        claims: Option<String>,
    },
    /// The identity provider refused the gateway itself. The operator's fault; a repeat will not help.
    #[error("the identity provider refused the exchange: {0}")]
    ExchangeRefused(ProviderRefusal),
    /// The identity provider did not answer, or has too much to do. Its fault, or the network's; may pass.
    #[error("the identity provider is not available")]
    ExchangeUnavailable(#[source] Unavailable),
    /// The gateway has nothing to ask with. The operator's fault; a repeat will not help.
    #[error("the exchange is not set up")]
    NotSetUp(#[from] NotSetUp),
    /// The identity provider gave a token that is not the one asked for. Its fault, or the operator's; a repeat will not help.
    #[error("the identity provider's answer is no use")]
    Unusable(#[from] UnusableAnswer),
    /// It could not be signed. The gateway's fault.
    #[error("cannot sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// It cannot stand in a header. The gateway's fault.
    #[error("the token cannot be sent")]
    Unsendable,
}

/// What an identity provider's error tells an operator: enough to find it in the provider's own log, and nothing of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderRefusal {
    /// The answer's status.
    pub status: StatusCode,
    /// Entra's number of the error (`AADSTS…`).
    pub code: Option<u32>,
    /// Entra's id of the request.
    pub correlation: Option<Uuid>,
}

/// Why an identity provider is not available.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unavailable {
    /// No whole answer.
    #[error("no answer")]
    NoAnswer(#[source] Arc<FetchError>),
    /// It said so.
    #[error("{refusal}")]
    Said {
        /// What the provider said.
        refusal: ProviderRefusal,
        /// When it wants to be asked again (RFC 9110 §10.2.3), at most five minutes from then.
        retry_after: Option<Duration>,
    },
    /// Too many exchanges are under way.
    #[error("too many exchanges are under way")]
    Busy,
    /// The exchange was given up, as the gateway is stopping.
    #[error("the exchange was given up")]
    GivenUp,
}

/// What is missing on our side.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotSetUp {
    /// The caller's issuer has no client for exchanges (`onBehalfOf`).
    #[error("the caller's issuer has no client for exchanges")]
    NoClient,
    /// The token endpoint is no URL that secrets may be sent to.
    #[error("the token endpoint is not an https URL")]
    Endpoint,
    /// The token endpoint cannot be connected to.
    #[error("the token endpoint may not be connected to")]
    Connection(#[source] Arc<FetchError>),
    /// A credential cannot be read.
    #[error(transparent)]
    Secret(Arc<SecretError>),
    /// A credential is not of its kind.
    #[error("{reference} holds no {kind}")]
    Credential {
        /// Which.
        reference: SecretRef,
        /// What it should hold.
        kind: &'static str,
    },
}

/// Why an answer of an identity provider is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableAnswer {
    /// Not the answer of a token endpoint (RFC 6749 §5.1).
    #[error("it is not the answer of a token endpoint")]
    NotAnAnswer,
    /// Not a bearer token.
    #[error("it is not a bearer token")]
    TokenType,
    /// Not a JWT.
    #[error("the token is not a JWT")]
    NotAJwt(#[source] JwtFault),
    /// A claim that must be there is not, or is not of its type.
    #[error("the token lacks claims")]
    Claims,
    /// For another audience than the tool's.
    #[error("the token is for another audience")]
    Audience,
    /// Of another tenant than the caller's.
    #[error("the token is of another tenant")]
    Tenant,
    /// For another user than the caller.
    #[error("the token is for another user")]
    User,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
}

impl NoTokenB {
    /// What the record of the call says of it.
    #[must_use]
    pub fn not_dispatched(&self) -> NotDispatchedReason {
        match self {
            Self::TokenARejected(_) => NotDispatchedReason::TokenARejected,
            Self::ConsentRequired(_) => NotDispatchedReason::ConsentRequired,
            Self::InteractionRequired { .. } => NotDispatchedReason::InteractionRequired,
            Self::ExchangeRefused(_) => NotDispatchedReason::ExchangeRefused,
            Self::ExchangeUnavailable(_) => NotDispatchedReason::ExchangeUnavailable,
            Self::Expired
            | Self::NoUser
            | Self::NotSetUp(_)
            | Self::Unusable(_)
            | Self::Sign(_)
            | Self::Unsendable => NotDispatchedReason::NoTokenB,
        }
    }

    /// When the identity provider wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ExchangeUnavailable(Unavailable::Said { retry_after, .. }) => *retry_after,
            Self::ExchangeUnavailable(
                Unavailable::NoAnswer(_) | Unavailable::Busy | Unavailable::GivenUp,
            )
            | Self::Expired
            | Self::NoUser
            | Self::TokenARejected(_)
            | Self::ConsentRequired(_)
            | Self::InteractionRequired { .. }
            | Self::ExchangeRefused(_)
            | Self::NotSetUp(_)
            | Self::Unusable(_)
            | Self::Sign(_)
            | Self::Unsendable => None,
        }
    }

    /// How long the same exchange is not tried again. What the caller can mend at any moment is always tried.
    pub(crate) fn kept_for(&self) -> Option<Duration> {
        match self {
            Self::ConsentRequired(_) | Self::ExchangeRefused(_) => Some(REFUSAL_KEPT),
            Self::ExchangeUnavailable(_) => self.retry_after(),
            Self::Expired
            | Self::NoUser
            | Self::TokenARejected(_)
            | Self::InteractionRequired { .. }
            | Self::NotSetUp(_)
            | Self::Unusable(_)
            | Self::Sign(_)
            | Self::Unsendable => None,
        }
    }

    /// Whether the identity provider said that the caller may not have what they had before.
    pub(crate) fn takes_back(&self) -> bool {
        match self {
            Self::TokenARejected(_) | Self::ConsentRequired(_) | Self::InteractionRequired { .. } => true,
            Self::Expired
            | Self::NoUser
            | Self::ExchangeRefused(_)
            | Self::ExchangeUnavailable(_)
            | Self::NotSetUp(_)
            | Self::Unusable(_)
            | Self::Sign(_)
            | Self::Unsendable => false,
        }
    }
}

impl From<Unavailable> for NoTokenB {
    fn from(unavailable: Unavailable) -> Self {
        Self::ExchangeUnavailable(unavailable)
    }
}

impl From<SecretError> for NotSetUp {
    fn from(error: SecretError) -> Self {
        Self::Secret(Arc::new(error))
    }
}

impl fmt::Display for ProviderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status.as_u16())?;
        if let Some(code) = self.code {
            write!(f, ", AADSTS{code}")?;
        }
        if let Some(correlation) = self.correlation {
            write!(f, ", correlation id {correlation}")?;
        }
        Ok(())
    }
}
