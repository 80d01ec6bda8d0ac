//! Any bytes, read as JSON, as a client's request and as an upstream's answer. The judge is `serde_json` with our
//! rules on top: we read exactly what it reads, and see the same values.
#![no_main]

#[path = "../../src/json/oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use onedoor_wire::{
    answer::{Answer, Awaited, Passage, Response, read_answer},
    json::{Document, JsonError, Kind, MAX_DEPTH, Value},
    request::{Limits, ProgressToken, Refused, Request, RequestId, read_request},
    upstream_request::UpstreamRequest,
};
use serde_json::Value as Json;

fuzz_target!(|body: &[u8]| {
    let expected = oracle::read(body, MAX_DEPTH);
    let read = Document::new(body).and_then(|document| document.read(build));
    assert_eq!(
        read.as_ref().ok(),
        expected.as_ref(),
        "reading gives what the oracle gives: {read:?}"
    );
    let skipped = Document::new(body).and_then(Document::check);
    assert_eq!(skipped.err(), read.err(), "skipping finds what reading finds");

    match read_request(body, Limits::default()) {
        Ok(request) => check_request(&request, &expected.expect("a request is JSON")),
        Err(Refused { id: Some(id), .. }) => assert_eq!(RequestId::parse(id.as_raw()), Some(id)),
        Err(Refused { id: None, .. }) => {}
    }
    check_answer(body);
});

/// The value as our reader visits it.
fn build(value: Value<'_, '_>) -> Result<Json, JsonError> {
    Ok(match value.kind() {
        Kind::Object => {
            let mut members = serde_json::Map::new();
            value.members(|key, value| {
                members.insert(key.into_owned(), build(value)?);
                Ok::<_, JsonError>(())
            })?;
            members.into()
        }
        Kind::String => value.string()?.expect("is a string").into(),
        Kind::Array | Kind::Number | Kind::Bool | Kind::Null => parse(value.raw()?),
    })
}

fn parse(raw: &str) -> Json {
    serde_json::from_str(raw).expect("a checked span is JSON")
}

/// What was read is what the oracle saw, and reads the same once we have written it.
fn check_request(request: &Request<'_>, body: &Json) {
    let params = &body["params"];
    let meta = &params["_meta"];
    assert_eq!(body["jsonrpc"], "2.0");
    assert_eq!(body.get("id").cloned(), request.id.map(|id| parse(id.as_raw())));
    assert_eq!(body["method"], request.method.as_ref());
    assert_eq!(
        params.get("name").and_then(Json::as_str),
        request.params.name.as_deref()
    );
    assert_eq!(
        params.get("cursor").and_then(Json::as_str),
        request.params.cursor.as_deref()
    );
    assert_eq!(
        params.get("arguments").cloned(),
        request.params.arguments.map(parse)
    );
    for (key, raw) in &request.params.meta.other {
        assert_eq!(meta[key.as_ref()], parse(raw));
    }
    check_written(request);
}

fn check_written(request: &Request<'_>) {
    let upstream = UpstreamRequest {
        id: request
            .id
            .unwrap_or_else(|| RequestId::parse("1").expect("an id")),
        method: &request.method,
        name: request.params.name.as_deref(),
        arguments: request.params.arguments,
        cursor: request.params.cursor.as_deref(),
        client_name: "onedoor",
        client_version: "0",
        progress_token: request.params.meta.progress_token,
        traceparent: request.params.meta.traceparent.as_deref(),
        tracestate: request.params.meta.tracestate.as_deref(),
        other_meta: &request.params.meta.other,
    };
    let body = upstream.body();
    if request.method == "resources/read" {
        return;
    }
    let again = read_request(&body, Limits::default()).expect("what we write, we read");
    assert_eq!(again.method, request.method);
    assert_eq!(again.params.name, request.params.name);
    assert_eq!(again.params.arguments, request.params.arguments);
    assert_eq!(again.params.cursor, request.params.cursor);
    assert_eq!(
        again.params.meta.progress_token,
        request.params.meta.progress_token
    );
}

/// Nothing passes without our id or our token.
fn check_answer(body: &[u8]) {
    let awaited = Awaited {
        id: RequestId::parse("7").expect("an id"),
        progress_token: ProgressToken::parse("\"t\""),
    };
    match read_answer(body, &awaited) {
        Passage::Pass(Answer::Response(Response::Result { result, .. })) => {
            let message: Json = serde_json::from_slice(body).expect("an answer is JSON");
            assert_eq!(message["id"].as_f64(), Some(7.0));
            assert_eq!(message["result"], parse(result));
            assert!(
                message["result"]
                    .get("resultType")
                    .is_none_or(|kind| kind == "complete")
            );
        }
        Passage::Pass(Answer::Response(Response::Error { code, .. })) => {
            let message: Json = serde_json::from_slice(body).expect("an answer is JSON");
            assert_eq!(message["id"].as_f64(), Some(7.0));
            assert_eq!(message["error"]["code"].as_f64(), Some(code as f64));
        }
        Passage::Pass(Answer::Progress) => {
            let message: Json = serde_json::from_slice(body).expect("a notification is JSON");
            assert!(message.get("id").is_none());
            assert_eq!(message["params"]["progressToken"], "t");
        }
        Passage::Drop(_) | Passage::Fault(_) => {}
    }
}
