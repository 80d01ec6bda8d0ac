use proptest::prelude::*;

use super::{message, read};
use crate::{
    malformed::Malformed,
    request::{Limits, Params, ProgressToken, RequestId, read_request},
    session::{
        ClientCapabilities, ClientOutcome, ClientResponse, Declared, LogLevel, Message, Notice, Notification,
        SessionRequest,
    },
};

fn request(body: &str) -> SessionRequest<'_> {
    let Message::Request(request) = message(body) else {
        panic!("{body} is no request")
    };
    request
}

fn notification(body: &str) -> Notification<'_> {
    let Message::Notification(notification) = message(body) else {
        panic!("{body} is no notification")
    };
    notification
}

fn with_params(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)
}

fn notice(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}"#)
}

fn must_be(member: &'static str, expected: &'static str) -> Malformed {
    Malformed::ParamType { member, expected }
}

#[test]
fn an_initialize_is_read_whole() {
    // The Inspector's, with more capabilities.
    let body = r#"{"method":"initialize","params":{"protocolVersion":"2025-11-2\u0035","capabilities":{
        "roots":{"listChanged":true},"extensions":{"io.modelcontextprotocol/tasks":{}},"experimental":1,
        "elicitation":{ "form" : {} }},"clientInfo":{"name":"inspector-cli","version":"2.12.0"}},"jsonrpc":"2.0","id":0}"#;
    let request = request(body);
    assert!(message(body).is_initialize());
    let initialize = request.initialize().unwrap();
    assert_eq!(initialize.protocol_version, "2025-11-25");
    let capabilities = ClientCapabilities {
        elicitation: Some(r#"{ "form" : {} }"#),
        sampling: None,
        roots: Some(r#"{"listChanged":true}"#),
    };
    assert_eq!(initialize.capabilities, capabilities);
    let declared = Declared {
        elicitation: true,
        sampling: false,
        roots: true,
    };
    assert_eq!(capabilities.declared(), declared);
    assert_eq!(initialize.client_info.name.as_deref(), Some("inspector-cli"));
    assert_eq!(initialize.client_info.version.as_deref(), Some("2.12.0"));
}

#[test]
fn an_initialize_needs_its_members() {
    let good = [
        ("protocolVersion", r#""x""#, "a string"),
        ("capabilities", r#"{"sampling":{}}"#, "an object of objects"),
        ("clientInfo", "{}", "an object"),
    ];
    let with = |replaced: &str, value: Option<&str>| {
        let members: Vec<_> = good
            .iter()
            .map(|(key, good, _)| (*key, if *key == replaced { value } else { Some(*good) }))
            .filter_map(|(key, value)| Some(format!(r#""{key}":{}"#, value?)))
            .collect();
        with_params("initialize", &format!("{{{}}}", members.join(",")))
    };
    assert!(request(&with("none", None)).initialize().is_ok());
    for (key, _, expected) in good {
        for value in [None, Some("null"), Some("[]"), Some("7")] {
            let body = with(key, value);
            assert_eq!(request(&body).initialize(), Err(must_be(key, expected)), "{body}");
        }
    }
    let body = with("capabilities", Some(r#"{"roots":{},"sampling":true}"#));
    let expected = must_be("capabilities", "an object of objects");
    assert_eq!(request(&body).initialize(), Err(expected));
    let none = r#"{"jsonrpc":"2.0","id":7,"method":"initialize"}"#;
    assert!(request(none).initialize().is_err());
}

#[test]
fn a_log_level_is_one_of_eight() {
    for level in LogLevel::ALL {
        let body = with_params("logging/setLevel", &format!(r#"{{"level":"{level}"}}"#));
        assert_eq!(request(&body).log_level(), Ok(level));
    }
    assert!(LogLevel::ALL.is_sorted());
    for params in [
        "{}",
        r#"{"level":"Info"}"#,
        r#"{"level":7}"#,
        r#"{"level":"trace"}"#,
    ] {
        let body = with_params("logging/setLevel", params);
        assert_eq!(
            request(&body).log_level(),
            Err(must_be("level", "a log level")),
            "{params}"
        );
    }
}

#[test]
fn notifications_are_told_apart() {
    let id = RequestId::parse(r#""\u0061""#).unwrap();
    let cancelled = |reason| Notice::Cancelled {
        request_id: id,
        reason,
    };
    let progress = r#"{"progressToken":3, "progress":1.0,"message":"m"}"#;
    let bad_id = must_be("requestId", "a string or an integer");
    let bad_token = must_be("progressToken", "a string or an integer");
    for (method, params, expected) in [
        ("initialized", "{}", Ok(Notice::Initialized)),
        ("roots/list_changed", "{}", Ok(Notice::RootsListChanged)),
        (
            "cancelled",
            r#"{"requestId":"\u0061","reason":"n\u006f"}"#,
            Ok(cancelled(Some("no"))),
        ),
        (
            "cancelled",
            r#"{"requestId":"\u0061","reason":1}"#,
            Ok(cancelled(None)),
        ),
        ("cancelled", "{}", Err(bad_id.clone())),
        ("cancelled", r#"{"requestId":1.5}"#, Err(bad_id)),
        (
            "progress",
            progress,
            Ok(Notice::Progress {
                token: ProgressToken::parse("3").unwrap(),
                params: progress,
            }),
        ),
        ("progress", r#"{"progress":1}"#, Err(bad_token.clone())),
        ("progress", r#"{"progressToken":null}"#, Err(bad_token)),
        ("Initialized", "{}", Ok(Notice::Other)),
        ("tasks/status", r#"{"requestId":[]}"#, Ok(Notice::Other)),
    ] {
        let body = notice(method, params);
        assert_eq!(notification(&body).notice(), expected, "{body}");
    }
    let bare = r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#;
    assert_eq!(notification(bare).notice(), Ok(Notice::Initialized));
    assert_eq!(notification(bare).params, Params::default());
}

#[test]
fn a_response_is_read() {
    let id = RequestId::parse(r#""sealed""#).unwrap();
    for (body, outcome) in [
        (
            r#"{"jsonrpc":"2.0","id":"sealed","result":{ "action":"accept" }}"#,
            ClientOutcome::Result(r#"{ "action":"accept" }"#),
        ),
        (
            r#"{"error":{"code":-1,"message":"User rejected","data":[1]},"id":"sealed","jsonrpc":"2.0"}"#,
            ClientOutcome::Error(r#"{"code":-1,"message":"User rejected","data":[1]}"#),
        ),
    ] {
        let response = Message::Response(ClientResponse { id, outcome });
        assert_eq!(message(body), response);
        let refused = message(body).into_stateless().unwrap_err();
        assert_eq!((refused.fault, refused.id), (Malformed::Response, Some(id)));
    }
}

#[test]
fn a_response_must_be_nothing_else() {
    for (members, fault) in [
        (
            r#""id":7,"result":{},"error":{"code":1,"message":""}"#,
            Malformed::Response,
        ),
        (r#""id":7,"result":[]"#, Malformed::Response),
        (r#""id":7,"result":null"#, Malformed::Response),
        (r#""id":7,"error":"no""#, Malformed::Response),
        (r#""id":7,"error":{"code":1}"#, Malformed::Response),
        (r#""id":7,"error":{"code":"1","message":""}"#, Malformed::Response),
        (r#""id":7,"error":{"code":1.5,"message":""}"#, Malformed::Response),
        (r#""id":7,"error":{"code":1,"message":null}"#, Malformed::Response),
        (r#""id":7,"result":{},"params":{}"#, Malformed::Response),
        (r#""id":7,"result":{},"method":"x""#, Malformed::Response),
        (
            r#""id":7,"error":{"code":1,"message":""},"method":"x""#,
            Malformed::Response,
        ),
        (r#""result":{},"method":"x""#, Malformed::Response),
        (r#""result":{}"#, Malformed::Id),
        (r#""id":null,"result":{}"#, Malformed::Id),
        (r#""id":1.5,"error":{"code":1,"message":""}"#, Malformed::Id),
        (r#""id":7"#, Malformed::Method),
        (
            r#""id":7,"error":{"code":1,"message":"","Code":2}"#,
            Malformed::LookAlikeKey("code"),
        ),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
        assert_eq!(read(&body).unwrap_err().fault, fault, "{body}");
    }
}

#[test]
fn look_alikes_of_a_session_s_keys_are_refused() {
    for known in [
        "protocolVersion",
        "capabilities",
        "clientInfo",
        "level",
        "requestId",
        "reason",
        "progressToken",
    ] {
        let params = format!(r#"{{"{}":1}}"#, known.to_uppercase());
        let refused = with_params("x", &params);
        assert_eq!(read(&refused).unwrap_err().fault, Malformed::LookAlikeKey(known));
        // Only their own methods say what they must be.
        assert!(read(&with_params("x", &format!(r#"{{"{known}":1}}"#))).is_ok());
    }
    let body = with_params("initialize", r#"{"capabilities":{"Roots":{}}}"#);
    assert_eq!(read(&body).unwrap_err().fault, Malformed::LookAlikeKey("roots"));
}

proptest! {
    /// The stateless reader reads what this one reads, but for responses.
    #[test]
    fn both_readers_agree(
        members in prop::sample::subsequence(
            vec![
                r#""jsonrpc":"2.0""#, r#""id":7"#, r#""method":"tools/call""#, r#""method":"x""#,
                r#""params":{"name":"t","arguments":{"a":1}}"#, r#""params":{"level":[]}"#, r#""params":[]"#,
                r#""result":{}"#, r#""result":1"#, r#""error":{"code":1,"message":"m"}"#, r#""ID":1"#,
            ],
            0..6,
        ).prop_shuffle()
    ) {
        let body = format!("{{{}}}", members.join(","));
        let stateless = read_request(body.as_bytes(), Limits::default());
        match read(&body) {
            Ok(Message::Request(SessionRequest { id, method, params })) => {
                let request = stateless.unwrap();
                prop_assert_eq!((request.id, request.method, request.params), (Some(id), method, params));
            }
            Ok(Message::Notification(Notification { method, params })) => {
                let request = stateless.unwrap();
                prop_assert_eq!((request.id, request.method, request.params), (None, method, params));
            }
            Ok(Message::Response(_)) => prop_assert_eq!(stateless.unwrap_err().fault, Malformed::Response),
            Err(refused) => prop_assert_eq!(stateless.unwrap_err(), refused),
        }
    }
}
