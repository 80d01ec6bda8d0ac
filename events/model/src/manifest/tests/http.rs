//! Plain HTTP services: their faults, and which requests are calls of which tool.

use serde_json::json;

use super::*;

/// A plain HTTP service without fault.
pub(super) fn service() -> Value {
    let tool = |name: &str, method: &str, path: &str| {
        json!({
            "name": name,
            "description": "A tool",
            "inputSchema": { "type": "object" },
            "http": { "method": method, "path": path },
        })
    };
    let mut manifest = sample();
    remove(&mut manifest, "remotes");
    part(&mut manifest)["http"] = json!({ "url": "https://invoices.example.com/v1" });
    part(&mut manifest)["tools"] = json!([
        tool("root", "GET", "/"),
        tool("list", "GET", "/invoices"),
        tool("read", "GET", "/invoices/{id}"),
        tool("latest", "GET", "/invoices/latest"),
        tool("write", "PUT", "/invoices/{id}"),
        tool("lines", "GET", "/invoices/{id}/lines"),
        tool("files", "GET", "/invoices/{*path}"),
        tool("accent", "GET", "/caf%C3%A9/{a}/x"),
    ]);
    manifest
}

fn hold_service(cases: &[Case]) {
    for (label, change, expected) in cases {
        let mut manifest = service();
        change(&mut manifest);
        let result = checked(&manifest);
        let shown = format!("{label}: {result:?}");
        assert_eq!(pointers(result), *expected, "{shown}");
    }
}

#[test]
fn a_service_is_read_whole() {
    let manifest = checked(&service()).unwrap();
    assert_eq!(manifest.kind, ServerKind::Http);
    assert_eq!(manifest.url.as_str(), "https://invoices.example.com/v1");
    assert_eq!(manifest.tie().url, manifest.url);
    assert_eq!(manifest.tie().origin, "https://invoices.example.com");
    let route = manifest.tools["read"].route.as_ref().unwrap();
    assert_eq!(route.to_string(), "GET /invoices/{id}");

    let mcp = checked(&sample()).unwrap();
    assert_eq!(mcp.kind, ServerKind::Mcp);
    assert!(mcp.tools.values().all(|tool| tool.route.is_none()));
}

/// The page for tool owners shows a manifest that is accepted.
#[test]
fn the_documented_manifest_is_valid() {
    let page = include_str!("../../../../../docs/http-tools.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let manifest = check(example.as_bytes()).unwrap();
    let route = manifest.tools["get_invoice"].route.as_ref().unwrap();
    assert_eq!(route.to_string(), "GET /invoices/{id}");
}

#[test]
fn a_request_is_a_call_of_the_most_literal_route() {
    let manifest = checked(&service()).unwrap();
    for (method, path, tool) in [
        (HttpMethod::Get, "/", Some("root")),
        (HttpMethod::Get, "/invoices", Some("list")),
        (HttpMethod::Get, "/invoices/7", Some("read")),
        (HttpMethod::Get, "/invoices/latest", Some("latest")),
        (HttpMethod::Get, "/invoices/l%61test", Some("latest")),
        (HttpMethod::Get, "/invoices/Latest", Some("read")),
        (HttpMethod::Get, "/invoices/7/lines", Some("lines")),
        (HttpMethod::Get, "/invoices/latest/lines", Some("lines")),
        (HttpMethod::Get, "/invoices/7/other", Some("files")),
        (HttpMethod::Get, "/invoices/7/lines/1", Some("files")),
        (HttpMethod::Get, "/caf%c3%a9/1/x", Some("accent")),
        (HttpMethod::Put, "/invoices/latest", Some("write")),
        (HttpMethod::Put, "/invoices/7/lines", None),
        (HttpMethod::Head, "/invoices", None),
        (HttpMethod::Delete, "/", None),
        (HttpMethod::Get, "/other", None),
        (HttpMethod::Get, "/caf%C3%A9/1", None),
    ] {
        let path = CanonicalPath::parse(path).unwrap();
        let routed = manifest.routed(method, &path).map(|tool| tool.name.as_str());
        assert_eq!(routed, tool, "{method} {path}");
    }
    let mcp = checked(&sample()).unwrap();
    assert!(
        mcp.routed(HttpMethod::Get, &CanonicalPath::parse("/").unwrap())
            .is_none()
    );
}

#[test]
fn each_fault_of_a_service_has_its_place() {
    const PART: &str = "/_meta/dev.onedoor~1server";
    const URL: &str = "/_meta/dev.onedoor~1server/http/url";
    hold_service(&[
        ("none", |_| (), &[]),
        ("no remotes at all", |m| m["remotes"] = json!([]), &[]),
        (
            "a remote",
            |m| m["remotes"] = json!([{ "type": "streamable-http", "url": "https://a.example/mcp" }]),
            &["/remotes/0"],
        ),
        ("remotes is no list", |m| m["remotes"] = json!({}), &["/remotes"]),
        (
            "revisions",
            |m| part(m)["protocolVersions"] = json!(["2026-07-28"]),
            &["/_meta/dev.onedoor~1server/protocolVersions"],
        ),
        (
            "http is no object",
            |m| part(m)["http"] = json!("x"),
            &["/_meta/dev.onedoor~1server/http"],
        ),
        (
            "no url",
            |m| part(m)["http"] = json!({}),
            &["/_meta/dev.onedoor~1server/http"],
        ),
        (
            "other scheme",
            |m| part(m)["http"]["url"] = json!("ftp://a.example/"),
            &[URL],
        ),
        (
            "query",
            |m| part(m)["http"]["url"] = json!("https://a.example/?a"),
            &[URL],
        ),
        (
            "climbs",
            |m| part(m)["http"]["url"] = json!("https://a.example/a/../b"),
            &[URL],
        ),
        (
            "unknown member",
            |m| part(m)["http"]["base"] = json!(1),
            &["/_meta/dev.onedoor~1server/http/base"],
        ),
        (
            "no tool",
            |m| part(m)["tools"] = json!([]),
            &["/_meta/dev.onedoor~1server/tools"],
        ),
        (
            "http without tools' routes",
            |m| remove(tool(m), "http"),
            &["/_meta/dev.onedoor~1server/tools/0"],
        ),
        (
            "no kind known",
            |m| remove(part(m), "http"),
            &[
                "",
                "/_meta/dev.onedoor~1server/tools/0/http",
                "/_meta/dev.onedoor~1server/tools/1/http",
                "/_meta/dev.onedoor~1server/tools/2/http",
                "/_meta/dev.onedoor~1server/tools/3/http",
                "/_meta/dev.onedoor~1server/tools/4/http",
                "/_meta/dev.onedoor~1server/tools/5/http",
                "/_meta/dev.onedoor~1server/tools/6/http",
                "/_meta/dev.onedoor~1server/tools/7/http",
            ],
        ),
        ("no part", |m| remove(part(m), "slug"), &[PART]),
    ]);
}

#[test]
fn each_fault_of_a_route_has_its_place() {
    const METHOD: &str = "/_meta/dev.onedoor~1server/tools/0/http/method";
    const PATH: &str = "/_meta/dev.onedoor~1server/tools/0/http/path";
    for (member, value, place) in [
        ("method", "get", METHOD),
        ("method", "CONNECT", METHOD),
        ("method", "TRACE", METHOD),
        ("method", "OPTIONS", METHOD),
        ("method", "", METHOD),
        ("path", "", PATH),
        ("path", "a", PATH),
        ("path", "//a", PATH),
        ("path", "/a/", PATH),
        ("path", "/a/../b", PATH),
        ("path", "/a/%2e%2e", PATH),
        ("path", "/a%2Fb", PATH),
        ("path", "/a?b=c", PATH),
        ("path", "/a#b", PATH),
        ("path", "/a;b", PATH),
        ("path", "/caf%c3%a9", PATH),
        ("path", "/%61", PATH),
        ("path", "/{}", PATH),
        ("path", "/{a-b}", PATH),
        ("path", "/{a}/{a}", PATH),
        ("path", "/{a}.json", PATH),
        ("path", "/{*a}/b", PATH),
        ("path", "/{*a}/{*b}", PATH),
        ("path", "/{*}", PATH),
        ("path", "/{a", PATH),
    ] {
        let mut manifest = service();
        tool(&mut manifest)["http"][member] = json!(value);
        let result = checked(&manifest);
        let shown = format!("{value}: {result:?}");
        assert_eq!(pointers(result), [place], "{shown}");
    }
}

#[test]
fn two_tools_of_one_shape_are_a_fault() {
    for (method, path, twice) in [
        ("GET", "/invoices/{number}", true),
        ("GET", "/invoices/{*rest}", true),
        ("GET", "/invoices", true),
        ("GET", "/", true),
        ("POST", "/invoices/{number}", false),
        ("GET", "/invoices/{id}/{line}", false),
        ("GET", "/{a}/{b}/lines", false),
    ] {
        let mut manifest = service();
        part(&mut manifest)["tools"].as_array_mut().unwrap().push(json!({
            "name": "twin", "description": "Another", "inputSchema": { "type": "object" },
            "http": { "method": method, "path": path },
        }));
        let expected: &[&str] = if twice {
            &["/_meta/dev.onedoor~1server/tools/8/http"]
        } else {
            &[]
        };
        assert_eq!(pointers(checked(&manifest)), expected, "{method} {path}");
        assert!(read(manifest.to_string().as_bytes()).is_ok(), "{method} {path}");
    }
}

#[test]
fn an_mcp_servers_tools_have_no_route() {
    let mut manifest = sample();
    tool(&mut manifest)["http"] = json!({ "method": "GET", "path": "/a" });
    assert_eq!(
        pointers(checked(&manifest)),
        ["/_meta/dev.onedoor~1server/tools/0/http"]
    );
    let read = read(manifest.to_string().as_bytes()).unwrap();
    assert!(read.tools.values().all(|tool| tool.route.is_none()));
}
