use proptest::prelude::*;

use super::*;
use crate::json::{JsonError, JsonFault};

fn read(body: &str) -> Result<Request<'_>, Refused<'_>> {
    read_request(body.as_bytes(), Limits::default())
}

fn refusal(body: &str) -> (Malformed, Option<&str>) {
    let refused = read(body).expect_err(body);
    (refused.fault, refused.id.map(|id| id.as_raw()))
}

/// A request with `params` and nothing wrong with it otherwise.
fn with_params(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{params}}}"#)
}

fn with_meta(meta: &str) -> String {
    with_params(&format!(r#"{{"_meta":{meta}}}"#))
}

#[test]
fn a_call_is_read_whole() {
    let body = r#"{"method":"tools/call","params":{"name":"sl\u006fw","arguments":{"n" : 2},"extra":[1],"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientInfo":{"name":"t\u0073","version":"1","title":{"x":1}},
        "io.modelcontextprotocol/clientCapabilities":{"sampling":{}},
        "io.modelcontextprotocol/logLevel":"info",
        "progressToken":"p\u0031","traceparent":"00-x","tracestate":"a=1","baggage":"secret=1",
        "com.example/\u006b":[ 1, {"a":null} ],"other":"x"}},"jsonrpc":"2.0","id":"call-1"}"#;
    let request = read(body).unwrap();
    assert_eq!(request.id.unwrap().as_raw(), r#""call-1""#);
    assert_eq!(request.method, "tools/call");
    assert_eq!(request.mirrored_name(), Some("slow"));
    assert_eq!(request.params.arguments, Some(r#"{"n" : 2}"#));
    assert!(!request.params.is_retry && !request.is_notification());
    let meta = &request.params.meta;
    assert_eq!(meta.protocol_version.as_deref(), Some("2026-07-28"));
    assert_eq!(meta.client_info.name.as_deref(), Some("ts"));
    assert_eq!(meta.client_info.version.as_deref(), Some("1"));
    assert!(meta.has_client_capabilities);
    assert_eq!(meta.log_level.as_deref(), Some("info"));
    assert_eq!(meta.progress_token.unwrap().as_raw(), r#""p\u0031""#);
    assert_eq!(meta.traceparent.as_deref(), Some("00-x"));
    assert_eq!(meta.tracestate.as_deref(), Some("a=1"));
    let other: Vec<_> = meta.other.iter().map(|(key, raw)| (key.as_ref(), *raw)).collect();
    assert_eq!(
        other,
        [("com.example/k", r#"[ 1, {"a":null} ]"#), ("other", r#""x""#)]
    );
}

#[test]
fn a_message_without_id_is_a_notification() {
    let request = read(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#).unwrap();
    assert!(request.is_notification());
    assert_eq!(request.params, Params::default());
    assert_eq!(request.mirrored_name(), None);
}

#[test]
fn a_retry_with_input_is_marked() {
    for member in [
        r#""requestState":"x""#,
        r#""inputResponses":{}"#,
        r#""requestState":null"#,
    ] {
        assert!(
            read(&with_params(&format!("{{{member}}}")))
                .unwrap()
                .params
                .is_retry
        );
    }
}

#[test]
fn ids_are_strings_or_integers_and_kept_as_written() {
    for id in ["0", "-0", "12345678901234567890123", r#""""#, r#""\u00e9\n""#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"x"}}"#);
        assert_eq!(read(&body).unwrap().id.unwrap().as_raw(), id);
    }
    for id in ["null", "1.0", "1e0", "1E0", "true", "[1]", r#"{"a":1}"#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
        assert_eq!(refusal(&body), (Malformed::Id, None));
    }
}

#[test]
fn each_refusal_of_the_envelope() {
    let param = |member, expected| Malformed::ParamType { member, expected };
    let table: Vec<(String, Malformed)> = vec![
        (
            r#"{"jsonrpc":"1.0","method":"x","id":7}"#.into(),
            Malformed::Jsonrpc,
        ),
        (
            r#"{"jsonrpc":2.0,"method":"x","id":7}"#.into(),
            Malformed::Jsonrpc,
        ),
        (r#"{"method":"x","id":7}"#.into(), Malformed::Jsonrpc),
        (r#"{"jsonrpc":"2.0","id":7}"#.into(), Malformed::Method),
        (
            r#"{"jsonrpc":"2.0","method":null,"id":7}"#.into(),
            Malformed::Method,
        ),
        (
            r#"{"jsonrpc":"2.0","method":["x"],"id":7}"#.into(),
            Malformed::Method,
        ),
        (
            r#"{"jsonrpc":"2.0","result":{},"id":7}"#.into(),
            Malformed::Response,
        ),
        (
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""},"id":7}"#.into(),
            Malformed::Response,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"x","result":null,"id":7}"#.into(),
            Malformed::Response,
        ),
        (with_params("[1]"), Malformed::Params),
        (with_params("null"), Malformed::Params),
        (with_params(r#""x""#), Malformed::Params),
        (with_params(r#"{"name":1}"#), param("name", "a string")),
        (with_params(r#"{"uri":null}"#), param("uri", "a string")),
        (with_params(r#"{"cursor":{}}"#), param("cursor", "a string")),
        (
            with_params(r#"{"arguments":[]}"#),
            param("arguments", "an object"),
        ),
        (
            with_params(r#"{"arguments":null}"#),
            param("arguments", "an object"),
        ),
        (with_params(r#"{"_meta":null}"#), param("_meta", "an object")),
        (
            with_meta(r#"{"progressToken":1.5}"#),
            param("progressToken", "a string or an integer"),
        ),
        (
            with_meta(r#"{"progressToken":null}"#),
            param("progressToken", "a string or an integer"),
        ),
        (
            with_meta(r#"{"traceparent":1}"#),
            param("traceparent", "a string"),
        ),
        (with_meta(r#"{"tracestate":[]}"#), param("tracestate", "a string")),
        (
            with_meta(r#"{"io.modelcontextprotocol/protocolVersion":20260728}"#),
            param("io.modelcontextprotocol/protocolVersion", "a string"),
        ),
        (
            with_meta(r#"{"io.modelcontextprotocol/clientCapabilities":true}"#),
            param("io.modelcontextprotocol/clientCapabilities", "an object"),
        ),
        (
            with_meta(r#"{"io.modelcontextprotocol/clientInfo":"me"}"#),
            param("io.modelcontextprotocol/clientInfo", "an object"),
        ),
        (
            with_meta(r#"{"io.modelcontextprotocol/logLevel":7}"#),
            param("io.modelcontextprotocol/logLevel", "a string"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{},"id":7}"#.into(),
            Malformed::ParamMissing("name"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"prompts/get","id":7}"#.into(),
            Malformed::ParamMissing("name"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"resources/read","params":{"name":"x"},"id":7}"#.into(),
            Malformed::ParamMissing("uri"),
        ),
    ];
    for (body, fault) in table {
        assert_eq!(refusal(&body), (fault, Some("7")), "{body}");
    }
    for body in ["[]", r#"[{"jsonrpc":"2.0","method":"x","id":7}]"#] {
        assert_eq!(refusal(body), (Malformed::Batch, None));
    }
    for body in ["1", "null", r#""{}""#] {
        assert_eq!(refusal(body), (Malformed::NotAnObject, None));
    }
}

#[test]
fn keys_that_differ_by_case_are_refused_on_every_level() {
    let top = |key: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"x","{key}":0}}"#);
    for (key, known) in [
        ("JSONRPC", "jsonrpc"),
        ("Id", "id"),
        (r"I\u0064", "id"),
        ("methoD", "method"),
        ("Params", "params"),
        ("param\u{17f}", "params"),
        ("RESULT", "result"),
        ("Error", "error"),
    ] {
        assert_eq!(
            refusal(&top(key)),
            (Malformed::LookAlikeKey(known), Some("7")),
            "{key}"
        );
    }
    for (key, known) in [
        ("Name", "name"),
        ("ARGUMENTS", "arguments"),
        (r"\u0041rguments", "arguments"),
        ("_META", "_meta"),
        ("Cursor", "cursor"),
        ("URI", "uri"),
        ("requeststate", "requestState"),
        ("InputResponses", "inputResponses"),
    ] {
        let body = with_params(&format!(r#"{{"{key}":"x"}}"#));
        assert_eq!(
            refusal(&body),
            (Malformed::LookAlikeKey(known), Some("7")),
            "{key}"
        );
    }
    for (key, known) in [
        (
            "io.modelcontextprotocol/protocolversion",
            "io.modelcontextprotocol/protocolVersion",
        ),
        (
            "IO.modelcontextprotocol/clientInfo",
            "io.modelcontextprotocol/clientInfo",
        ),
        (
            "io.ModelContextProtocol/clientCapabilities",
            "io.modelcontextprotocol/clientCapabilities",
        ),
        (
            "io.modelcontextprotocol/loglevel",
            "io.modelcontextprotocol/logLevel",
        ),
        ("progresstoken", "progressToken"),
        ("progressTo\u{212a}en", "progressToken"),
        ("TraceParent", "traceparent"),
        ("traceState", "tracestate"),
        ("Baggage", "baggage"),
    ] {
        let body = with_meta(&format!(r#"{{"{key}":"x"}}"#));
        assert_eq!(
            refusal(&body),
            (Malformed::LookAlikeKey(known), Some("7")),
            "{key}"
        );
    }
    // Inside arguments, keys are the tool's own business.
    assert!(read(&with_params(r#"{"arguments":{"Name":1,"name":2,"ID":3}}"#)).is_ok());
    assert!(read(&top("methods")).is_ok());
}

#[test]
fn faults_of_the_text_outweigh_what_it_says() {
    let fault = |body| match refusal(body) {
        (Malformed::Json(JsonError { fault, .. }), id) => (fault, id),
        other => panic!("{body} gave {other:?}"),
    };
    assert_eq!(
        fault(r#"{"jsonrpc":"1.0","id":7,"params":{"arguments":{"a":1,"a":2}}}"#),
        (JsonFault::DuplicateKey, Some("7"))
    );
    assert_eq!(
        fault(r#"{"id":7,"method":"x","arguments":"\ud800"}"#),
        (JsonFault::LoneSurrogate, Some("7"))
    );
    assert_eq!(fault(r#"{"method":01,"id":7}"#), (JsonFault::BadNumber, None));
    // Which of the two would be the one to echo?
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"x"}"#),
        (JsonFault::DuplicateKey, None)
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":7,"method":"x"}{}"#),
        (JsonFault::TrailingBytes, Some("7"))
    );
    assert_eq!(fault(""), (JsonFault::Empty, None));
    let limits = Limits { max_depth: 2 };
    let deep = with_params(r#"{"arguments":{}}"#);
    let refused = read_request(deep.as_bytes(), limits).unwrap_err();
    assert!(matches!(
        refused.fault,
        Malformed::Json(JsonError {
            fault: JsonFault::TooDeep,
            ..
        })
    ));
}

#[test]
fn ids_are_compared_by_value() {
    let same = |left, right| RequestId::parse(left).unwrap().same_value(right);
    assert!(same("5", "5.0") && same("5", "50e-1") && same(r#""a""#, r#""\u0061""#) && same("-0", "0"));
    assert!(!same("5", r#""5""#) && !same(r#""5""#, "5") && !same("5", "6") && !same(r#""a""#, r#""A""#));
    assert!(!same("5", "null") && !same("5", "[5]") && !same(r#""a""#, "null"));
    for raw in [" 5", "5 ", "1.5", "null", "", "5 6", "\"\\ud800\""] {
        assert_eq!(RequestId::parse(raw), None, "{raw}");
    }
}

proptest! {
    /// Whatever the body is, reading it gives a value or a fault whose id is one to echo.
    #[test]
    fn never_panics_and_echoes_only_good_ids(body in r#"(\{"(id|jsonrpc|method|params|_meta|name)":|[\[\]{}",:0-9a.\\ -]|"2\.0"|null){0,24}"#) {
        if let Err(Refused { id: Some(id), .. }) = read(&body) {
            prop_assert_eq!(RequestId::parse(id.as_raw()), Some(id));
        }
    }

    #[test]
    fn case_folding_finds_every_spelling(known in prop::sample::select(vec!["params", "progressToken"]), flips in any::<u16>()) {
        let spelt: String = known
            .chars()
            .enumerate()
            .map(|(index, c)| if flips >> index & 1 == 1 { flip(c) } else { c })
            .collect();
        let expected = (spelt != known).then_some(known);
        prop_assert_eq!(look_alike(&spelt, &["other", known]), expected);
    }
}

fn flip(character: char) -> char {
    if character.is_ascii_lowercase() {
        character.to_ascii_uppercase()
    } else {
        character.to_ascii_lowercase()
    }
}

/// Objects with many keys are checked in another way than those with few.
#[test]
fn a_look_alike_key_is_found_among_many() {
    let many: String = (0..100).map(|n| format!(r#""k{n}":{n},"#)).collect();
    let body = with_params(&format!(r#"{{{many}"name":"t","NAME":"u"}}"#));
    assert_eq!(refusal(&body), (Malformed::LookAlikeKey("name"), Some("7")));
    let twice = with_params(&format!(r#"{{{many}"name":"t","n\u0061me":"u"}}"#));
    assert!(matches!(refusal(&twice), (Malformed::Json(_), Some("7"))));
}
