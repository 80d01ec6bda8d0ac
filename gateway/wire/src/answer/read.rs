//! Reading one message of an upstream, of any era; and what becomes of it in the stateless one.

use std::borrow::Cow;

use super::{Answer, AnswerFault, Awaited, DropReason, Passage, Response};
use crate::{
    json::{Document, JsonError, Kind, Value},
    request::{ProgressToken, RequestId, look_alike},
    session::IdSlot,
};

const TOP_KEYS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
const RESULT_KEYS: &[&str] = &[
    "resultType",
    "isError",
    "content",
    "structuredContent",
    "_meta",
    "inputRequests",
    "requestState",
];
const ERROR_KEYS: &[&str] = &["code", "message", "data"];
const PARAMS_KEYS: &[&str] = &["progressToken", "requestId"];

/// A message of an upstream, as far as it matters here.
#[derive(Debug)]
pub(crate) enum Sent<'a> {
    /// A request or a notification.
    Call(Call<'a>),
    /// A response.
    Response(SentResponse<'a>),
}

/// A request, or, without an id, a notification.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Cow<'a, str>,
    pub(crate) id: Option<SentId<'a>>,
    pub(crate) params: Params<'a>,
}

/// A response whose id is not known to be the awaited one.
#[derive(Debug)]
pub(crate) struct SentResponse<'a> {
    id: Option<SentId<'a>>,
    outcome: Outcome<'a>,
}

/// An id as it was sent; a string or a number unless it is null.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SentId<'a> {
    Null,
    Text {
        raw: &'a str,
        /// Where it stands in the message, in bytes.
        offset: usize,
    },
}

/// The members of a notification's `params` that say which request it is about.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    progress_token: Option<&'a str>,
    pub(crate) request_id: Option<SentId<'a>>,
}

#[derive(Debug)]
enum Outcome<'a> {
    Result(ResultText<'a>),
    Error(ErrorText<'a>),
}

#[derive(Debug, Default)]
struct ResultText<'a> {
    text: &'a str,
    is_error: bool,
    result_type: ResultType<'a>,
}

#[derive(Debug, Default)]
enum ResultType<'a> {
    #[default]
    Absent,
    Named(Cow<'a, str>),
    /// Not a string.
    Bad,
}

#[derive(Debug, Default)]
struct ErrorText<'a> {
    code: Option<i64>,
    message: Option<Cow<'a, str>>,
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// The first fault in what the JSON says.
    fault: Option<AnswerFault>,
    is_json_rpc: bool,
    id: Option<SentId<'a>>,
    method: Option<Cow<'a, str>>,
    params: Params<'a>,
    result: Option<ResultText<'a>>,
    error: Option<ErrorText<'a>>,
}

/// Decides what becomes of one message of the upstream that `awaited` was sent to.
#[must_use]
pub fn read_answer<'a>(message: &'a [u8], awaited: &Awaited<'_>) -> Passage<'a> {
    let response = match Sent::read(message) {
        Ok(Sent::Call(call)) => return call.stateless_passage(awaited),
        Ok(Sent::Response(response)) => response,
        Err(fault) => return Passage::Fault(fault),
    };
    match response.stateless(awaited) {
        Ok(response) => Passage::Pass(Answer::Response(response)),
        Err(fault) => Passage::Fault(fault),
    }
}

impl<'a> Sent<'a> {
    /// Reads a message strictly and once.
    pub(crate) fn read(message: &'a [u8]) -> Result<Self, AnswerFault> {
        let mut reading = Reading::default();
        Document::new(message)?.read(|top| reading.top(top))?;
        reading.finish()
    }
}

impl<'a> Call<'a> {
    /// Whether its `params` carry this progress token.
    pub(crate) fn is_under(&self, token: ProgressToken<'_>) -> bool {
        self.params
            .progress_token
            .is_some_and(|theirs| token.same_value(theirs))
    }

    fn stateless_passage(&self, awaited: &Awaited<'_>) -> Passage<'a> {
        if self.id.is_some() {
            return Passage::Fault(AnswerFault::ServerRequest);
        }
        match (self.method.as_ref(), awaited.progress_token) {
            ("notifications/progress", None) => Passage::Drop(DropReason::ProgressNotAsked),
            ("notifications/progress", Some(token)) if self.is_under(token) => {
                Passage::Pass(Answer::Progress)
            }
            ("notifications/progress", Some(_)) => Passage::Drop(DropReason::ForeignProgress),
            ("notifications/message", _) => Passage::Drop(DropReason::LogNotAsked),
            (_, _) => Passage::Drop(DropReason::OtherNotification),
        }
    }
}

impl<'a> SentResponse<'a> {
    /// The response, if it is to the request with the id `awaited`. `resultType` is not looked at: the session
    /// revisions have none.
    pub(crate) fn to(self, awaited: Option<RequestId<'_>>) -> Result<Response<'a>, AnswerFault> {
        let response = match self.outcome {
            Outcome::Result(ResultText { text, is_error, .. }) => Response::Result {
                is_error,
                result: text,
            },
            Outcome::Error(error) => {
                let code = error.code.ok_or(AnswerFault::Member("code"))?;
                let message = error.message.ok_or(AnswerFault::Member("message"))?;
                if matches!(self.id, None | Some(SentId::Null)) {
                    return Err(AnswerFault::ErrorWithoutId { code });
                }
                Response::Error { code, message }
            }
        };
        match (self.id, awaited) {
            (Some(SentId::Text { raw, .. }), Some(awaited)) if awaited.same_value(raw) => Ok(response),
            (Some(SentId::Text { .. }), _) => Err(AnswerFault::ForeignId),
            (Some(SentId::Null) | None, _) => Err(AnswerFault::Member("id")),
        }
    }

    /// The response to `awaited`, if it is `complete` (MCP 2026-07-28, "ResultType": absent means that too).
    fn stateless(self, awaited: &Awaited<'_>) -> Result<Response<'a>, AnswerFault> {
        let fault = match &self.outcome {
            Outcome::Error(_) => None,
            Outcome::Result(result) => match &result.result_type {
                ResultType::Absent => None,
                ResultType::Named(name) => match name.as_ref() {
                    "complete" => None,
                    "input_required" => Some(AnswerFault::InputRequired),
                    _ => Some(AnswerFault::UnknownResultType),
                },
                ResultType::Bad => Some(AnswerFault::UnknownResultType),
            },
        };
        let response = self.to(Some(awaited.id))?;
        fault.map_or(Ok(response), Err)
    }
}

impl<'a> SentId<'a> {
    /// The id where it stands in `message`, which it was read from; `None` if it is not one a request may have.
    pub(crate) fn slot(self, message: &'a [u8]) -> Option<IdSlot<'a>> {
        match self {
            Self::Null => None,
            Self::Text { raw, offset } => {
                let id = RequestId::parse(raw)?;
                Some(IdSlot::new(id, message, offset))
            }
        }
    }
}

impl<'a> Reading<'a> {
    fn finish(self) -> Result<Sent<'a>, AnswerFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.is_json_rpc {
            return Err(AnswerFault::NotJsonRpc);
        }
        let response = |outcome| Sent::Response(SentResponse { id: self.id, outcome });
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => Ok(Sent::Call(Call {
                method,
                id: self.id,
                params: self.params,
            })),
            (None, Some(result), None) => Ok(response(Outcome::Result(result))),
            (None, None, Some(error)) => Ok(response(Outcome::Error(error))),
            (None, None, None) | (Some(_), _, _) | (None, Some(_), Some(_)) => Err(AnswerFault::NotJsonRpc),
        }
    }

    fn top(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        // What is no object has no `jsonrpc` either, and is refused for that.
        value.members(|key, value| self.member(&key, value))?;
        Ok(())
    }

    fn member(&mut self, key: &str, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key {
            "jsonrpc" => self.is_json_rpc = value.string()?.as_deref() == Some("2.0"),
            "id" => {
                self.id = sent_id(value)?;
                if self.id.is_none() {
                    self.note(AnswerFault::Member("id"));
                }
            }
            "method" => {
                self.method = value.string()?;
                if self.method.is_none() {
                    self.note(AnswerFault::Member("method"));
                }
            }
            "params" => self.params(value)?,
            "result" => self.result(value)?,
            "error" => self.error(value)?,
            other => self.unknown_key(other, TOP_KEYS),
        }
        Ok(())
    }

    fn params(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        value.members(|key, value| {
            match key.as_ref() {
                "progressToken" => {
                    let is_token = matches!(value.kind(), Kind::String | Kind::Number);
                    self.params.progress_token = Some(value.raw()?).filter(|_| is_token);
                }
                "requestId" => self.params.request_id = sent_id(value)?,
                other => self.unknown_key(other, PARAMS_KEYS),
            }
            Ok::<_, JsonError>(())
        })?;
        Ok(())
    }

    fn result(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let mut result = ResultText::default();
        let text = value.members(|key, value| {
            match key.as_ref() {
                "resultType" => {
                    result.result_type = value.string()?.map_or(ResultType::Bad, ResultType::Named);
                }
                "isError" => {
                    let is_bool = value.kind() == Kind::Bool;
                    result.is_error = value.raw()? == "true";
                    if !is_bool {
                        self.note(AnswerFault::Member("isError"));
                    }
                }
                other => self.unknown_key(other, RESULT_KEYS),
            }
            Ok::<_, JsonError>(())
        })?;
        match text {
            Some(text) => self.result = Some(ResultText { text, ..result }),
            None => self.note(AnswerFault::Member("result")),
        }
        Ok(())
    }

    fn error(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let mut error = ErrorText::default();
        let is_object = value.members(|key, value| {
            match key.as_ref() {
                "code" => error.code = value.safe_integer()?,
                "message" => error.message = value.string()?,
                other => self.unknown_key(other, ERROR_KEYS),
            }
            Ok::<_, JsonError>(())
        })?;
        match is_object {
            Some(_) => self.error = Some(error),
            None => self.note(AnswerFault::Member("error")),
        }
        Ok(())
    }

    fn unknown_key(&mut self, key: &str, known: &[&'static str]) {
        if let Some(known) = look_alike(key, known) {
            self.note(AnswerFault::LookAlikeKey(known));
        }
    }

    fn note(&mut self, fault: AnswerFault) {
        self.fault.get_or_insert(fault);
    }
}

/// `None` if the value is neither string nor number nor null.
fn sent_id<'a>(value: Value<'_, 'a>) -> Result<Option<SentId<'a>>, JsonError> {
    let (kind, offset) = (value.kind(), value.offset());
    let raw = value.raw()?;
    Ok(match kind {
        Kind::String | Kind::Number => Some(SentId::Text { raw, offset }),
        Kind::Null => Some(SentId::Null),
        Kind::Object | Kind::Array | Kind::Bool => None,
    })
}
