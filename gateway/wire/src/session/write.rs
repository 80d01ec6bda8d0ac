//! What we send to an upstream in a session: envelope written by us, values copied as bytes.

use std::borrow::Cow;

use super::{ClientCapabilities, ClientOutcome, LogLevel, SessionVersion};
use crate::{
    json::write::{self, ObjectWriter},
    reply,
    request::{ProgressToken, RequestId},
    upstream_request::CallerMeta,
};

/// `initialize` in our own name.
#[derive(Debug, Clone, Copy)]
pub struct InitializeRequest<'a> {
    /// The id, echoed by the upstream.
    pub id: RequestId<'a>,
    /// The revision we ask for.
    pub version: SessionVersion,
    /// What the client can do, copied.
    pub capabilities: ClientCapabilities<'a>,
    /// Who we say we are.
    pub client_name: &'a str,
    /// Our version.
    pub client_version: &'a str,
}

/// `tools/call` for a client.
#[derive(Debug, Clone, Copy)]
pub struct ToolCall<'a> {
    /// The id, echoed by the upstream.
    pub id: RequestId<'a>,
    /// The tool's own name.
    pub name: &'a str,
    /// `arguments`: the checked text of a JSON object, copied.
    pub arguments: Option<&'a str>,
    /// The token for progress, copied.
    pub progress_token: Option<ProgressToken<'a>>,
    /// W3C `traceparent` of our span.
    pub traceparent: Option<&'a str>,
    /// W3C `tracestate`, checked.
    pub tracestate: Option<&'a str>,
    /// Opaque `_meta` members of the caller ([`crate::request::Meta::other`]); reserved ones are left out, as in
    /// [`crate::upstream_request::UpstreamRequest`].
    pub other_meta: &'a [(Cow<'a, str>, &'a str)],
}

impl InitializeRequest<'_> {
    /// The body, compact JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        request(self.id, "initialize", |params| {
            params.string("protocolVersion", self.version.as_str());
            params.object("capabilities", |capabilities| {
                let ClientCapabilities {
                    elicitation,
                    sampling,
                    roots,
                } = self.capabilities;
                let known = [
                    ("elicitation", elicitation),
                    ("sampling", sampling),
                    ("roots", roots),
                ];
                for (key, raw) in known {
                    if let Some(raw) = raw {
                        capabilities.raw(key, raw);
                    }
                }
            });
            params.object("clientInfo", |info| {
                info.string("name", self.client_name);
                info.string("version", self.client_version);
            });
        })
    }
}

impl ToolCall<'_> {
    /// The body, compact JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        request(self.id, "tools/call", |params| {
            params.string("name", self.name);
            if let Some(arguments) = self.arguments {
                params.raw("arguments", arguments);
            }
            params.object("_meta", |meta| {
                CallerMeta {
                    progress_token: self.progress_token,
                    traceparent: self.traceparent,
                    tracestate: self.tracestate,
                    other: self.other_meta,
                }
                .write(meta);
            });
        })
    }
}

/// `notifications/initialized`
#[must_use]
pub fn initialized() -> Vec<u8> {
    notification("notifications/initialized", |_| {})
}

/// `logging/setLevel`
#[must_use]
pub fn set_level(id: RequestId<'_>, level: LogLevel) -> Vec<u8> {
    request(id, "logging/setLevel", |params| {
        params.string("level", level.as_str());
    })
}

/// `notifications/cancelled` of the client's request `request_id`.
#[must_use]
pub fn cancelled(request_id: RequestId<'_>, reason: Option<&str>) -> Vec<u8> {
    notification("notifications/cancelled", |notification| {
        notification.object("params", |params| {
            params.raw("requestId", request_id.as_raw());
            if let Some(reason) = reason {
                params.string("reason", reason);
            }
        });
    })
}

/// `notifications/progress`; `params` is the checked text of an object, copied.
#[must_use]
pub fn progress(params: &str) -> Vec<u8> {
    notification("notifications/progress", |notification| {
        notification.raw("params", params);
    })
}

/// `notifications/roots/list_changed`
#[must_use]
pub fn roots_list_changed() -> Vec<u8> {
    notification("notifications/roots/list_changed", |_| {})
}

/// A client's response to a request of the server, under the id the server gave it.
#[must_use]
pub fn response(id: RequestId<'_>, outcome: ClientOutcome<'_>) -> Vec<u8> {
    match outcome {
        ClientOutcome::Result(result) => reply::result(id, result),
        ClientOutcome::Error(error) => reply::raw_error(id, error),
    }
}

fn request(id: RequestId<'_>, method: &str, params: impl FnOnce(&mut ObjectWriter<'_>)) -> Vec<u8> {
    message(Some(id), method, |message| message.object("params", params))
}

fn notification(method: &str, rest: impl FnOnce(&mut ObjectWriter<'_>)) -> Vec<u8> {
    message(None, method, rest)
}

fn message(id: Option<RequestId<'_>>, method: &str, rest: impl FnOnce(&mut ObjectWriter<'_>)) -> Vec<u8> {
    let mut body = Vec::new();
    write::object(&mut body, |message| {
        message.string("jsonrpc", "2.0");
        if let Some(id) = id {
            message.raw("id", id.as_raw());
        }
        message.string("method", method);
        rest(message);
    });
    body
}
