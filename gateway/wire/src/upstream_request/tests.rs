use proptest::prelude::*;

use super::*;
use crate::{
    json::Document,
    request::{Limits, read_request},
};

fn minimal(id: RequestId<'_>) -> UpstreamRequest<'_> {
    UpstreamRequest {
        id,
        method: "tools/list",
        name: None,
        arguments: None,
        cursor: None,
        client_name: "onedoor",
        client_version: "1",
        progress_token: None,
        traceparent: None,
        tracestate: None,
        other_meta: &[],
    }
}

#[test]
fn the_body_is_ours_and_the_values_are_copied() {
    let other = [
        (Cow::from("com.example/k\"ey"), r#"[ 1, "\u0041" ]"#),
        (Cow::from("io.modelcontextprotocol/related-task"), "1"),
        (Cow::from("com.MCP.tools/x"), "2"),
        (Cow::from("com.example.mcp/x"), "3"),
        (Cow::from("plain.mcp"), "4"),
    ];
    let request = UpstreamRequest {
        method: "tools/call",
        name: Some("slow"),
        arguments: Some(r#"{"n" : 2, "s":"\u0061"}"#),
        cursor: Some("c"),
        progress_token: ProgressToken::parse("4"),
        traceparent: Some("00-t"),
        tracestate: Some("a=1"),
        other_meta: &other,
        ..minimal(RequestId::parse(r#""\u0069d""#).unwrap())
    };
    assert_eq!(
        String::from_utf8(request.body()).unwrap(),
        concat!(
            r#"{"jsonrpc":"2.0","id":"\u0069d","method":"tools/call","params":{"name":"slow","#,
            r#""arguments":{"n" : 2, "s":"\u0061"},"cursor":"c","_meta":{"#,
            r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
            r#""io.modelcontextprotocol/clientInfo":{"name":"onedoor","version":"1"},"#,
            r#""io.modelcontextprotocol/clientCapabilities":{},"progressToken":4,"#,
            r#""traceparent":"00-t","tracestate":"a=1","com.example/k\"ey":[ 1, "\u0041" ],"#,
            r#""com.example.mcp/x":3,"plain.mcp":4}}}"#
        )
    );
}

proptest! {
    #[test]
    fn what_we_write_we_read(
        id in prop_oneof![any::<i64>().prop_map(|id| id.to_string()), any::<String>().prop_map(|id| serde_json::json!(id).to_string())],
        method in any::<String>(),
        name in any::<Option<String>>(),
        value in any::<String>(),
        cursor in any::<Option<String>>(),
        key in "x[^/]{0,8}",
    ) {
        let raw = serde_json::json!({ "v": value }).to_string();
        let other = [(Cow::from(key.as_str()), raw.as_str())];
        let request = UpstreamRequest {
            method: &method,
            name: name.as_deref().or(Some("")),
            arguments: Some(&raw),
            cursor: cursor.as_deref(),
            other_meta: &other,
            ..minimal(RequestId::parse(&id).unwrap())
        };
        let body = request.body();
        prop_assert_eq!(Document::new(&body).unwrap().check(), Ok(()));
        prop_assume!(method != "resources/read");
        let read = read_request(&body, Limits::default()).unwrap();
        prop_assert_eq!(read.id, RequestId::parse(&id));
        prop_assert_eq!(read.method, method.as_str());
        prop_assert_eq!(read.params.name.as_deref(), request.name);
        prop_assert_eq!(read.params.arguments, Some(raw.as_str()));
        prop_assert_eq!(read.params.cursor.as_deref(), cursor.as_deref());
        prop_assert_eq!(read.params.meta.other, &other);
        prop_assert!(read.params.meta.has_client_capabilities);
    }
}
