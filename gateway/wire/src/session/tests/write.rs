use proptest::prelude::*;

use super::message;
use crate::{
    request::{ProgressToken, RequestId},
    session::{
        ClientCapabilities, ClientOutcome, ClientResponse, LogLevel, Message, Notice, SessionVersion,
        write::{self, InitializeRequest, ToolCall},
    },
};

fn id(raw: &str) -> RequestId<'_> {
    RequestId::parse(raw).unwrap()
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

#[test]
fn messages_are_written_as_the_specification_shows_them() {
    for (body, expected) in [
        (
            write::initialized(),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        ),
        (
            write::roots_list_changed(),
            r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#,
        ),
        (
            write::set_level(id("1"), LogLevel::Warning),
            r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"warning"}}"#,
        ),
        (
            write::cancelled(id(r#""\u0061""#), Some("no\n")),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0061","reason":"no\n"}}"#,
        ),
        (
            write::cancelled(id("1"), None),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        ),
        (
            write::progress(r#"{"progressToken":1, "progress":2.0}"#),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1, "progress":2.0}}"#,
        ),
        (
            write::response(id("1"), ClientOutcome::Result("{ }")),
            r#"{"jsonrpc":"2.0","id":1,"result":{ }}"#,
        ),
        (
            write::response(id("1"), ClientOutcome::Error(r#"{"code":1,"message":""}"#)),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
        ),
    ] {
        assert_eq!(text(body), expected);
    }
}

#[test]
fn an_initialize_is_in_our_name_with_the_clients_capabilities() {
    let request = InitializeRequest {
        id: id("0"),
        version: SessionVersion::V2025_06_18,
        capabilities: ClientCapabilities {
            elicitation: None,
            sampling: Some("{}"),
            roots: Some(r#"{"listChanged": true}"#),
        },
        client_name: "onedoor",
        client_version: "1",
    };
    assert_eq!(
        text(request.body()),
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"sampling":{},"roots":{"listChanged": true}},"clientInfo":{"name":"onedoor","version":"1"}}}"#
    );
    let body = request.body();
    let Message::Request(read) = message(std::str::from_utf8(&body).unwrap()) else {
        panic!("a request")
    };
    let initialize = read.initialize().unwrap();
    assert_eq!(initialize.capabilities, request.capabilities);
    assert_eq!(initialize.protocol_version, "2025-06-18");
    assert_eq!(initialize.client_info.name.as_deref(), Some("onedoor"));
}

#[test]
fn a_call_carries_no_reserved_meta() {
    let call = |other_meta| {
        let call = ToolCall {
            id: id("3"),
            name: "slow",
            arguments: Some(r#"{"n" : 2}"#),
            progress_token: ProgressToken::parse("3"),
            traceparent: Some("00-x"),
            tracestate: None,
            other_meta,
        };
        text(call.body())
    };
    let expected = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"slow","arguments":{"n" : 2},"_meta":{"progressToken":3,"traceparent":"00-x","com.example/k":[ 1 ]}}}"#;
    let reserved = "io.modelcontextprotocol/related-task".into();
    assert_eq!(
        call(&[("com.example/k".into(), "[ 1 ]"), (reserved, "{}")]),
        expected
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        name in "\\PC{1,8}",
        key in "[a-z.é\"]{1,8}",
        reason in proptest::option::of("\\PC{0,8}"),
        token in any::<i64>(),
        result in any::<bool>(),
    ) {
        let token = token.to_string();
        let other_meta = [(key.as_str().into(), "[null, 1.0]")];
        let call = ToolCall {
            id: id(&token),
            name: &name,
            arguments: Some("{ }"),
            progress_token: ProgressToken::parse(&token),
            traceparent: Some(&name),
            tracestate: None,
            other_meta: &other_meta,
        };
        let body = text(call.body());
        let Message::Request(read) = message(&body) else { panic!("a request") };
        prop_assert_eq!((read.id, read.params.name.as_deref()), (call.id, Some(name.as_str())));
        prop_assert_eq!(read.params.arguments, call.arguments);
        prop_assert_eq!(read.params.meta.progress_token, call.progress_token);
        prop_assert_eq!(read.params.meta.traceparent.as_deref(), call.traceparent);
        prop_assert_eq!(&read.params.meta.other[..], &other_meta[..]);
        prop_assert_eq!(read.params.meta.protocol_version, None);

        let body = text(write::cancelled(id(&token), reason.as_deref()));
        let Message::Notification(read) = message(&body) else { panic!("a notification") };
        let expected = Notice::Cancelled { request_id: id(&token), reason: reason.as_deref() };
        prop_assert_eq!(read.notice(), Ok(expected));

        let outcome = if result {
            ClientOutcome::Result("{ }")
        } else {
            ClientOutcome::Error(r#"{"code":1, "message":""}"#)
        };
        let body = text(write::response(id(&token), outcome));
        let expected = Message::Response(ClientResponse { id: id(&token), outcome });
        prop_assert_eq!(message(&body), expected);
    }
}
