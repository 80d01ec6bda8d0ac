use http::HeaderMap;

use super::headers;
use crate::{
    headers::{METHOD, NAME, PROTOCOL_VERSION, ParamHeaders, check_request, outgoing},
    malformed::Malformed,
    meta_key,
    request::{Limits, RequestId, read_request},
    session::versions,
    upstream_request::UpstreamRequest,
};

const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

fn check(lines: &[(&str, &str)], body: &str) -> Result<(), Malformed> {
    check_at(&[crate::PROTOCOL_VERSION], lines, body)
}

/// At an endpoint that has these revisions.
fn check_at(supported: &[&'static str], lines: &[(&str, &str)], body: &str) -> Result<(), Malformed> {
    let request = read_request(body.as_bytes(), Limits::default()).unwrap();
    check_request(&headers(lines), &request, supported)
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params},"_meta":{META}}}}}"#)
}

fn list(meta: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{meta}}}}}"#)
}

#[test]
fn headers_that_agree_are_taken() {
    let body = call(r#""name":"echo""#);
    assert_eq!(
        check(
            &[VERSION, ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")],
            &body
        ),
        Ok(())
    );
    assert_eq!(
        check(
            &[VERSION, ("MCP-METHOD", " tools/call\t"), ("mcp-name", " echo ")],
            &body
        ),
        Ok(())
    );
    let encoded = call(r#""name":"é""#);
    assert_eq!(
        check(
            &[
                VERSION,
                ("Mcp-Method", "tools/call"),
                ("Mcp-Name", "=?base64?w6k=?=")
            ],
            &encoded
        ),
        Ok(())
    );
    assert_eq!(
        check(&[VERSION, ("Mcp-Method", "tools/list")], &list(META)),
        Ok(())
    );
    let read = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"name":"n","uri":"file:///a","_meta":{META}}}}}"#
    );
    assert_eq!(
        check(
            &[
                VERSION,
                ("Mcp-Method", "resources/read"),
                ("Mcp-Name", "file:///a")
            ],
            &read
        ),
        Ok(())
    );
    // Sessions are gone: what is left of them is ignored.
    let session = [
        VERSION,
        ("Mcp-Method", "tools/list"),
        ("Mcp-Session-Id", "x"),
        ("Last-Event-ID", "1"),
    ];
    assert_eq!(check(&session, &list(META)), Ok(()));
}

#[test]
fn each_disagreement_is_refused_as_such() {
    let missing = |name: &str| Err(Malformed::HeaderMissing(name.into()));
    let disagrees = |name: &str| Err(Malformed::HeaderDisagrees(name.into()));
    let repeated = |name: &str| Err(Malformed::HeaderRepeated(name.into()));
    let unreadable = |name: &str| Err(Malformed::HeaderUnreadable(name.into()));
    let method = ("mcp-method", "tools/call");
    let name = ("mcp-name", "echo");
    let body = call(r#""name":"echo""#);
    for (lines, expected) in [
        (vec![method, name], missing(PROTOCOL_VERSION)),
        (vec![VERSION, name], missing(METHOD)),
        (vec![VERSION, method], missing(NAME)),
        (
            vec![("mcp-protocol-version", "2025-11-25"), method, name],
            disagrees(PROTOCOL_VERSION),
        ),
        (
            vec![VERSION, ("mcp-method", "tools/list"), name],
            disagrees(METHOD),
        ),
        (
            vec![VERSION, ("mcp-method", "TOOLS/CALL"), name],
            disagrees(METHOD),
        ),
        (
            vec![VERSION, ("mcp-method", "=?base64?dG9vbHMvY2FsbA==?="), name],
            disagrees(METHOD),
        ),
        (vec![VERSION, method, ("mcp-name", "Echo")], disagrees(NAME)),
        (vec![VERSION, method, ("mcp-name", "")], disagrees(NAME)),
        (
            vec![VERSION, method, ("mcp-name", "=?base64?b3RoZXI=?=")],
            disagrees(NAME),
        ),
        (
            vec![VERSION, method, ("mcp-name", "=?base64?ZWNobw?=")],
            unreadable(NAME),
        ),
        (vec![VERSION, method, ("mcp-name", "é")], unreadable(NAME)),
        (
            vec![VERSION, VERSION, method, name],
            repeated("mcp-protocol-version"),
        ),
        (vec![VERSION, method, method, name], repeated("mcp-method")),
        (
            vec![VERSION, method, name, ("mcp-name", "other")],
            repeated("mcp-name"),
        ),
        (
            vec![VERSION, method, name, ("mcp-param-x", "1"), ("mcp-param-x", "1")],
            repeated("mcp-param-x"),
        ),
    ] {
        assert_eq!(check(&lines, &body), expected, "{lines:?}");
    }
    let stray = [VERSION, ("mcp-method", "tools/list"), name];
    assert_eq!(
        check(&stray, &list(META)),
        disagrees(NAME),
        "a list has no name to mirror"
    );
    for fault in [missing("x"), disagrees("x"), repeated("x"), unreadable("x")] {
        let fault = fault.unwrap_err();
        assert_eq!(
            (fault.http_status().as_u16(), fault.code(), fault.data()),
            (400, -32020, None)
        );
    }
}

#[test]
fn an_unknown_revision_says_which_are_known() {
    let lines = [
        ("mcp-protocol-version", "2027-01-01"),
        ("mcp-method", "tools/list"),
    ];
    for meta in [
        r#"{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}"#,
        "{}",
    ] {
        let fault = check(&lines, &list(meta)).unwrap_err();
        assert_eq!((fault.http_status().as_u16(), fault.code()), (400, -32022));
        assert_eq!(
            fault.data(),
            Some(serde_json::json!({"supported": ["2026-07-28"], "requested": "2027-01-01"}))
        );
        assert_eq!(fault.to_string(), "Unsupported protocol version");
    }
}

#[test]
fn an_endpoint_need_not_have_our_revision() {
    let lines = [VERSION, ("mcp-method", "tools/list")];
    let both = versions(true, true);
    assert_eq!(check_at(&both, &lines, &list(META)), Ok(()));
    let fault = check_at(&versions(false, true), &lines, &list(META)).unwrap_err();
    assert_eq!(
        fault.data(),
        Some(serde_json::json!({
            "supported": ["2025-11-25", "2025-06-18", "2025-03-26"],
            "requested": "2026-07-28",
        }))
    );
}

#[test]
fn required_meta_is_required() {
    let lines = [VERSION, ("mcp-method", "tools/list")];
    let version_only = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let capabilities_only = r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#;
    for (meta, missing) in [
        ("{}", meta_key::PROTOCOL_VERSION),
        (capabilities_only, meta_key::PROTOCOL_VERSION),
        (version_only, meta_key::CLIENT_CAPABILITIES),
    ] {
        let fault = check(&lines, &list(meta)).unwrap_err();
        assert_eq!(fault, Malformed::MetaMissing(missing));
        assert_eq!((fault.http_status().as_u16(), fault.code()), (400, -32602));
    }
    let none = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(
        check(&lines, none),
        Err(Malformed::MetaMissing(meta_key::PROTOCOL_VERSION))
    );
}

#[test]
fn a_notification_needs_no_headers_but_those_it_has_agree() {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    assert_eq!(check(&[], body), Ok(()));
    assert_eq!(check(&[VERSION, ("mcp-method", "notifications/x")], body), Ok(()));
    let disagrees = Err(Malformed::HeaderDisagrees(METHOD.into()));
    assert_eq!(check(&[("mcp-method", "notifications/y")], body), disagrees);
    let unsupported = check(&[("mcp-protocol-version", "2025-11-25")], body).unwrap_err();
    assert_eq!(unsupported.code(), -32022);
}

#[test]
fn what_we_send_passes_our_own_checks() {
    for name in ["echo", "é", " padded ", "=?base64?eA==?="] {
        let request = UpstreamRequest {
            id: RequestId::parse("1").unwrap(),
            method: "tools/call",
            name: Some(name),
            arguments: Some("{}"),
            cursor: None,
            client_name: "onedoor",
            client_version: "1",
            progress_token: None,
            traceparent: None,
            tracestate: None,
            other_meta: &[],
        };
        let headers: HeaderMap = outgoing(&request, &ParamHeaders::default());
        let body = request.body();
        assert_eq!(crate::headers::check_transport(&headers), Ok(()));
        assert_eq!(
            check_request(
                &headers,
                &read_request(&body, Limits::default()).unwrap(),
                &[crate::PROTOCOL_VERSION]
            ),
            Ok(())
        );
        assert_eq!(headers.len(), 5);
    }
}
