//! The calls that are made, and what a right answer to one is.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Deserialize;

/// The one tool of the measured server.
pub const TOOL: &str = "measure";

/// How often a streamed answer reports progress before it ends.
pub const PROGRESS: u64 = 3;

/// The era of MCP that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Revision 2026-07-28.
    Stateless,
    /// Revision 2025-11-25, in a session.
    Session,
}

/// How many bytes of text a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// 32 bytes.
    Small,
    /// 16 KiB.
    Large,
}

/// The form in which the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document.
    Json,
    /// Server-sent events: [`PROGRESS`] notifications, then the answer.
    Sse,
}

/// One kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What goes up.
    pub payload: Payload,
    /// How the answer comes down.
    pub form: Form,
}

/// An answer that is not the right one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongAnswer {
    /// Another HTTP status than 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// Another media type than the call's form has.
    #[error("media type {0:?}")]
    MediaType(String),
    /// Not the result that the measured server gives.
    #[error("not the expected result: {0}")]
    Body(String),
}

/// A result of [`TOOL`].
#[derive(Deserialize)]
struct Answer {
    id: u64,
    result: CallResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallResult {
    structured_content: Measured,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    arguments_bytes: usize,
}

#[derive(Deserialize)]
struct Notification {
    method: String,
    params: ProgressParams,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressParams {
    progress_token: u64,
    progress: u64,
}

impl Era {
    /// Both, the newer one first.
    pub const ALL: [Self; 2] = [Self::Stateless, Self::Session];

    /// The revision.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Stateless => "2026-07-28",
            Self::Session => "2025-11-25",
        }
    }

    /// The headers of a call, but for `Host`, `Authorization` and the session's.
    #[must_use]
    pub fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        headers.insert("mcp-protocol-version", HeaderValue::from_static(self.version()));
        if self == Self::Stateless {
            headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
            headers.insert("mcp-name", HeaderValue::from_static(TOOL));
        }
        headers
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

impl Payload {
    /// Length of the text.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Small => 32,
            Self::Large => 16 << 10,
        }
    }

    /// The arguments, a JSON object.
    #[must_use]
    pub fn arguments(self) -> String {
        format!(r#"{{"text":"{}"}}"#, "x".repeat(self.bytes()))
    }
}

impl Case {
    /// Every kind of call.
    pub const ALL: [Self; 4] = [
        Self {
            payload: Payload::Small,
            form: Form::Json,
        },
        Self {
            payload: Payload::Large,
            form: Form::Json,
        },
        Self {
            payload: Payload::Small,
            form: Form::Sse,
        },
        Self {
            payload: Payload::Large,
            form: Form::Sse,
        },
    ];

    /// The body of a call.
    #[must_use]
    pub fn body(self, era: Era, id: u64) -> Bytes {
        let mut meta = Vec::new();
        if era == Era::Stateless {
            meta.push(
                concat!(
                    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                    r#""io.modelcontextprotocol/clientInfo":{"name":"onedoor-bench","version":"1"},"#,
                    r#""io.modelcontextprotocol/clientCapabilities":{}"#
                )
                .to_owned(),
            );
        }
        if self.form == Form::Sse {
            meta.push(format!(r#""progressToken":{id}"#));
        }
        Bytes::from(format!(
            concat!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","#,
                r#""params":{{"name":"{tool}","arguments":{arguments},"_meta":{{{meta}}}}}}}"#
            ),
            id = id,
            tool = TOOL,
            arguments = self.payload.arguments(),
            meta = meta.join(","),
        ))
    }

    /// Checks a whole answer to the call `id`.
    ///
    /// # Errors
    /// [`WrongAnswer`]
    pub fn check(self, id: u64, status: u16, headers: &HeaderMap, body: &[u8]) -> Result<(), WrongAnswer> {
        if status != 200 {
            return Err(WrongAnswer::Status(status));
        }
        let media_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let expected = match self.form {
            Form::Json => "application/json",
            Form::Sse => "text/event-stream",
        };
        if media_type != expected {
            return Err(WrongAnswer::MediaType(media_type.to_owned()));
        }
        let right = match self.form {
            Form::Json => self.is_answer(id, body),
            Form::Sse => self.is_stream(id, body),
        };
        if right {
            Ok(())
        } else {
            Err(WrongAnswer::Body(String::from_utf8_lossy(body).into_owned()))
        }
    }

    fn is_answer(self, id: u64, body: &[u8]) -> bool {
        serde_json::from_slice::<Answer>(body).is_ok_and(|answer| {
            answer.id == id
                && answer.result.structured_content.arguments_bytes == self.payload.arguments().len()
        })
    }

    fn is_stream(self, id: u64, body: &[u8]) -> bool {
        let Some(events) = str::from_utf8(body)
            .ok()
            .and_then(|text| text.strip_suffix("\n\n"))
        else {
            return false;
        };
        let events: Option<Vec<&str>> = events
            .split("\n\n")
            .map(|event| event.strip_prefix("event: message\ndata: "))
            .collect();
        let Some((last, progress)) = events.as_deref().and_then(<[_]>::split_last) else {
            return false;
        };
        progress.len() as u64 == PROGRESS
            && (1..)
                .zip(progress)
                .all(|(step, event)| is_progress(id, step, event))
            && self.is_answer(id, last.as_bytes())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = match self.payload {
            Payload::Small => "32 B",
            Payload::Large => "16 KiB",
        };
        let form = match self.form {
            Form::Json => "JSON answer",
            Form::Sse => "SSE answer with progress",
        };
        write!(f, "{payload} up, {form}")
    }
}

fn is_progress(token: u64, step: u64, event: &str) -> bool {
    serde_json::from_str::<Notification>(event).is_ok_and(|event| {
        let ProgressParams {
            progress_token,
            progress,
        } = event.params;
        event.method == "notifications/progress" && progress_token == token && progress == step
    })
}
