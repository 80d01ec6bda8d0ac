//! Reading the envelope: JSON-RPC, `params`, `_meta`.

use std::borrow::Cow;

use super::{ClientInfo, Limits, Params, ProgressToken, Refused, Request, RequestId, look_alike};
use crate::{
    json::{Document, JsonError, Kind, Value},
    malformed::Malformed,
    meta_key,
};

const TOP_KEYS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

const PARAMS_KEYS: &[&str] = &[
    "name",
    "arguments",
    "_meta",
    "cursor",
    "uri",
    "requestState",
    "inputResponses",
];

const META_KEYS: &[&str] = &[
    meta_key::PROTOCOL_VERSION,
    meta_key::CLIENT_INFO,
    meta_key::CLIENT_CAPABILITIES,
    meta_key::LOG_LEVEL,
    meta_key::PROGRESS_TOKEN,
    meta_key::TRACEPARENT,
    meta_key::TRACESTATE,
    meta_key::BAGGAGE,
];

/// What has been read so far. A fault in what the JSON says does not stop the reading: the id may still come.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// The first fault.
    fault: Option<Malformed>,
    is_json_rpc: bool,
    id: Id<'a>,
    method: Option<Cow<'a, str>>,
    params: Params<'a>,
}

#[derive(Debug, Default)]
enum Id<'a> {
    #[default]
    Absent,
    Good(RequestId<'a>),
    /// Of a wrong type, or there twice.
    Bad,
}

/// Reads a client's message: a JSON-RPC 2.0 request or notification.
///
/// What only requests of revision 2026-07-28 must carry in `_meta` is checked with the headers
/// ([`crate::headers::check_request`]), for which revision it is must be clear first.
///
/// # Errors
/// The fault, with the message's id if that was read.
pub fn read_request(body: &[u8], limits: Limits) -> Result<Request<'_>, Refused<'_>> {
    let mut reading = Reading::default();
    let json =
        Document::with_max_depth(body, limits.max_depth).and_then(|text| text.read(|top| reading.top(top)));
    // Text that is no JSON outweighs whatever it seemed to say.
    if let Err(error) = json {
        reading.fault = Some(Malformed::Json(error));
    }
    reading.finish()
}

impl<'a> Reading<'a> {
    fn finish(self) -> Result<Request<'a>, Refused<'a>> {
        let id = match self.id {
            Id::Good(id) => Some(id),
            Id::Absent | Id::Bad => None,
        };
        let refused = |fault| Err(Refused { id, fault });
        if let Some(fault) = self.fault {
            return refused(fault);
        }
        if !self.is_json_rpc {
            return refused(Malformed::Jsonrpc);
        }
        let Some(method) = self.method else {
            return refused(Malformed::Method);
        };
        let request = Request {
            id,
            method,
            params: self.params,
        };
        match missing_param(&request) {
            Some(param) => refused(Malformed::ParamMissing(param)),
            None => Ok(request),
        }
    }

    fn top(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        if value.kind() == Kind::Array {
            self.note(Malformed::Batch);
        }
        if value.members(|key, value| self.member(&key, value))?.is_none() {
            self.note(Malformed::NotAnObject);
        }
        Ok(())
    }

    fn member(&mut self, key: &str, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key {
            "jsonrpc" => match value.string()?.as_deref() {
                Some("2.0") => self.is_json_rpc = true,
                Some(_) | None => self.note(Malformed::Jsonrpc),
            },
            "id" => {
                self.id = match (&self.id, RequestId::read(value)?) {
                    (Id::Absent, Some(id)) => Id::Good(id),
                    (Id::Absent | Id::Good(_) | Id::Bad, _) => {
                        self.note(Malformed::Id);
                        Id::Bad
                    }
                };
            }
            "method" => {
                self.method = value.string()?;
                if self.method.is_none() {
                    self.note(Malformed::Method);
                }
            }
            "params" => {
                if value.members(|key, value| self.param(&key, value))?.is_none() {
                    self.note(Malformed::Params);
                }
            }
            "result" | "error" => self.note(Malformed::Response),
            other => self.unknown_key(other, TOP_KEYS),
        }
        Ok(())
    }

    fn param(&mut self, key: &str, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key {
            "name" => self.params.name = self.string("name", value)?,
            "uri" => self.params.uri = self.string("uri", value)?,
            "cursor" => self.params.cursor = self.string("cursor", value)?,
            "arguments" => self.params.arguments = self.object("arguments", value)?,
            "requestState" | "inputResponses" => self.params.is_retry = true,
            "_meta" => {
                if value.members(|key, value| self.meta(key, value))?.is_none() {
                    self.note(Malformed::ParamType {
                        member: "_meta",
                        expected: "an object",
                    });
                }
            }
            other => self.unknown_key(other, PARAMS_KEYS),
        }
        Ok(())
    }

    fn meta(&mut self, key: Cow<'a, str>, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key.as_ref() {
            meta_key::PROTOCOL_VERSION => {
                self.params.meta.protocol_version = self.string(meta_key::PROTOCOL_VERSION, value)?;
            }
            meta_key::CLIENT_CAPABILITIES => {
                self.params.meta.has_client_capabilities =
                    self.object(meta_key::CLIENT_CAPABILITIES, value)?.is_some();
            }
            meta_key::CLIENT_INFO => self.client_info(value)?,
            meta_key::LOG_LEVEL => self.params.meta.log_level = self.string(meta_key::LOG_LEVEL, value)?,
            meta_key::PROGRESS_TOKEN => self.progress_token(value)?,
            meta_key::TRACEPARENT => {
                self.params.meta.traceparent = self.string(meta_key::TRACEPARENT, value)?;
            }
            meta_key::TRACESTATE => self.params.meta.tracestate = self.string(meta_key::TRACESTATE, value)?,
            meta_key::BAGGAGE => {}
            other => {
                self.unknown_key(other, META_KEYS);
                self.params.meta.other.push((key, value.raw()?));
            }
        }
        Ok(())
    }

    fn client_info(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let mut info = ClientInfo::default();
        let read = value.members(|key, value| {
            match key.as_ref() {
                "name" => info.name = value.string()?,
                "version" => info.version = value.string()?,
                _ => {}
            }
            Ok::<_, JsonError>(())
        })?;
        if read.is_none() {
            self.note(Malformed::ParamType {
                member: meta_key::CLIENT_INFO,
                expected: "an object",
            });
        }
        self.params.meta.client_info = info;
        Ok(())
    }

    fn progress_token(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        self.params.meta.progress_token = ProgressToken::read(value)?;
        if self.params.meta.progress_token.is_none() {
            self.note(Malformed::ParamType {
                member: meta_key::PROGRESS_TOKEN,
                expected: "a string or an integer",
            });
        }
        Ok(())
    }

    fn string(
        &mut self,
        member: &'static str,
        value: Value<'_, 'a>,
    ) -> Result<Option<Cow<'a, str>>, JsonError> {
        let string = value.string()?;
        if string.is_none() {
            self.note(Malformed::ParamType {
                member,
                expected: "a string",
            });
        }
        Ok(string)
    }

    fn object(&mut self, member: &'static str, value: Value<'_, 'a>) -> Result<Option<&'a str>, JsonError> {
        let is_object = value.kind() == Kind::Object;
        let raw = value.raw()?;
        if !is_object {
            self.note(Malformed::ParamType {
                member,
                expected: "an object",
            });
        }
        Ok(is_object.then_some(raw))
    }

    fn unknown_key(&mut self, key: &str, known: &[&'static str]) {
        if let Some(known) = look_alike(key, known) {
            self.note(Malformed::LookAlikeKey(known));
        }
    }

    fn note(&mut self, fault: Malformed) {
        self.fault.get_or_insert(fault);
    }
}

/// The member of `params` that the request's method cannot do without, and that is missing.
fn missing_param(request: &Request<'_>) -> Option<&'static str> {
    match request.method.as_ref() {
        "tools/call" | "prompts/get" => request.params.name.is_none().then_some("name"),
        "resources/read" => request.params.uri.is_none().then_some("uri"),
        _ => None,
    }
}
