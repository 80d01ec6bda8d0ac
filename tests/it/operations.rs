//! What an operator relies on: a server that fails or is full is left alone and the others are not, and the door tells what goes on.

use std::ffi::OsStr;

use onedoor_tests::{
    collector::{Collector, attribute},
    dev::Dev,
    mcp::{Answer, Mcp},
    metrics::Metrics,
    upstream::{Behaviour, Upstream},
    wait,
};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use serde_json::{Value, json};

use crate::door;

fn refused(answer: &Answer) -> Option<(i64, String)> {
    (!answer.is_answered()).then(|| answer.error())
}

async fn works(dev: &Dev) {
    let finance = dev.mcp("finance", "analyst").await;
    let answer = finance
        .call("get_balance", json!({ "account": "operating" }))
        .await;
    assert!(answer.is_answered(), "{answer:?}");
}

#[tokio::test]
async fn a_failing_server_is_left_alone_until_one_call_finds_it_well() {
    let (dev, upstream) = door().await;
    dev.admin("admin")
        .await
        .set(|settings| settings["breaker"] = json!({ "failures": 3, "openMs": 700 }))
        .await;
    let edge = dev.mcp("edge", "analyst").await;
    let call = async |behaviour: Behaviour| refused(&edge.call(behaviour.tool(), json!({})).await);
    let circuit_open = Some((5025, "circuit_open".to_owned()));

    for _ in 0..2 {
        call(Behaviour::ServerError).await;
        call(Behaviour::ServerError).await;
        assert_eq!(call(Behaviour::Echo).await, None, "failures in a row count");
    }
    for _ in 0..3 {
        assert_eq!(call(Behaviour::ServerError).await.unwrap().0, 5022);
    }
    let seen = upstream.requests().len();
    for _ in 0..5 {
        assert_eq!(call(Behaviour::Echo).await, circuit_open);
    }
    assert_eq!(upstream.requests().len(), seen, "it gets nothing");
    works(&dev).await;
    wait::until("a call that finds it well", async || {
        call(Behaviour::Echo).await.is_none().then_some(())
    })
    .await;
    assert_eq!(call(Behaviour::Echo).await, None);
    let recorded = dev
        .calls(&["--server", "edge", "--outcome", "not_dispatched"])
        .await;
    assert!(recorded.len() >= 5 && recorded.iter().all(|call| call["cause"] == "circuit_open"));
}

#[tokio::test]
async fn a_full_server_refuses_at_once_and_the_others_have_room() {
    let (dev, upstream) = door().await;
    dev.admin("admin")
        .await
        .set(|settings| settings["limits"]["upstreamCalls"] = json!(2))
        .await;
    let edge = dev.mcp("edge", "analyst").await;
    let held = [0, 1].map(|_| {
        let edge = edge.clone();
        tokio::spawn(async move { edge.call("held", json!({})).await })
    });
    wait::until("two calls under way", async || {
        (upstream.requests().len() == 2).then_some(())
    })
    .await;

    let third = wait::within("a refusal at once", edge.call("echo", json!({}))).await;
    assert_eq!(third.error(), (5026, "upstream_busy".to_owned()));
    works(&dev).await;
    let metrics = Metrics::of(&dev).await;
    let at_edge = |name: &str| metrics.sum(name, &[("server", "edge")]);
    assert_eq!(at_edge("onedoor_upstream_calls_in_flight"), 2.0);
    assert_eq!(at_edge("onedoor_upstream_refused_total"), 1.0);

    for _ in &held {
        upstream.release();
    }
    for held in held {
        assert!(held.await.unwrap().is_answered());
    }
    assert!(edge.call("echo", json!({})).await.is_answered());
    let metrics = Metrics::of(&dev).await;
    assert_eq!(
        metrics.sum("onedoor_upstream_calls_in_flight", &[("server", "edge")]),
        0.0
    );
}

#[tokio::test]
async fn metrics_agree_with_the_audit_and_name_nobody() {
    let (dev, _upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    for tool in ["echo", "stream", "fails", "server_error", "no_such_tool"] {
        edge.call(tool, json!({ "secret": "swordfish" })).await;
    }
    let request = dev.http.get(format!("{}/tools", dev.places.data_url));
    assert_eq!(request.send().await.unwrap().status(), 401);
    let calls = dev.settled_calls(4).await;

    let metrics = Metrics::of(&dev).await;
    for outcome in ["succeeded", "tool_error", "upstream_error", "timed_out"] {
        let audited = calls.iter().filter(|call| call["outcome"] == outcome).count();
        let counted = metrics.sum("onedoor_calls_total", &[("server", "edge"), ("outcome", outcome)]);
        assert_eq!(counted, audited as f64, "{outcome}");
    }
    for (name, labels, expected) in [
        (
            "onedoor_call_duration_seconds_count",
            &[("server", "edge")][..],
            4.0,
        ),
        ("onedoor_call_added_seconds_count", &[("server", "edge")], 4.0),
        ("onedoor_token_b_total", &[("result", "obtained")], 4.0),
        ("onedoor_denied_total", &[("reason", "unknown_tool")], 1.0),
        (
            "onedoor_authentication_failures_total",
            &[("reason", "no_token")],
            1.0,
        ),
        ("onedoor_registry_followed", &[], 1.0),
        ("onedoor_streams_open", &[], 0.0),
        (
            "onedoor_admin_requests_total",
            &[
                ("method", "POST"),
                ("route", "/api/v1/servers"),
                ("status", "201"),
            ],
            1.0,
        ),
    ] {
        assert_eq!(metrics.sum(name, labels), expected, "{name} {labels:?}");
    }
    assert!(metrics.sum("onedoor_audit_events_total", &[]) >= 8.0);
    for user in ["Ana Lyst", "analyst", &dev.places.client_id, "swordfish", "echo"] {
        assert!(
            !metrics.label_values().any(|value| value.contains(user)),
            "{user}"
        );
    }
}

#[tokio::test]
async fn probes_answer_whoever_asks_and_the_api_shows_which_servers_answer() {
    let dev = Dev::start().await;
    for plane in [&dev.places.data_url, &dev.places.admin_url] {
        for probe in ["livez", "readyz"] {
            let request = dev
                .http
                .get(format!("{plane}/{probe}"))
                .header("Host", "10.0.0.7");
            let answer = request.send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
                (200, "ok\n")
            );
        }
    }
    let metrics = dev.http.get(format!("{}/metrics", dev.places.admin_url));
    let answer = metrics.header("Host", "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), 421, "a page in a browser cannot read it");
    let answer = dev
        .http
        .get(format!("{}/metrics", dev.places.data_url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);

    let admin = dev.admin("auditor").await;
    let health: Value = wait::until("a probe's result", async || {
        let server = admin.get("/servers/finance").await.expect(200);
        server.body["health"]
            .is_object()
            .then(|| server.body["health"].clone())
    })
    .await;
    assert_eq!(health["state"], "up");
    assert_eq!(
        Metrics::of(&dev)
            .await
            .sum("onedoor_upstream_up", &[("server", "finance")]),
        1.0
    );
}

#[tokio::test]
async fn a_trace_goes_from_the_client_through_the_door_to_the_upstream() {
    let (collector, upstream) = tokio::join!(Collector::start(), Upstream::start());
    let endpoint = OsStr::new(&collector.endpoint);
    let mut dev = Dev::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).await;
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let edge = dev.mcp("edge", "analyst").await;
    let trace = "0102030405060708090a0b0c0d0e0f10";
    let mut meta = Mcp::meta();
    meta["traceparent"] = json!(format!("00-{trace}-1112131415161718-01"));
    for (tool, secret) in [("echo", "swordfish"), ("fails", "x"), ("no_such_tool", "x")] {
        let params = json!({ "name": tool, "arguments": { "secret": secret }, "_meta": meta });
        edge.request("tools/call", params).await;
    }
    edge.request("tools/list", json!({ "_meta": meta })).await;
    // What is left is sent before the end.
    dev.stop().await;

    let spans = collector.spans();
    let named = |name: &str, kind: SpanKind| {
        let of = |span: &&Span| span.name == name && span.kind() == kind;
        spans
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{name} {kind:?}: {spans:#?}"))
    };
    let id = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (call, leg) = (
        named("tools/call echo", SpanKind::Server),
        named("tools/call echo", SpanKind::Client),
    );
    assert_eq!(
        (id(&call.trace_id), id(&leg.trace_id)),
        (trace.to_owned(), trace.to_owned())
    );
    assert_eq!(id(&call.parent_span_id), "1112131415161718");
    assert_eq!(leg.parent_span_id, call.span_id);
    let sent = upstream.requests()[0].header("traceparent").unwrap().to_owned();
    assert_eq!(sent, format!("00-{trace}-{}-01", id(&leg.span_id)));
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "echo"),
        ("onedoor.server", "edge"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(attribute(leg, key).as_deref(), Some(value), "{key}");
    }
    let failed = named("tools/call fails", SpanKind::Server);
    assert_eq!(attribute(failed, "error.type").as_deref(), Some("tool_error"));
    let refused = named("tools/call no_such_tool", SpanKind::Server);
    assert_eq!(attribute(refused, "error.type").as_deref(), Some("unknown_tool"));
    assert_eq!(
        attribute(refused, "rpc.response.status_code").as_deref(),
        Some("-32602")
    );
    assert_eq!(
        attribute(named("tools/list", SpanKind::Server), "error.type"),
        None
    );
    assert!(!format!("{spans:?}").contains("swordfish"));
}

#[tokio::test]
async fn log_lines_of_a_request_bear_its_trace() {
    let dev = Dev::start_logging("info,onedoor_gateway=debug").await;
    let finance = dev.mcp("finance", "analyst").await;
    let trace = "0102030405060708090a0b0c0d0e0f10";
    let mut meta = Mcp::meta();
    meta["traceparent"] = json!(format!("00-{trace}-1112131415161718-01"));
    let params = json!({ "name": "get_balance", "arguments": { "account": "swordfish" }, "_meta": meta });
    finance.request("tools/call", params).await;
    let line: Value = wait::until("a line of the request", async || {
        let output = String::from_utf8(dev.output()).unwrap();
        let mut lines = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["trace_id"] == trace && line["message"] == "answered")
    })
    .await;
    assert_eq!(
        (&line["message"], &line["method"], &line["route"], &line["status"]),
        (
            &json!("answered"),
            &json!("POST"),
            &json!("/servers/{name}/mcp"),
            &json!(200)
        )
    );
    assert!(
        !String::from_utf8(dev.output()).unwrap().contains("swordfish"),
        "arguments are not logged"
    );
}
