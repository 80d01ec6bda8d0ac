//! Events of the streams `audit` and `denials`: what was called, by whom, and how it ended.
//!
//! Arguments and results are never recorded, only their sizes and a keyed digest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    decide::DenialReason,
    envelope::{EventData, read_data},
    ids::{
        CallId, ClientId, Digest, GrantId, IssuerName, Revision, Scope, ServerId, Slug, TenantId, ToolName,
        UserId, VersionNumber,
    },
    registry::Stage,
};

/// What the stream `audit` holds. All events of one call stand in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AuditEvent {
    /// A replica starts: its boot may write calls from here on.
    BootOpened(BootOpened),
    /// A call is about to be dispatched: appended and acknowledged before it may be.
    ToolCalled(Box<ToolCalled>),
    /// A call's outcome.
    ToolCallCompleted(ToolCallCompleted),
    /// A call was dispatched that by then was no longer to be.
    DispatchedLate(DispatchedLate),
    /// A boot writes no more. Its calls without an outcome ended as [`Outcome::Unknown`].
    BootClosed(BootClosed),
}

/// What the stream `denials` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DenialEvent {
    /// A known caller was refused.
    CallDenied(Box<CallDenied>),
    /// More refusals of a known caller than are recorded one by one.
    DenialsCounted(DenialsCounted),
    /// Requests without a valid token, by source network.
    AuthenticationsFailed(AuthenticationsFailed),
}

/// See [`AuditEvent::BootOpened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootOpened {
    /// The version of Onedoor that runs.
    pub software: String,
}

/// See [`AuditEvent::BootClosed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootClosed {
    /// The boot that is closed; another one closes it where it died.
    pub closed: crate::ids::BootId,
    /// How it ended.
    pub how: BootEnd,
}

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BootEnd {
    /// It drained and closed itself.
    Drained,
    /// It was found dead.
    Died,
}

/// Who called, on whose behalf and through which app, as verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// Trusted issuer's name.
    pub issuer: IssuerName,
    /// Tenant at that issuer.
    pub tenant: TenantId,
    /// User's object id; none for an app on its own behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The user's name as the token gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Client app.
    pub client: ClientId,
    /// Id of Token A.
    pub token_id: String,
}

/// A digest of something secret, with the id of its key: equal values can be matched, none can be guessed without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyedDigest {
    /// Which key.
    pub key_id: String,
    /// HMAC-SHA-256 of the exact bytes.
    pub digest: Digest,
}

/// See [`AuditEvent::ToolCalled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCalled {
    /// The call, sent upstream and returned to the client.
    pub call: CallId,
    /// MCP method, or HTTP method and route.
    pub operation: String,
    /// Server called.
    pub server: ServerId,
    /// Its slug at that time.
    pub slug: Slug,
    /// Version of the server that served it.
    pub version: VersionNumber,
    /// Stage it was called at.
    pub stage: Stage,
    /// Tool called.
    pub tool: ToolName,
    /// Digest of the tool's approved definition.
    pub tool_digest: Digest,
    /// Who called.
    pub caller: Caller,
    /// Scope that Token B was asked for with.
    pub required_scope: Scope,
    /// Audience of Token B.
    pub audience: String,
    /// How Token B was obtained.
    pub strategy: String,
    /// The grants that allowed it.
    pub grants: Vec<GrantId>,
    /// The registry revision decided on.
    pub revision: Revision,
    /// Keyed digest of the arguments' bytes.
    pub arguments: KeyedDigest,
    /// Size of the arguments in bytes.
    pub arguments_size: u64,
}

/// See [`AuditEvent::ToolCallCompleted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallCompleted {
    /// The call that ended.
    pub call: CallId,
    /// How.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// From the request's arrival to its end, in microseconds.
    pub duration_us: u64,
    /// From dispatch to the upstream's first byte, in microseconds; none where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
    /// Bytes of the answer that were passed on.
    pub answer_size: u64,
}

/// A pause fell between the last check and the write: the check that follows the write found it, and the request was reset. Whether the
/// tool did its work is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchedLate {
    /// The call.
    pub call: CallId,
    /// What was no longer so when it was written.
    pub cause: LateCause,
    /// From the last check before the write to the check after it, in microseconds.
    pub pause_us: u64,
}

/// See [`DispatchedLate::cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateCause {
    /// The lease had run out. (A command that takes the permit back does not count as enforced before what was decided on earlier is
    /// written: it makes nothing late.)
    Stale,
}

/// How a call ended. The first outcome of a call in offset order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "cause", rename_all = "snake_case")]
pub enum Outcome {
    /// The tool answered.
    Succeeded,
    /// The tool answered `isError`, or the server a JSON-RPC error.
    ToolError,
    /// The server did not answer as it must.
    UpstreamError(UpstreamFault),
    /// The call was ended before its answer was complete.
    Cancelled(CancelCause),
    /// The answer did not come in time.
    TimedOut,
    /// Recorded, but never sent to the server.
    NotDispatched(NotDispatchedReason),
    /// The replica died; whether the tool did its work is not known.
    Unknown,
}

/// What an upstream did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamFault {
    /// No connection, or it broke before the answer.
    Unreachable,
    /// It did not accept Token B.
    Unauthorized,
    /// An HTTP status that MCP does not provide for, redirects included.
    Status,
    /// The answer is not MCP: wrong type, malformed, for another request, a request of its own, or cut short.
    Protocol,
    /// The answer is larger than the limit.
    TooLarge,
}

/// Who ended a call early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCause {
    /// The client went away.
    Client,
    /// A registry change took the permit back.
    Revoked,
    /// The replica could not show for too long that it is up to date.
    Stale,
    /// Token A expired.
    TokenExpired,
    /// The replica was stopped.
    Drained,
    /// The client's connection ended, which in a session cancels nothing: the tool may have gone on, and its answer was not fetched.
    Disconnected,
}

/// Why a recorded call was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotDispatchedReason {
    /// A registry change took the permit back between decision and dispatch.
    Revoked,
    /// The replica's lease ran out, and did not come back in time.
    Stale,
    /// No connection to the server.
    Unreachable,
    /// Token B could not be obtained.
    NoTokenB,
    /// The user, or an administrator for them, has not consented to the tool.
    ConsentRequired,
    /// The identity provider wants the user to sign in again, in another way.
    InteractionRequired,
    /// The identity provider did not accept Token A for an exchange.
    TokenARejected,
    /// The identity provider refused the gateway itself.
    ExchangeRefused,
    /// The identity provider did not answer.
    ExchangeUnavailable,
    /// The server failed too often of late.
    CircuitOpen,
    /// Too many calls to the server were under way.
    Busy,
    /// The client went away.
    ClientGone,
    /// The call's deadline passed.
    Deadline,
    /// Its record could not be acknowledged; it may stand in the log all the same.
    AuditUnavailable,
}

/// See [`DenialEvent::CallDenied`]. Names are as the caller gave them: they may name nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallDenied {
    /// The call, returned to the client.
    pub call: CallId,
    /// MCP method, or HTTP method and route.
    pub operation: String,
    /// Server asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Tool asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Who was refused.
    pub caller: Caller,
    /// The true reason, whatever the caller was told.
    pub reason: DeniedFor,
    /// The registry revision decided on.
    pub revision: Revision,
}

/// Why a known caller was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeniedFor {
    /// On the data plane, by the decision rule.
    Rule(DenialReason),
    /// On the admin plane.
    Admin(AdminDenial),
    /// On the data plane, for calling too often.
    Limited(RateLimited),
}

/// Which rate limit a call was beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateLimited {
    /// The user's.
    #[serde(rename = "limited_per_user")]
    PerUser,
    /// The client app's.
    #[serde(rename = "limited_per_client")]
    PerClient,
    /// The server's.
    #[serde(rename = "limited_per_server")]
    PerServer,
}

/// Why a known caller may not do something on the admin plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminDenial {
    /// They hold none of the roles that would do.
    NoRole,
    /// It is another's server.
    NotOwner,
}

/// See [`DenialEvent::DenialsCounted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DenialsCounted {
    /// Who was refused; none counts together those for whom the table had no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// How many refusals were not recorded one by one.
    pub count: u64,
    /// First of them.
    pub since: Timestamp,
    /// Last of them.
    pub until: Timestamp,
}

/// See [`DenialEvent::AuthenticationsFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationsFailed {
    /// Source network (/24 or /48); none counts together those for which the table had no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Why, such as "expired".
    pub reason: String,
    /// How many.
    pub count: u64,
    /// First of them.
    pub since: Timestamp,
    /// Last of them.
    pub until: Timestamp,
}

impl AuditEvent {
    /// Every type this stream was ever written with.
    pub const KINDS: [&'static str; 5] = [
        "dev.onedoor.BootOpened.v1",
        "dev.onedoor.ToolCalled.v1",
        "dev.onedoor.ToolCallCompleted.v1",
        "dev.onedoor.DispatchedLate.v1",
        "dev.onedoor.BootClosed.v1",
    ];
}

impl EventData for AuditEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::BootOpened(_) => "dev.onedoor.BootOpened.v1",
            Self::ToolCalled(_) => "dev.onedoor.ToolCalled.v1",
            Self::ToolCallCompleted(_) => "dev.onedoor.ToolCallCompleted.v1",
            Self::DispatchedLate(_) => "dev.onedoor.DispatchedLate.v1",
            Self::BootClosed(_) => "dev.onedoor.BootClosed.v1",
        }
    }

    fn upcast(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            "dev.onedoor.BootOpened.v1" => read_data(data).map(Self::BootOpened),
            "dev.onedoor.ToolCalled.v1" => read_data(data).map(Self::ToolCalled),
            "dev.onedoor.ToolCallCompleted.v1" => read_data(data).map(Self::ToolCallCompleted),
            "dev.onedoor.DispatchedLate.v1" => read_data(data).map(Self::DispatchedLate),
            "dev.onedoor.BootClosed.v1" => read_data(data).map(Self::BootClosed),
            _ => return None,
        })
    }
}

impl DenialEvent {
    /// Every type this stream was ever written with.
    pub const KINDS: [&'static str; 3] = [
        "dev.onedoor.CallDenied.v1",
        "dev.onedoor.DenialsCounted.v1",
        "dev.onedoor.AuthenticationsFailed.v1",
    ];
}

impl EventData for DenialEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::CallDenied(_) => "dev.onedoor.CallDenied.v1",
            Self::DenialsCounted(_) => "dev.onedoor.DenialsCounted.v1",
            Self::AuthenticationsFailed(_) => "dev.onedoor.AuthenticationsFailed.v1",
        }
    }

    fn upcast(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            "dev.onedoor.CallDenied.v1" => read_data(data).map(Self::CallDenied),
            "dev.onedoor.DenialsCounted.v1" => read_data(data).map(Self::DenialsCounted),
            "dev.onedoor.AuthenticationsFailed.v1" => read_data(data).map(Self::AuthenticationsFailed),
            _ => return None,
        })
    }
}

impl From<DenialReason> for DeniedFor {
    fn from(rule: DenialReason) -> Self {
        Self::Rule(rule)
    }
}

impl From<RateLimited> for DeniedFor {
    fn from(limit: RateLimited) -> Self {
        Self::Limited(limit)
    }
}

impl Caller {
    /// A verified principal as the record shows it.
    #[must_use]
    pub fn of(principal: &crate::principal::Principal) -> Self {
        Self {
            issuer: principal.issuer.clone(),
            tenant: principal.tenant.clone(),
            user: principal.user.clone(),
            user_name: principal.display_name.clone(),
            client: principal.client.clone(),
            token_id: principal.token_id.clone(),
        }
    }
}
