//! Reading the envelope: what makes a message one of JSON-RPC.

use std::borrow::Cow;

use super::{Limits, Params, Refused, Request, RequestId, look_alike};
use crate::{
    json::{Document, JsonError, Kind, Value},
    malformed::Malformed,
    session::{ClientOutcome, ClientResponse, Message, Notification, SessionRequest},
};

const TOP_KEYS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
const ERROR_KEYS: &[&str] = &["code", "message", "data"];

/// What has been read so far. A fault in what the JSON says does not stop the reading: the id may still come.
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    /// The first fault.
    fault: Option<Malformed>,
    is_json_rpc: bool,
    id: Id<'a>,
    method: Option<Cow<'a, str>>,
    has_params: bool,
    pub(super) params: Params<'a>,
    outcome: Outcome<'a>,
}

#[derive(Debug, Default)]
enum Id<'a> {
    #[default]
    Absent,
    Good(RequestId<'a>),
    /// Of a wrong type, or there twice.
    Bad,
}

/// `result` or `error`.
#[derive(Debug, Default)]
enum Outcome<'a> {
    #[default]
    Absent,
    Good(ClientOutcome<'a>),
    /// Malformed, or both.
    Bad,
}

/// Reads a client's message of any era: a JSON-RPC 2.0 request, notification or response.
///
/// What only one era or method requires is checked where that is known: for revision 2026-07-28 with the headers
/// ([`crate::headers::check_request`]), for methods of the session revisions when they are asked for what they say
/// ([`SessionRequest::initialize`] and others).
///
/// # Errors
/// The fault, with the message's id if that was read.
pub fn read_message(body: &[u8], limits: Limits) -> Result<Message<'_>, Refused<'_>> {
    let mut reading = Reading::default();
    let json =
        Document::with_max_depth(body, limits.max_depth).and_then(|text| text.read(|top| reading.top(top)));
    // Text that is no JSON outweighs whatever it seemed to say.
    if let Err(error) = json {
        reading.fault = Some(Malformed::Json(error));
    }
    reading.finish()
}

/// Reads a client's message of revision 2026-07-28: a request or notification.
///
/// # Errors
/// As [`read_message`]; and [`Malformed::Response`].
pub fn read_request(body: &[u8], limits: Limits) -> Result<Request<'_>, Refused<'_>> {
    read_message(body, limits)?.into_stateless()
}

impl<'a> Reading<'a> {
    fn finish(self) -> Result<Message<'a>, Refused<'a>> {
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
        let message = match (self.method, self.outcome, id) {
            (Some(method), Outcome::Absent, Some(id)) => Message::Request(SessionRequest {
                id,
                method,
                params: self.params,
            }),
            (Some(method), Outcome::Absent, None) => Message::Notification(Notification {
                method,
                params: self.params,
            }),
            (None, Outcome::Good(outcome), Some(id)) if !self.has_params => {
                Message::Response(ClientResponse { id, outcome })
            }
            (None, Outcome::Absent, _) => return refused(Malformed::Method),
            (None, Outcome::Good(_), None) => return refused(Malformed::Id),
            (_, Outcome::Good(_) | Outcome::Bad, _) => return refused(Malformed::Response),
        };
        match missing_param(&message) {
            Some(param) => refused(Malformed::ParamMissing(param)),
            None => Ok(message),
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
                self.has_params = true;
                self.params(value)?;
            }
            "result" => self.result(value)?,
            "error" => self.error(value)?,
            other => self.unknown_key(other, TOP_KEYS),
        }
        Ok(())
    }

    /// `result`: an object.
    fn result(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let is_object = value.kind() == Kind::Object;
        let text = value.raw()?;
        self.set_outcome(is_object.then_some(ClientOutcome::Result(text)));
        Ok(())
    }

    /// `error`: an object with an integer and a string (JSON-RPC 2.0 section 5.1).
    fn error(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let (mut has_code, mut has_message) = (false, false);
        let text = value.members(|key, value| {
            match key.as_ref() {
                "code" => has_code = value.safe_integer()?.is_some(),
                "message" => has_message = value.string()?.is_some(),
                other => self.unknown_key(other, ERROR_KEYS),
            }
            Ok::<_, JsonError>(())
        })?;
        let is_good = has_code && has_message;
        self.set_outcome(text.filter(|_| is_good).map(ClientOutcome::Error));
        Ok(())
    }

    fn set_outcome(&mut self, outcome: Option<ClientOutcome<'a>>) {
        self.outcome = match (&self.outcome, outcome) {
            (Outcome::Absent, Some(outcome)) => Outcome::Good(outcome),
            (Outcome::Absent | Outcome::Good(_) | Outcome::Bad, _) => Outcome::Bad,
        };
    }

    pub(super) fn unknown_key(&mut self, key: &str, known: &[&'static str]) {
        if let Some(known) = look_alike(key, known) {
            self.note(Malformed::LookAlikeKey(known));
        }
    }

    pub(super) fn note(&mut self, fault: Malformed) {
        self.fault.get_or_insert(fault);
    }
}

/// The member of `params` that the message's method cannot do without in any era, and that is missing.
fn missing_param(message: &Message<'_>) -> Option<&'static str> {
    let params = message.params()?;
    match message.method()? {
        "tools/call" | "prompts/get" => params.name.is_none().then_some("name"),
        "resources/read" => params.uri.is_none().then_some("uri"),
        _ => None,
    }
}
