//! Reading one message of an upstream.

use std::borrow::Cow;

use super::{Answer, AnswerFault, Awaited, DropReason, Passage, Response};
use crate::{
    json::{Decimal, Document, JsonError, Kind, Value},
    request::look_alike,
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
const PARAMS_KEYS: &[&str] = &["progressToken"];

/// The message as far as it matters here.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// The first fault in what the JSON says.
    fault: Option<AnswerFault>,
    is_json_rpc: bool,
    id: Option<IdText<'a>>,
    method: Option<Cow<'a, str>>,
    progress_token: Option<&'a str>,
    result: Option<ResultText<'a>>,
    error: Option<ErrorText<'a>>,
}

#[derive(Debug)]
enum IdText<'a> {
    Null,
    Text(&'a str),
}

#[derive(Debug, Default)]
struct ResultText<'a> {
    text: &'a str,
    is_error: bool,
    result_type: Option<Cow<'a, str>>,
}

#[derive(Debug, Default)]
struct ErrorText<'a> {
    code: Option<i64>,
    message: Option<Cow<'a, str>>,
}

/// Decides what becomes of one message of the upstream that `awaited` was sent to.
#[must_use]
pub fn read_answer<'a>(message: &'a [u8], awaited: &Awaited<'_>) -> Passage<'a> {
    let mut reading = Reading::default();
    if let Err(error) = Document::new(message).and_then(|text| text.read(|top| reading.top(top))) {
        return Passage::Fault(AnswerFault::Json(error));
    }
    reading.passage(awaited)
}

impl<'a> Reading<'a> {
    fn passage(self, awaited: &Awaited<'_>) -> Passage<'a> {
        if let Some(fault) = self.fault {
            return Passage::Fault(fault);
        }
        if !self.is_json_rpc {
            return Passage::Fault(AnswerFault::NotJsonRpc);
        }
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => {
                if self.id.is_some() {
                    return Passage::Fault(AnswerFault::ServerRequest);
                }
                notification(&method, self.progress_token, awaited)
            }
            (None, Some(result), None) => match check_id(self.id.as_ref(), awaited) {
                Ok(()) => result.passage(),
                Err(fault) => Passage::Fault(fault),
            },
            (None, None, Some(error)) => error.passage(self.id.as_ref(), awaited),
            (None, None, None) | (Some(_), _, _) | (None, Some(_), Some(_)) => {
                Passage::Fault(AnswerFault::NotJsonRpc)
            }
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
            "id" => self.id = self.id(value)?,
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

    fn id(&mut self, value: Value<'_, 'a>) -> Result<Option<IdText<'a>>, JsonError> {
        let kind = value.kind();
        let raw = value.raw()?;
        match kind {
            Kind::String | Kind::Number => Ok(Some(IdText::Text(raw))),
            Kind::Null => Ok(Some(IdText::Null)),
            Kind::Object | Kind::Array | Kind::Bool => {
                self.note(AnswerFault::Member("id"));
                Ok(None)
            }
        }
    }

    fn params(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        value.members(|key, value| {
            match key.as_ref() {
                "progressToken" => {
                    let is_token = matches!(value.kind(), Kind::String | Kind::Number);
                    self.progress_token = Some(value.raw()?).filter(|_| is_token);
                }
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
                    result.result_type = value.string()?;
                    if result.result_type.is_none() {
                        self.note(AnswerFault::UnknownResultType);
                    }
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
                "code" => error.code = integer(value)?,
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

impl<'a> ResultText<'a> {
    fn passage(self) -> Passage<'a> {
        match self.result_type.as_deref() {
            // Absent means complete (MCP 2026-07-28, "ResultType").
            None | Some("complete") => Passage::Pass(Answer::Response(Response::Result {
                is_error: self.is_error,
                result: self.text,
            })),
            Some("input_required") => Passage::Fault(AnswerFault::InputRequired),
            Some(_) => Passage::Fault(AnswerFault::UnknownResultType),
        }
    }
}

impl<'a> ErrorText<'a> {
    fn passage(self, id: Option<&IdText<'_>>, awaited: &Awaited<'_>) -> Passage<'a> {
        let Some(code) = self.code else {
            return Passage::Fault(AnswerFault::Member("code"));
        };
        let Some(message) = self.message else {
            return Passage::Fault(AnswerFault::Member("message"));
        };
        if matches!(id, None | Some(IdText::Null)) {
            return Passage::Fault(AnswerFault::ErrorWithoutId { code });
        }
        match check_id(id, awaited) {
            Ok(()) => Passage::Pass(Answer::Response(Response::Error { code, message })),
            Err(fault) => Passage::Fault(fault),
        }
    }
}

fn check_id(id: Option<&IdText<'_>>, awaited: &Awaited<'_>) -> Result<(), AnswerFault> {
    match id {
        Some(IdText::Text(raw)) if awaited.id.same_value(raw) => Ok(()),
        Some(IdText::Text(_)) => Err(AnswerFault::ForeignId),
        Some(IdText::Null) | None => Err(AnswerFault::Member("id")),
    }
}

fn notification<'a>(method: &str, token: Option<&str>, awaited: &Awaited<'_>) -> Passage<'a> {
    match (method, awaited.progress_token, token) {
        ("notifications/progress", None, _) => Passage::Drop(DropReason::ProgressNotAsked),
        ("notifications/progress", Some(ours), Some(theirs)) if ours.same_value(theirs) => {
            Passage::Pass(Answer::Progress)
        }
        ("notifications/progress", Some(_), _) => Passage::Drop(DropReason::ForeignProgress),
        ("notifications/message", _, _) => Passage::Drop(DropReason::LogNotAsked),
        (_, _, _) => Passage::Drop(DropReason::OtherNotification),
    }
}

/// An integer that fits; `None` if the value is anything else.
fn integer(value: Value<'_, '_>) -> Result<Option<i64>, JsonError> {
    let is_number = value.kind() == Kind::Number;
    let raw = value.raw()?;
    Ok(if is_number {
        Decimal::parse(raw).and_then(|number| number.as_safe_integer())
    } else {
        None
    })
}
