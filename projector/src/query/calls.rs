//! Who called what, and how it ended.

use std::{fmt, num::NonZeroU32, str::FromStr};

use jiff::Timestamp;
use onedoor_model::ids::{CallId, GrantId, Revision, ServerId};
use serde::{Deserialize, Serialize};

use super::{ServerSelector, milliseconds, milliseconds_if_any};

/// Which calls. Every part that is given must hold; values are compared exactly.
#[derive(Clone, Debug)]
pub struct CallQuery {
    /// The server called, or asked for.
    pub server: Option<ServerSelector>,
    /// The tool, by its server's own name.
    pub tool: Option<String>,
    /// The user, by object id or by name.
    pub user: Option<String>,
    /// The client app.
    pub client: Option<String>,
    /// How they ended.
    pub outcome: Option<CallOutcome>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Entries on a page.
    pub limit: NonZeroU32,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// How a call stands: its outcome as recorded, `denied` where it was refused, `open` while neither is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "see `onedoor_model::audit::Outcome`")]
pub enum CallOutcome {
    Open,
    Succeeded,
    ToolError,
    UpstreamError,
    Cancelled,
    TimedOut,
    NotDispatched,
    Unknown,
    Denied,
}

/// A text that names no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no outcome {0:?}; there are {list}", list = CallOutcome::ALL.map(CallOutcome::as_str).join(", "))]
pub struct UnknownOutcome(pub String);

/// A call, or the refusal of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRow {
    /// When the log took the record of it, which is before the call left: by the log's own clock, in whole milliseconds. Calls are
    /// ordered, and asked for, by this time: it never decreases within a partition, so that a past range never gains a call.
    #[serde(serialize_with = "milliseconds")]
    pub time: Timestamp,
    /// The call's id, which client and server were told.
    pub call: CallId,
    /// How it stands.
    pub outcome: CallOutcome,
    /// Why, where there is more to say: the fault, who cancelled, the true reason of a refusal.
    pub cause: Option<String>,
    /// Why it should no longer have left when it did: a pause fell between the last check and the write (`stale` or `revoked`, see
    /// [`LateCause`](onedoor_model::audit::LateCause)). Whether the tool did its work is not known.
    pub late: Option<String>,
    /// MCP method, or HTTP method and route.
    pub operation: String,
    /// The server's slug at that time; of a refused call, the name that the caller gave.
    pub server: Option<String>,
    /// The server; none where the call was refused, as the name may be nobody's.
    pub server_id: Option<ServerId>,
    /// The server's version.
    pub version: Option<u32>,
    /// `qa` or `production`.
    pub stage: Option<String>,
    /// The tool; of a refused call, the name that the caller gave.
    pub tool: Option<String>,
    /// Trusted issuer's name.
    pub issuer: String,
    /// Tenant.
    pub tenant: String,
    /// User's object id; none for an app on its own behalf.
    pub user: Option<String>,
    /// The user's name as the token gave it.
    pub user_name: Option<String>,
    /// Client app.
    pub client: String,
    /// Id of Token A.
    pub token_id: String,
    /// Trace id (W3C Trace Context §3.2.2.3): 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// Scope of Token B.
    pub required_scope: Option<String>,
    /// Audience of Token B.
    pub audience: Option<String>,
    /// The grants that allowed it.
    pub grants: Vec<GrantId>,
    /// The registry revision it was decided on.
    pub revision: Revision,
    /// When the log took the outcome.
    #[serde(serialize_with = "milliseconds_if_any")]
    pub ended: Option<Timestamp>,
    /// From the request's arrival to its end, in milliseconds.
    pub duration_ms: Option<f64>,
    /// From dispatch to the server's first byte, in milliseconds.
    pub upstream_ms: Option<f64>,
    /// Bytes of the arguments.
    pub arguments_size: Option<u64>,
    /// Bytes of the answer that were passed on.
    pub answer_size: Option<u64>,
}

impl CallQuery {
    /// Every call, `limit` on a page.
    #[must_use]
    pub fn all(limit: NonZeroU32) -> Self {
        Self {
            server: None,
            tool: None,
            user: None,
            client: None,
            outcome: None,
            since: None,
            until: None,
            limit,
            cursor: None,
        }
    }
}

impl CallOutcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::Succeeded,
        Self::ToolError,
        Self::UpstreamError,
        Self::Cancelled,
        Self::TimedOut,
        Self::NotDispatched,
        Self::Unknown,
        Self::Denied,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Succeeded => "succeeded",
            Self::ToolError => "tool_error",
            Self::UpstreamError => "upstream_error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::NotDispatched => "not_dispatched",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CallOutcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_one_name() {
        for outcome in CallOutcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        let error = "done".parse::<CallOutcome>().unwrap_err();
        assert!(error.to_string().contains("timed_out"), "{error}");
    }
}
