use http::HeaderMap;

use super::message;
use crate::{
    answer::AnswerFault,
    headers::{HeaderParam, check_transport, tests::headers},
    malformed::Malformed,
    session::{
        Era, MAX_LAST_EVENT_ID, MAX_SESSION_ID, Sending, SessionHeaders, SessionId, SessionVersion,
        check_delete, check_get, check_params_if_sent, check_post, era_of, outgoing_headers,
    },
    sse::EventId,
};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
const STREAM: (&str, &str) = ("accept", "text/event-stream");

type Checked = Result<SessionHeaders, Malformed>;
type Check = fn(&HeaderMap) -> Checked;

fn post(lines: &[(&str, &str)], body: &str) -> Checked {
    check_post(&headers(lines), &message(body))
}

/// What must hold for every method.
fn checks() -> [(&'static str, Check); 3] {
    [
        ("POST", |headers| check_post(headers, &message(LIST))),
        ("GET", |headers| {
            let mut headers = headers.clone();
            headers.insert("accept", "text/event-stream".parse().unwrap());
            check_get(&headers)
        }),
        ("DELETE", check_delete),
    ]
}

#[test]
fn version_and_session_are_read() {
    for (method, check) in checks() {
        let version = |lines: &[(&str, &str)]| check(&headers(lines)).unwrap().version;
        assert_eq!(version(&[]), None, "{method}");
        let named = [("mcp-protocol-version", " 2025-11-25 ")];
        assert_eq!(version(&named), Some(SessionVersion::V2025_11_25), "{method}");

        let longest = "~".repeat(MAX_SESSION_ID);
        for id in ["!", &longest] {
            let read = check(&headers(&[("mcp-session-id", id)])).unwrap();
            assert_eq!(read.session_id.unwrap().expose(), id, "{method}");
        }
        assert_eq!(check(&headers(&[])).unwrap().session_id, None, "{method}");
    }
}

#[test]
fn each_disagreement_is_refused_in_every_method() {
    let too_long = "x".repeat(MAX_SESSION_ID + 1);
    let unreadable = |name: &str| Malformed::HeaderUnreadable(name.to_owned());
    let repeated = |name: &str| Malformed::HeaderRepeated(name.to_owned());
    let unsupported = |version: &str| Malformed::UnsupportedVersion {
        requested: version.to_owned(),
        supported: vec!["2025-11-25", "2025-06-18", "2025-03-26"],
    };
    let session = |id| ("mcp-session-id", id);
    for (lines, fault) in [
        (vec![session("")], unreadable("Mcp-Session-Id")),
        (vec![session("a b")], unreadable("Mcp-Session-Id")),
        (vec![session("é")], unreadable("Mcp-Session-Id")),
        (vec![session(&too_long)], unreadable("Mcp-Session-Id")),
        (vec![session("a"), session("a")], repeated("mcp-session-id")),
        (
            vec![("mcp-param-x", "1"), ("mcp-param-x", "1")],
            repeated("mcp-param-x"),
        ),
        (
            vec![("mcp-protocol-version", "2026-07-28")],
            unsupported("2026-07-28"),
        ),
        (
            vec![("mcp-protocol-version", "2024-11-05")],
            unsupported("2024-11-05"),
        ),
        (
            vec![("mcp-name", "echo")],
            Malformed::HeaderDisagrees("Mcp-Name".to_owned()),
        ),
        (
            vec![("mcp-method", "tools/call")],
            Malformed::HeaderDisagrees("Mcp-Method".to_owned()),
        ),
    ] {
        for (method, check) in checks() {
            assert_eq!(check(&headers(&lines)), Err(fault.clone()), "{method} {lines:?}");
            assert_eq!(fault.http_status(), 400);
        }
    }
}

#[test]
fn mirrors_need_not_be_there_but_must_agree() {
    let disagrees = |name: &str| Err(Malformed::HeaderDisagrees(name.to_owned()));
    assert!(
        post(
            &[("mcp-method", "tools/call"), ("mcp-name", "=?base64?ZWNobw==?=")],
            CALL
        )
        .is_ok()
    );
    assert!(post(&[("mcp-name", "echo")], CALL).is_ok());
    assert_eq!(
        post(&[("mcp-method", "tools/list")], CALL),
        disagrees("Mcp-Method")
    );
    assert_eq!(post(&[("mcp-name", "other")], CALL), disagrees("Mcp-Name"));
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert!(post(&[], response).is_ok());
    assert_eq!(
        post(&[("mcp-method", "tools/call")], response),
        disagrees("Mcp-Method")
    );

    let meta = |version: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}}}"#
        )
    };
    let version = [("mcp-protocol-version", "2025-11-25")];
    assert!(post(&version, &meta("2025-11-25")).is_ok());
    for other in ["2026-07-28", "2025-06-18"] {
        assert_eq!(post(&version, &meta(other)), disagrees("MCP-Protocol-Version"));
    }
}

#[test]
fn parameters_that_came_must_agree() {
    let params = ["Region", "Tier"]
        .map(|suffix| HeaderParam::new(suffix, &[suffix.to_lowercase()]).expect("a header's name"));
    let check = |lines: &[(&str, &str)]| {
        check_params_if_sent(&headers(lines), Some(r#"{"region":"eu","tier":2}"#), &params)
    };
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[("mcp-param-region", "eu")]), Ok(()));
    assert_eq!(
        check(&[("mcp-param-tier", "2"), ("mcp-param-other", "x")]),
        Ok(())
    );
    let disagrees = Malformed::HeaderDisagrees("mcp-param-region".to_owned());
    assert_eq!(check(&[("mcp-param-region", "us")]), Err(disagrees));
}

#[test]
fn a_get_asks_for_a_stream_and_says_where_it_was() {
    let get = |lines: &[(&str, &str)]| check_get(&headers(lines));
    assert_eq!(get(&[]), Err(Malformed::NotAcceptable));
    assert_eq!(
        get(&[("accept", "application/json")]),
        Err(Malformed::NotAcceptable)
    );
    assert_eq!(get(&[("accept", "*/*")]), Err(Malformed::NotAcceptable));
    assert_eq!(get(&[STREAM]).unwrap().last_event_id, None);

    let longest = "e".repeat(MAX_LAST_EVENT_ID);
    for id in ["7", "a b", &longest] {
        let read = get(&[STREAM, ("last-event-id", id)]).unwrap();
        assert_eq!(read.last_event_id, EventId::parse(id.as_bytes()));
    }
    let too_long = format!("{longest}e");
    let unreadable = Malformed::HeaderUnreadable("Last-Event-ID".to_owned());
    for id in ["", &too_long] {
        assert_eq!(get(&[STREAM, ("last-event-id", id)]), Err(unreadable.clone()));
    }
    let twice = [STREAM, ("last-event-id", "1"), ("last-event-id", "2")];
    assert_eq!(
        get(&twice),
        Err(Malformed::HeaderRepeated("Last-Event-ID".to_owned()))
    );
}

#[test]
fn what_we_send_passes_our_own_checks() {
    let session = SessionId::parse("s1").unwrap();
    let event = EventId::parse("e 1".as_bytes()).unwrap();
    let resumed = Sending::Get {
        last_event_id: Some(&event),
    };
    for version in SessionVersion::ALL {
        let sent = |sending| outgoing_headers(sending, Some(version), Some(&session));
        let expected = SessionHeaders {
            version: Some(version).filter(|version| version.has_header()),
            session_id: Some(session.clone()),
            last_event_id: None,
        };
        let post = sent(Sending::Post);
        let list = message(LIST);
        assert_eq!(check_transport(&post), Ok(()));
        assert_eq!(check_post(&post, &list), Ok(expected.clone()));
        assert_eq!(era_of(&post, Some(&list)), Era::Session);
        assert_eq!(post.contains_key("mcp-protocol-version"), version.has_header());
        assert_eq!(check_delete(&sent(Sending::Delete)), Ok(expected.clone()));
        assert_eq!(
            check_get(&sent(resumed)),
            Ok(SessionHeaders {
                last_event_id: Some(event.clone()),
                ..expected
            })
        );
    }
    let first = outgoing_headers(Sending::Post, None, None);
    assert_eq!(first.len(), 2, "`initialize` says neither revision nor session");
    let get = outgoing_headers(Sending::Get { last_event_id: None }, None, None);
    assert_eq!(get.len(), 1);
}

#[test]
fn an_upstream_gives_one_good_session_id_or_none() {
    let of = |lines: &[(&str, &str)]| SessionId::of_answer(&headers(lines));
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&[("mcp-session-id", "x")]), Ok(SessionId::parse("x")));
    for lines in [
        vec![("mcp-session-id", "")],
        vec![("mcp-session-id", "a b")],
        vec![("mcp-session-id", "x"), ("mcp-session-id", "x")],
    ] {
        assert_eq!(of(&lines), Err(AnswerFault::SessionId), "{lines:?}");
    }
}

#[test]
fn a_session_id_is_not_printed() {
    let id = SessionId::parse("hunter2").unwrap();
    assert_eq!(format!("{id:?} {:?}", id.to_header()), "SessionId(…) Sensitive");
}
