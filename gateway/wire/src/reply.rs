//! JSON-RPC responses of our own.

use crate::{
    json::write::{self, ObjectWriter},
    request::RequestId,
};

/// An error response; without an id where none could be read (MCP 2026-07-28, "Error Responses").
#[must_use]
pub fn error(
    id: Option<RequestId<'_>>,
    code: i64,
    message: &str,
    data: Option<&serde_json::Value>,
) -> Vec<u8> {
    response(id, |response| {
        response.object("error", |error| {
            error.raw("code", &code.to_string());
            error.string("message", message);
            if let Some(data) = data {
                error.raw("data", &data.to_string());
            }
        });
    })
}

/// A result response; `result` is the text of a JSON object, copied.
#[must_use]
pub fn result(id: RequestId<'_>, result: &str) -> Vec<u8> {
    response(Some(id), |response| response.raw("result", result))
}

/// An error response; `error` is the checked text of its object, copied.
pub(crate) fn raw_error(id: RequestId<'_>, error: &str) -> Vec<u8> {
    response(Some(id), |response| response.raw("error", error))
}

fn response(id: Option<RequestId<'_>>, fill: impl FnOnce(&mut ObjectWriter<'_>)) -> Vec<u8> {
    let mut body = Vec::new();
    write::object(&mut body, |response| {
        response.string("jsonrpc", "2.0");
        if let Some(id) = id {
            response.raw("id", id.as_raw());
        }
        fill(response);
    });
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn an_error_echoes_the_id_as_it_was_written() {
        let id = RequestId::parse(r#""\u0061""#);
        let data = serde_json::json!({"reason": "stale"});
        assert_eq!(
            text(error(id, 4001, "say \"please\"", Some(&data))),
            r#"{"jsonrpc":"2.0","id":"\u0061","error":{"code":4001,"message":"say \"please\"","data":{"reason":"stale"}}}"#
        );
        assert_eq!(
            text(error(None, -32700, "no", None)),
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#
        );
    }

    #[test]
    fn a_result_is_copied() {
        let id = RequestId::parse("-7").unwrap();
        assert_eq!(
            text(result(id, r#"{"a": 1}"#)),
            r#"{"jsonrpc":"2.0","id":-7,"result":{"a": 1}}"#
        );
    }
}
