//! Any bytes, read as a message of a client and of an upstream in a session, and as an event stream. The judge is
//! `serde_json`: what passes is what it sees, and a replaced id is all that changes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use onedoor_wire::{
    answer::Response,
    request::{Limits, ProgressToken, Refused, RequestId, read_message, read_request},
    session::{
        AwaitedInSession, ClientOutcome, ClientResponse, Declared, IdSlot, Message, Notice, Notification,
        SessionAnswer, SessionPassage, SessionRequest, read_initialized, read_session_answer, write,
    },
    sse::{SseFault, SseItem, SseReader, write_resumable_event},
};
use serde_json::Value as Json;

fuzz_target!(|input: &[u8]| {
    check_client(input);
    check_upstream(input);
    check_stream(input);
});

fn parse(raw: &str) -> Json {
    serde_json::from_str(raw).expect("a checked span is JSON")
}

fn parse_bytes(body: &[u8]) -> Json {
    serde_json::from_slice(body).expect("what was read or written is JSON")
}

fn check_client(body: &[u8]) {
    let stateless = read_request(body, Limits::default());
    match read_message(body, Limits::default()) {
        Ok(Message::Request(request)) => {
            assert_eq!(stateless.expect("a request").id, Some(request.id));
            check_request(&request, &parse_bytes(body)["params"]);
        }
        Ok(Message::Notification(notification)) => {
            assert!(stateless.expect("a notification").is_notification());
            check_notification(&notification, &parse_bytes(body)["params"]);
        }
        Ok(Message::Response(response)) => {
            assert!(stateless.is_err(), "no response in the stateless era");
            check_response(response, &parse_bytes(body));
        }
        Err(Refused { id, fault }) => assert_eq!(stateless, Err(Refused { id, fault })),
    }
}

fn check_request(request: &SessionRequest<'_>, params: &Json) {
    if let Ok(initialize) = request.initialize() {
        assert_eq!(params["protocolVersion"], initialize.protocol_version);
        let capabilities = &params["capabilities"];
        for (key, raw) in [
            ("elicitation", initialize.capabilities.elicitation),
            ("sampling", initialize.capabilities.sampling),
            ("roots", initialize.capabilities.roots),
        ] {
            assert_eq!(capabilities.get(key).cloned(), raw.map(parse));
            assert!(raw.is_none_or(|raw| parse(raw).is_object()));
        }
    }
    if let Ok(level) = request.log_level() {
        assert_eq!(params["level"], level.as_str());
    }
}

fn check_notification(notification: &Notification<'_>, params: &Json) {
    match notification.notice() {
        Ok(Notice::Cancelled { request_id, reason }) => {
            assert_eq!(params["requestId"], parse(request_id.as_raw()));
            assert_eq!(params.get("reason").and_then(Json::as_str), reason);
            let written = parse_bytes(&write::cancelled(request_id, reason));
            assert_eq!(written["params"]["requestId"], params["requestId"]);
        }
        Ok(Notice::Progress { token, params: raw }) => {
            assert_eq!(params["progressToken"], parse(token.as_raw()));
            assert_eq!(parse_bytes(&write::progress(raw))["params"], *params);
        }
        Ok(Notice::Initialized | Notice::RootsListChanged | Notice::Other) | Err(_) => {}
    }
}

fn check_response(response: ClientResponse<'_>, body: &Json) {
    let (key, raw) = match response.outcome {
        ClientOutcome::Result(raw) => ("result", raw),
        ClientOutcome::Error(raw) => ("error", raw),
    };
    assert_eq!(body["id"], parse(response.id.as_raw()));
    assert_eq!(body[key], parse(raw));
    let written = write::response(response.id, response.outcome);
    let again = read_message(&written, Limits::default());
    assert_eq!(again, Ok(Message::Response(response)), "what we write, we read");
}

/// Nothing passes without our id, our token, or a capability that was declared.
fn check_upstream(body: &[u8]) {
    let id = RequestId::parse("7").expect("an id");
    let awaited = AwaitedInSession {
        id: Some(id),
        progress_token: ProgressToken::parse("\"t\""),
        declared: Declared {
            elicitation: true,
            sampling: false,
            roots: true,
        },
    };
    if let Ok(Some(_)) = read_initialized(body, id) {
        assert_eq!(parse_bytes(body)["id"].as_f64(), Some(7.0));
    }
    let passed = match read_session_answer(body, &awaited) {
        SessionPassage::Pass(passed) => passed,
        SessionPassage::Refuse { id } => {
            return assert_eq!(parse_bytes(body)["id"], parse(id.as_raw()));
        }
        SessionPassage::Drop(_) | SessionPassage::Fault(_) => return,
    };
    let message = parse_bytes(body);
    match passed {
        SessionAnswer::Response(response) => {
            assert_eq!(message["id"].as_f64(), Some(7.0));
            match response {
                Response::Result { result, .. } => assert_eq!(message["result"], parse(result)),
                Response::Error { code, .. } => {
                    assert_eq!(message["error"]["code"].as_f64(), Some(code as f64));
                }
            }
        }
        SessionAnswer::Progress => assert_eq!(message["params"]["progressToken"], "t"),
        SessionAnswer::LogMessage => assert_eq!(message["method"], "notifications/message"),
        SessionAnswer::ElicitationComplete => {
            assert_eq!(message["method"], "notifications/elicitation/complete");
        }
        SessionAnswer::Request { request, id } => {
            assert_eq!(message["method"], request.method());
            assert_ne!(message["method"], "sampling/createMessage");
            check_slot(&id, body, &message, "/id");
        }
        SessionAnswer::Cancelled { request_id } => {
            assert_eq!(message["method"], "notifications/cancelled");
            check_slot(&request_id, body, &message, "/params/requestId");
        }
    }
}

fn check_slot(slot: &IdSlot<'_>, body: &[u8], message: &Json, pointer: &str) {
    assert_eq!(slot.with_id(slot.id()), body);
    let mut expected = message.clone();
    *expected.pointer_mut(pointer).expect("the id is there") = "new".into();
    let replaced = slot.with_id(RequestId::parse("\"new\"").expect("an id"));
    assert_eq!(parse_bytes(&replaced), expected);
}

/// Where chunks end does not matter, and what is written is read.
fn check_stream(stream: &[u8]) {
    let whole = read_stream(&[stream]);
    let cut = stream
        .first()
        .map_or(0, |first| usize::from(*first) % stream.len());
    let (before, after) = stream.split_at(cut);
    assert_eq!(read_stream(&[before, after]), whole);
    for item in whole.into_iter().flatten() {
        let SseItem::Event { data, id, retry, .. } = item else {
            continue;
        };
        let mut out = Vec::new();
        write_resumable_event(id.as_ref(), retry, &data, &mut out);
        let expected = SseItem::Event {
            is_message: true,
            data,
            id,
            retry,
        };
        assert_eq!(read_stream(&[&out]), Ok(vec![expected]));
    }
}

fn read_stream(chunks: &[&[u8]]) -> Result<Vec<SseItem>, SseFault> {
    let mut reader = SseReader::resumable(4096);
    let mut items = Vec::new();
    for chunk in chunks {
        let mut chunk = Bytes::copy_from_slice(chunk);
        while let Some(item) = reader.next(&mut chunk)? {
            items.push(item);
        }
    }
    Ok(items)
}
