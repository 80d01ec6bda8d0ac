use proptest::prelude::*;

use super::*;

fn awaited() -> Awaited<'static> {
    Awaited {
        id: RequestId::parse("4").unwrap(),
        progress_token: ProgressToken::parse(r#""t""#),
    }
}

fn read(message: &str) -> Passage<'_> {
    read_answer(message.as_bytes(), &awaited())
}

fn fault(message: &str) -> AnswerFault {
    match read(message) {
        Passage::Fault(fault) => fault,
        other @ (Passage::Pass(_) | Passage::Drop(_)) => panic!("{message} gave {other:?}"),
    }
}

#[test]
fn the_result_of_our_request_passes() {
    let passes = |message, is_error, result| {
        let expected = Passage::Pass(Answer::Response(Response::Result { is_error, result }));
        assert_eq!(read(message), expected, "{message}");
    };
    passes(
        r#"{"jsonrpc":"2.0","id":4,"result":{"content":[{"text":"done","type":"text"}],"isError":false,"resultType":"complete"}}"#,
        false,
        r#"{"content":[{"text":"done","type":"text"}],"isError":false,"resultType":"complete"}"#,
    );
    passes(
        r#"{"result": {"isError":true}, "id":4.0,"jsonrpc":"2.0","extra":1}"#,
        true,
        r#"{"isError":true}"#,
    );
    passes(r#"{"jsonrpc":"2.0","id":4,"result":{}}"#, false, "{}");
}

#[test]
fn the_error_of_our_request_passes() {
    assert_eq!(
        read(r#"{"jsonrpc":"2.0","id":4,"error":{"code":-32602,"message":"n\u006f","data":{"x":1}}}"#),
        Passage::Pass(Answer::Response(Response::Error {
            code: -32602,
            message: "no".into()
        }))
    );
}

#[test]
fn only_progress_under_our_token_passes() {
    let progress = |token: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        )
    };
    assert_eq!(read(&progress(r#""t""#)), Passage::Pass(Answer::Progress));
    assert_eq!(read(&progress(r#""\u0074""#)), Passage::Pass(Answer::Progress));
    for token in [r#""u""#, "4", "null", r#"["t"]"#] {
        assert_eq!(
            read(&progress(token)),
            Passage::Drop(DropReason::ForeignProgress),
            "{token}"
        );
    }
    let without = Awaited {
        progress_token: None,
        ..awaited()
    };
    assert_eq!(
        read_answer(progress(r#""t""#).as_bytes(), &without),
        Passage::Drop(DropReason::ProgressNotAsked)
    );
    let no_params = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
    assert_eq!(read(no_params), Passage::Drop(DropReason::ForeignProgress));
}

#[test]
fn other_notifications_are_dropped() {
    let notification = |method| format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"x":1}}}}"#);
    assert_eq!(
        read(&notification("notifications/message")),
        Passage::Drop(DropReason::LogNotAsked)
    );
    for method in [
        "notifications/tools/list_changed",
        "notifications/cancelled",
        "tools/call",
        "",
    ] {
        assert_eq!(
            read(&notification(method)),
            Passage::Drop(DropReason::OtherNotification)
        );
    }
}

#[test]
fn everything_else_is_a_fault() {
    use AnswerFault::*;
    let table: &[(&str, AnswerFault)] = &[
        (r#"[{"jsonrpc":"2.0","id":4,"result":{}}]"#, NotJsonRpc),
        ("1", NotJsonRpc),
        ("{}", NotJsonRpc),
        (r#"{"id":4,"result":{}}"#, NotJsonRpc),
        (r#"{"jsonrpc":"1.0","id":4,"result":{}}"#, NotJsonRpc),
        (r#"{"jsonrpc":"2.0","id":4}"#, NotJsonRpc),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{},"error":{"code":1,"message":""}}"#,
            NotJsonRpc,
        ),
        (r#"{"jsonrpc":"2.0","id":4,"method":"x","result":{}}"#, NotJsonRpc),
        (
            r#"{"jsonrpc":"2.0","method":"x","error":{"code":1,"message":""}}"#,
            NotJsonRpc,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#,
            ServerRequest,
        ),
        (r#"{"jsonrpc":"2.0","id":4,"method":"ping"}"#, ServerRequest),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, ServerRequest),
        (r#"{"jsonrpc":"2.0","id":5,"result":{}}"#, ForeignId),
        (r#"{"jsonrpc":"2.0","id":"4","result":{}}"#, ForeignId),
        (
            r#"{"jsonrpc":"2.0","id":5,"error":{"code":1,"message":""}}"#,
            ForeignId,
        ),
        (
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":""}}"#,
            ErrorWithoutId { code: -32700 },
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":7,"message":""}}"#,
            ErrorWithoutId { code: 7 },
        ),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Member("id")),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Member("id")),
        (r#"{"jsonrpc":"2.0","id":[4],"result":{}}"#, Member("id")),
        (
            r#"{"jsonrpc":"2.0","id":[4],"error":{"code":1,"message":""}}"#,
            Member("id"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":true,"method":"notifications/message"}"#,
            Member("id"),
        ),
        (r#"{"jsonrpc":"2.0","id":4,"result":null}"#, Member("result")),
        (r#"{"jsonrpc":"2.0","id":4,"result":[]}"#, Member("result")),
        (r#"{"jsonrpc":"2.0","id":4,"error":"x"}"#, Member("error")),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"message":"x"}}"#,
            Member("code"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":"1","message":"x"}}"#,
            Member("code"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":1.5,"message":"x"}}"#,
            Member("code"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":1}}"#,
            Member("message"),
        ),
        (r#"{"jsonrpc":"2.0","id":4,"method":7}"#, Member("method")),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"isError":"true"}}"#,
            Member("isError"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"isError":null}}"#,
            Member("isError"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"resultType":"input_required","requestState":"x"}}"#,
            InputRequired,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"resultType":"task"}}"#,
            UnknownResultType,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"resultType":"Complete"}}"#,
            UnknownResultType,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"resultType":null}}"#,
            UnknownResultType,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"Result":{},"result":{}}"#,
            LookAlikeKey("result"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"iserror":true}}"#,
            LookAlikeKey("isError"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"resulttype":"complete"}}"#,
            LookAlikeKey("resultType"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":1,"message":"","Code":2}}"#,
            LookAlikeKey("code"),
        ),
    ];
    for (message, expected) in table {
        assert_eq!(fault(message), *expected, "{message}");
    }
    for message in [
        "",
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"a\":1,\"a\":2}}",
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}} x",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}}",
    ] {
        assert!(matches!(fault(message), Json(_)), "{message}");
    }
}

proptest! {
    #[test]
    fn never_passes_what_has_another_id(
        id in prop_oneof![any::<i64>().prop_map(|id| id.to_string()), "[a-z4]{0,3}".prop_map(|id| format!("\"{id}\""))],
    ) {
        let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        let passed = matches!(read(&message), Passage::Pass(_));
        prop_assert_eq!(passed, id == "4");
    }
}
