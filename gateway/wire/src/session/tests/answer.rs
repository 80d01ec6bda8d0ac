use proptest::prelude::*;
use serde_json::Value as Json;

use crate::{
    answer::{AnswerFault, Response},
    request::{ProgressToken, RequestId},
    session::{
        AwaitedInSession, Declared, ServerRequest, SessionAnswer, SessionDrop, SessionPassage,
        read_session_answer,
    },
};

const ALL: Declared = Declared {
    elicitation: true,
    sampling: true,
    roots: true,
};

fn awaited() -> AwaitedInSession<'static> {
    AwaitedInSession {
        id: RequestId::parse("4"),
        progress_token: ProgressToken::parse(r#""t""#),
        declared: ALL,
    }
}

fn read(message: &str) -> SessionPassage<'_> {
    read_session_answer(message.as_bytes(), &awaited())
}

/// On the GET stream of a client that declared nothing.
fn read_unasked(message: &str) -> SessionPassage<'_> {
    read_session_answer(message.as_bytes(), &AwaitedInSession::default())
}

fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}"#)
}

fn request(id: &str, method: &str) -> String {
    format!(r#"{{"params":{{"id":{id}}}, "method":"{method}","id": {id} ,"jsonrpc":"2.0"}}"#)
}

#[test]
fn the_response_to_our_request_passes() {
    let result = r#"{"content":[{"type":"text","text":"x"}],"isError":true,"resultType":"whatever"}"#;
    let message = format!(r#"{{"jsonrpc":"2.0","id":4,"result":{result}}}"#);
    let expected = Response::Result {
        is_error: true,
        result,
    };
    assert_eq!(
        read(&message),
        SessionPassage::Pass(SessionAnswer::Response(expected))
    );
    let message = r#"{"jsonrpc":"2.0","id":4.0,"error":{"code":-32602,"message":"no"}}"#;
    let expected = Response::Error {
        code: -32602,
        message: "no".into(),
    };
    assert_eq!(
        read(message),
        SessionPassage::Pass(SessionAnswer::Response(expected))
    );
}

#[test]
fn responses_nobody_waits_for_are_a_fault() {
    let foreign = SessionPassage::Fault(AnswerFault::ForeignId);
    for id in ["5", r#""4""#, r#""server-error""#] {
        assert_eq!(
            read(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)),
            foreign
        );
    }
    assert_eq!(read_unasked(r#"{"jsonrpc":"2.0","id":4,"result":{}}"#), foreign);
    for (message, fault) in [
        (r#"{"jsonrpc":"2.0","result":{}}"#, AnswerFault::Member("id")),
        (
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
            AnswerFault::ErrorWithoutId { code: 1 },
        ),
        (
            r#"[{"jsonrpc":"2.0","id":4,"result":{}}]"#,
            AnswerFault::NotJsonRpc,
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            AnswerFault::Member("id"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            AnswerFault::Member("id"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"ping","result":{}}"#,
            AnswerFault::NotJsonRpc,
        ),
    ] {
        assert_eq!(read(message), SessionPassage::Fault(fault), "{message}");
    }
    assert!(matches!(read("{"), SessionPassage::Fault(AnswerFault::Json(_))));
}

#[test]
fn notifications_pass_by_a_table() {
    use SessionAnswer::{ElicitationComplete, LogMessage, Progress};
    let pass = SessionPassage::Pass;
    let foreign = SessionPassage::Drop(SessionDrop::ForeignProgress);
    let other = SessionPassage::Drop(SessionDrop::OtherNotification);
    let list = SessionPassage::Drop(SessionDrop::ListChanged);
    for (method, params, asked, unasked) in [
        (
            "progress",
            r#"{"progressToken":"\u0074"}"#,
            pass(Progress),
            foreign.clone(),
        ),
        (
            "progress",
            r#"{"progressToken":"u"}"#,
            foreign.clone(),
            foreign.clone(),
        ),
        ("progress", "{}", foreign.clone(), foreign.clone()),
        (
            "message",
            r#"{"level":"info"}"#,
            pass(LogMessage),
            pass(LogMessage),
        ),
        (
            "elicitation/complete",
            "{}",
            pass(ElicitationComplete),
            other.clone(),
        ),
        ("tools/list_changed", "{}", list.clone(), list.clone()),
        ("prompts/list_changed", "{}", list.clone(), list.clone()),
        ("resources/list_changed", "{}", list.clone(), list),
        ("resources/updated", "{}", other.clone(), other.clone()),
        ("tasks/status", "{}", other.clone(), other.clone()),
        ("cancelled", "{}", other.clone(), other.clone()),
        ("cancelled", r#"{"requestId":1.5}"#, other.clone(), other.clone()),
        ("cancelled", r#"{"requestId":null}"#, other.clone(), other),
    ] {
        let message = notification(method, params);
        assert_eq!(read(&message), asked, "{message}");
        assert_eq!(read_unasked(&message), unasked, "{message}");
    }
    let look_alike = notification("cancelled", r#"{"requestID":1,"requestId":2}"#);
    assert_eq!(
        read(&look_alike),
        SessionPassage::Fault(AnswerFault::LookAlikeKey("requestId"))
    );
}

#[test]
fn requests_pass_if_the_client_declared_them() {
    let one = |elicitation, sampling, roots| Declared {
        elicitation,
        sampling,
        roots,
    };
    for asked in ServerRequest::ALL {
        let message = request("9", asked.method());
        for declared in [
            Declared::default(),
            one(true, false, false),
            one(false, true, false),
            one(false, false, true),
        ] {
            let awaited = AwaitedInSession {
                declared,
                ..AwaitedInSession::default()
            };
            let is_allowed = match asked {
                ServerRequest::Elicitation => declared.elicitation,
                ServerRequest::Sampling => declared.sampling,
                ServerRequest::Roots => declared.roots,
                ServerRequest::Ping => true,
            };
            match read_session_answer(message.as_bytes(), &awaited) {
                SessionPassage::Pass(SessionAnswer::Request { request, id }) => {
                    assert!(is_allowed, "{declared:?} {message}");
                    assert_eq!((request, id.id().as_raw()), (asked, "9"));
                }
                SessionPassage::Refuse { id } => {
                    assert!(!is_allowed, "{declared:?} {message}");
                    assert_eq!(id.as_raw(), "9");
                }
                other @ (SessionPassage::Pass(_) | SessionPassage::Drop(_) | SessionPassage::Fault(_)) => {
                    panic!("{message} gave {other:?}")
                }
            }
        }
    }
    for unknown in ["tools/call", "notifications/message", "Ping", "tasks/get", ""] {
        let id = RequestId::parse("9").unwrap();
        assert_eq!(
            read(&request("9", unknown)),
            SessionPassage::Refuse { id },
            "{unknown}"
        );
    }
}

#[test]
fn only_the_id_is_replaced() {
    let new = RequestId::parse(r#""sealed""#).unwrap();
    let message = request("9", "ping");
    let SessionPassage::Pass(SessionAnswer::Request { id, .. }) = read(&message) else {
        panic!("a request")
    };
    assert_eq!(
        String::from_utf8(id.with_id(new)).unwrap(),
        r#"{"params":{"id":9}, "method":"ping","id": "sealed" ,"jsonrpc":"2.0"}"#
    );
    let message = notification("cancelled", r#"{"reason":"7","requestId":7}"#);
    let SessionPassage::Pass(SessionAnswer::Cancelled { request_id }) = read(&message) else {
        panic!("a cancellation")
    };
    assert_eq!(request_id.id().as_raw(), "7");
    assert_eq!(
        String::from_utf8(request_id.with_id(new)).unwrap(),
        notification("cancelled", r#"{"reason":"7","requestId":"sealed"}"#)
    );
}

fn any_id() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|id| id.to_string()),
        r#"[a-zé"\\]{0,6}"#.prop_map(|text| Json::from(text).to_string()),
    ]
}

proptest! {
    #[test]
    fn replacing_an_id_changes_nothing_else(
        old in any_id(),
        new in any_id(),
        before in "[ \n\t]{0,3}",
        members in Just(vec![r#""é":"id""#, r#""params":{"id":1,"_meta":{"id":[{}]}}"#, r#""jsonrpc":"2.0""#, r#""method":"roots/list""#]).prop_shuffle(),
        place in 0..5usize,
    ) {
        let mut members: Vec<String> = members.into_iter().map(str::to_owned).collect();
        members.insert(place, format!(r#""\u0069d"{before}:{before}{old}{before}"#));
        let message = format!("{before}{{{}}}{before}", members.join(","));
        let SessionPassage::Pass(SessionAnswer::Request { id, .. }) = read(&message) else {
            panic!("{message} is a request")
        };
        prop_assert_eq!(id.with_id(id.id()), message.as_bytes());
        let replaced = id.with_id(RequestId::parse(&new).unwrap());
        let mut expected: Json = serde_json::from_str(&message).unwrap();
        expected["id"] = serde_json::from_str(&new).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Json>(&replaced).unwrap(), expected);
        prop_assert_eq!(replaced.len() + old.len(), message.len() + new.len());
    }
}
