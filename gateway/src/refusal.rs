//! How refusals look. Every reason has one HTTP status and one code, here and in `docs/errors.md`, which a test compares.

#[cfg(test)]
mod tests;

use std::time::Duration;

use http::StatusCode;
use onedoor_exchange::NoTokenB;
use onedoor_model::{audit::UpstreamFault, decide::DenialReason};
use onedoor_wire::malformed::code;

/// Why a well-formed request of a known caller is refused. Told as a JSON-RPC error in HTTP 200, as clients break on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The decision rule said no.
    Denied(DenialReason),
    /// The registry changed between decision and dispatch so that another version would serve the call.
    RegistryChanged,
    /// Token A ended during the call.
    TokenExpired,
    /// The call cannot be recorded.
    AuditUnavailable,
    /// Too many calls are under way.
    Overloaded,
    /// The user, the client app or the server has had as many calls as an administrator allows for the time.
    Limited,
    /// Token B could not be obtained.
    NoTokenB,
    /// The user, or an administrator for them, has not consented to the tool at the identity provider.
    ConsentRequired,
    /// The identity provider wants the user to sign in again, in another way.
    InteractionRequired,
    /// The identity provider did not accept Token A for an exchange.
    TokenARejected,
    /// The identity provider did not answer the exchange.
    ExchangeUnavailable,
    /// The server failed too often of late.
    CircuitOpen,
    /// Too many calls to this server are under way.
    UpstreamBusy,
    /// The server does not speak the client's era of MCP.
    EraNotSupported,
    /// The server failed.
    Upstream(UpstreamFault),
    /// The server took too long.
    UpstreamTimeout,
    /// The client cancelled the call.
    Cancelled,
    /// The replica is stopping.
    Draining,
    /// The replica cannot show that it is up to date.
    Stale,
    /// The door failed.
    Internal,
}

/// Why a request is refused by HTTP status alone: before anyone reads what it wants, or outside MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpReason {
    /// `Host` names a host that is not served here.
    HostNotServed,
    /// `Origin` names a web page that may not call.
    OriginNotAllowed,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTooSlow,
    /// The body is not what its headers announced.
    BodyIncomplete,
    /// A query parameter is not valid.
    BadQuery,
    /// An administrator has blocked the user or the client app.
    Blocked,
    /// The log was restored from a backup, and nobody has accepted that yet.
    RestoreNotAccepted,
    /// The replica cannot show that it is up to date.
    Stale,
    /// An access token stands in the query.
    TokenInQuery,
    /// `Upgrade` asks for another protocol.
    UpgradeNotServed,
    /// `Expect` asks for something else than `100-continue`.
    ExpectationFailed,
}

/// Why a call failed, with what else its answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    /// What the identity provider wants of the user's next sign-in, as it said it (`claims` of `OpenID` Connect Core §5.5).
    pub(crate) claims: Option<String>,
    /// When to try again.
    pub(crate) retry_after: Option<Duration>,
}

/// A reason as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `data.reason`.
    pub name: &'static str,
    /// JSON-RPC error code: outside −32768…−32000, which is the protocol's (JSON-RPC 2.0 §5.1).
    pub code: i64,
    /// What to say.
    pub message: &'static str,
    /// Whether the same request may succeed later.
    pub retry: bool,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            claims: None,
            retry_after: None,
        }
    }
}

impl From<NoTokenB> for Failure {
    fn from(error: NoTokenB) -> Self {
        let retry_after = error.retry_after();
        let (reason, claims) = match error {
            NoTokenB::Expired => (Reason::TokenExpired, None),
            NoTokenB::TokenARejected(_) => (Reason::TokenARejected, None),
            NoTokenB::ConsentRequired(_) => (Reason::ConsentRequired, None),
            NoTokenB::InteractionRequired { claims, .. } => (Reason::InteractionRequired, claims),
            NoTokenB::ExchangeUnavailable(_) => (Reason::ExchangeUnavailable, None),
            NoTokenB::NoUser
            | NoTokenB::ExchangeRefused(_)
            | NoTokenB::NotSetUp(_)
            | NoTokenB::Unusable(_)
            | NoTokenB::Sign(_)
            | NoTokenB::Unsendable => (Reason::NoTokenB, None),
        };
        Self {
            reason,
            claims,
            retry_after,
        }
    }
}

impl HttpReason {
    /// All reasons.
    pub const ALL: [Self; 12] = [
        Self::HostNotServed,
        Self::OriginNotAllowed,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::BodyIncomplete,
        Self::BadQuery,
        Self::Blocked,
        Self::RestoreNotAccepted,
        Self::Stale,
        Self::TokenInQuery,
        Self::UpgradeNotServed,
        Self::ExpectationFailed,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HostNotServed => "host_not_served",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyIncomplete => "body_incomplete",
            Self::BadQuery => "bad_query",
            Self::Blocked => "blocked",
            Self::RestoreNotAccepted => "restore_not_accepted",
            Self::Stale => "stale",
            Self::TokenInQuery => "token_in_query",
            Self::UpgradeNotServed => "upgrade_not_served",
            Self::ExpectationFailed => "expectation_failed",
        }
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::HostNotServed => StatusCode::MISDIRECTED_REQUEST,
            Self::OriginNotAllowed | Self::Blocked => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyIncomplete | Self::BadQuery | Self::TokenInQuery | Self::UpgradeNotServed => {
                StatusCode::BAD_REQUEST
            }
            Self::RestoreNotAccepted | Self::Stale => StatusCode::SERVICE_UNAVAILABLE,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
        }
    }
}

impl Reason {
    /// All reasons.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let upstream = [
            UpstreamFault::Unreachable,
            UpstreamFault::Unauthorized,
            UpstreamFault::Status,
            UpstreamFault::Protocol,
            UpstreamFault::TooLarge,
        ];
        let others = [
            Self::RegistryChanged,
            Self::TokenExpired,
            Self::AuditUnavailable,
            Self::Overloaded,
            Self::Limited,
            Self::NoTokenB,
            Self::ConsentRequired,
            Self::InteractionRequired,
            Self::TokenARejected,
            Self::ExchangeUnavailable,
            Self::CircuitOpen,
            Self::UpstreamBusy,
            Self::EraNotSupported,
            Self::UpstreamTimeout,
            Self::Cancelled,
            Self::Draining,
            Self::Stale,
            Self::Internal,
        ];
        let denied = DenialReason::ALL.into_iter().map(Self::Denied);
        denied
            .chain(upstream.into_iter().map(Self::Upstream))
            .chain(others)
            .collect()
    }

    /// 200, as MCP clients break on others, but where the client's own token is at fault: what it does on 401 is what helps.
    #[must_use]
    pub fn http_status(self) -> StatusCode {
        match self {
            Self::InteractionRequired | Self::TokenARejected => StatusCode::UNAUTHORIZED,
            Self::Denied(_)
            | Self::RegistryChanged
            | Self::TokenExpired
            | Self::AuditUnavailable
            | Self::Overloaded
            | Self::Limited
            | Self::NoTokenB
            | Self::ConsentRequired
            | Self::ExchangeUnavailable
            | Self::CircuitOpen
            | Self::UpstreamBusy
            | Self::EraNotSupported
            | Self::Upstream(_)
            | Self::UpstreamTimeout
            | Self::Cancelled
            | Self::Draining
            | Self::Stale
            | Self::Internal => StatusCode::OK,
        }
    }

    /// How this reason is told. What the caller may not know is told as what does not exist, word for word.
    #[must_use]
    pub fn told(self) -> Told {
        let told = |name, code, message, retry| Told {
            name,
            code,
            message,
            retry,
        };
        match self {
            Self::Denied(DenialReason::UnknownTool | DenialReason::ToolNotGranted) => {
                told("unknown_tool", code::INVALID_PARAMS, "Unknown tool", false)
            }
            Self::Denied(
                DenialReason::UnknownServer
                | DenialReason::ServerNotGranted
                | DenialReason::WrongKind
                | DenialReason::NoVersion
                | DenialReason::NotApproved,
            ) => told("unknown_server", 4004, "Unknown server", false),
            Self::Denied(DenialReason::Blocked) => told(
                "blocked",
                4003,
                "Access is blocked; ask your security team",
                false,
            ),
            Self::Denied(DenialReason::RestoreNotAccepted) => told(
                "restore_not_accepted",
                5013,
                "Onedoor was restored from a backup; nothing is served until a security administrator accepts that",
                true,
            ),
            Self::Denied(DenialReason::ServerDisabled) => told(
                "server_disabled",
                4010,
                "This server is disabled by an administrator",
                true,
            ),
            Self::Denied(DenialReason::ToolDisabled) => told(
                "tool_disabled",
                4011,
                "This tool is disabled by an administrator",
                true,
            ),
            Self::RegistryChanged => told(
                "registry_changed",
                4009,
                "The server changed while the call was prepared; try again",
                true,
            ),
            Self::TokenExpired => told(
                "token_expired",
                4001,
                "The access token expired during the call",
                true,
            ),
            Self::AuditUnavailable => told(
                "audit_unavailable",
                5003,
                "The call cannot be recorded now, so it was not made",
                true,
            ),
            Self::Overloaded => told("overloaded", 5029, "Too many calls are under way", true),
            Self::Limited => told(
                "limited",
                4029,
                "Too many calls for the time; try again later",
                true,
            ),
            Self::NoTokenB => told(
                "no_token_b",
                5005,
                "No token for the tool could be obtained",
                true,
            ),
            Self::ConsentRequired => told(
                "consent_required",
                4006,
                "You, or an administrator for you, must consent to this tool at your identity provider",
                false,
            ),
            Self::InteractionRequired => told(
                "interaction_required",
                4007,
                "Your identity provider asks you to sign in again",
                true,
            ),
            Self::TokenARejected => told(
                "token_rejected",
                4008,
                "Your identity provider no longer accepts the access token",
                true,
            ),
            Self::ExchangeUnavailable => told(
                "exchange_unavailable",
                5006,
                "The identity provider did not answer; try again",
                true,
            ),
            Self::CircuitOpen => told(
                "circuit_open",
                5025,
                "The tool's server failed repeatedly and is left alone for a moment",
                true,
            ),
            Self::UpstreamBusy => told(
                "upstream_busy",
                5026,
                "Too many calls to this tool's server are under way",
                true,
            ),
            Self::EraNotSupported => told(
                "era_not_supported",
                4012,
                "This tool's server does not speak the client's revision of MCP",
                false,
            ),
            Self::Upstream(UpstreamFault::Unreachable) => told(
                "upstream_unreachable",
                5020,
                "The tool's server cannot be reached",
                true,
            ),
            Self::Upstream(UpstreamFault::Unauthorized) => told(
                "upstream_unauthorized",
                5021,
                "The tool's server did not accept the gateway's token",
                false,
            ),
            Self::Upstream(UpstreamFault::Status) => told(
                "upstream_status",
                5022,
                "The tool's server answered with an unexpected HTTP status",
                true,
            ),
            Self::Upstream(UpstreamFault::Protocol) => told(
                "upstream_protocol",
                5023,
                "The tool's server gave an answer that is not valid MCP",
                true,
            ),
            Self::Upstream(UpstreamFault::TooLarge) => told(
                "upstream_too_large",
                5024,
                "The tool's server gave an answer beyond the size limit",
                false,
            ),
            Self::UpstreamTimeout => told("upstream_timeout", 5040, "The tool did not answer in time", true),
            Self::Cancelled => told("cancelled", 4013, "The client cancelled the call", false),
            Self::Draining => told(
                "draining",
                5030,
                "This gateway replica is stopping; try again",
                true,
            ),
            Self::Stale => told(
                "stale",
                5031,
                "This gateway replica cannot show that it is up to date; try again",
                true,
            ),
            Self::Internal => told("internal", 5000, "The gateway failed", true),
        }
    }
}
