use axum::{Router, body::Body, middleware::from_fn_with_state, routing::post};
use http::{Request, StatusCode};
use onedoor_connect::{Connector, Roots};
use onedoor_exchange::{Exchange, SigningKey};
use onedoor_model::audit::CancelCause;
use onedoor_redis::Redis;
use onedoor_secrets::Secrets;
use tower::ServiceExt as _;

use crate::upstream::{Upstreams, scene::Scene};

use super::*;

fn times(ms: u64) -> CallTimes {
    CallTimes {
        total: Duration::from_millis(ms),
        added: Some(Duration::from_micros(400)),
        upstream: None,
    }
}

fn exchange(redis: Redis) -> Exchange {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::load_or_create(&folder.path().join("key")).unwrap();
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    Exchange::new(
        "http://door".to_owned(),
        key,
        connector,
        Secrets::default(),
        Some(redis),
    )
    .unwrap()
}

async fn page() -> (Scene, Page) {
    let scene = Scene::new().await;
    scene.register("finance", 1).await;
    scene.approve("finance").await;
    // There is no Redis at this port.
    let keys = onedoor_redis_testing::Keys::new();
    let options = keys.options("redis://127.0.0.1:1", &[1]);
    let redis = Redis::open(&options, &Secrets::default()).unwrap();
    let page = Page {
        metrics: Arc::new(Metrics::new()),
        registry: Arc::clone(&scene.registry),
        control: Arc::clone(&scene.control),
        upstreams: Arc::new(Upstreams::default()),
        exchange: Arc::new(exchange(redis.clone())),
        redis: Some(redis),
    };
    (scene, page)
}

/// The value of a series, as the page shows it.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

#[tokio::test]
async fn what_was_counted_is_shown() {
    let (scene, page) = page().await;
    let metrics = &page.metrics;
    let finance: Slug = "finance".parse().unwrap();
    metrics.call_ended(&finance, &Outcome::Succeeded, times(3));
    metrics.call_ended(&finance, &Outcome::Succeeded, times(7));
    metrics.call_ended(&finance, &Outcome::Cancelled(CancelCause::Client), times(400_000));
    metrics.denied(DeniedFor::Rule(DenialReason::ToolNotGranted));
    metrics.unauthenticated("token_expired");
    metrics.token_b(Strategy::EntraObo, Err(NotDispatchedReason::ConsentRequired));
    metrics.audit_appended(12, Duration::from_millis(2));
    metrics.audit_failed();
    let (stream, connection) = (metrics.stream(), metrics.connection(Listening::Data));
    let server = scene.server("finance");
    let version = server.latest().unwrap().number;
    let settings = Arc::clone(page.registry.snapshot().settings());
    let call = page
        .upstreams
        .admit(server.id, version, &settings, Instant::now())
        .unwrap();

    let text = page.text().unwrap();
    for (series, expected) in [
        (
            r#"onedoor_calls_total{server="finance",outcome="succeeded",cause=""}"#,
            2.0,
        ),
        (
            r#"onedoor_calls_total{server="finance",outcome="cancelled",cause="client"}"#,
            1.0,
        ),
        (
            r#"onedoor_calls_total{server="finance",outcome="timed_out",cause=""}"#,
            0.0,
        ),
        (
            r#"onedoor_call_duration_seconds_bucket{le="0.003",server="finance"}"#,
            1.0,
        ),
        (
            r#"onedoor_call_duration_seconds_bucket{le="0.0075",server="finance"}"#,
            2.0,
        ),
        (
            r#"onedoor_call_duration_seconds_bucket{le="300.0",server="finance"}"#,
            2.0,
        ),
        (
            r#"onedoor_call_duration_seconds_bucket{le="+Inf",server="finance"}"#,
            3.0,
        ),
        (r#"onedoor_call_duration_seconds_sum{server="finance"}"#, 400.01),
        (
            r#"onedoor_call_added_seconds_bucket{le="0.0005",server="finance"}"#,
            3.0,
        ),
        (
            r#"onedoor_denied_total{plane="data",reason="tool_not_granted"}"#,
            1.0,
        ),
        (r#"onedoor_denied_total{plane="admin",reason="no_role"}"#, 0.0),
        (
            r#"onedoor_authentication_failures_total{reason="token_expired"}"#,
            1.0,
        ),
        (
            r#"onedoor_token_b_total{strategy="entra-obo",result="consent_required"}"#,
            1.0,
        ),
        (r#"onedoor_token_cache_total{result="hit"}"#, 0.0),
        ("onedoor_audit_append_seconds_count", 1.0),
        ("onedoor_audit_events_total", 12.0),
        ("onedoor_audit_append_failures_total", 1.0),
        ("onedoor_audit_writable", 0.0),
        (
            r#"onedoor_upstream_calls_in_flight{server="finance",version="1"}"#,
            1.0,
        ),
        (
            r#"onedoor_upstream_breaker_state{server="finance",version="1"}"#,
            0.0,
        ),
        (
            r#"onedoor_upstream_refused_total{server="finance",version="1",reason="busy"}"#,
            0.0,
        ),
        ("onedoor_registry_revision", 4.0),
        ("onedoor_registry_followed", 1.0),
        ("onedoor_streams_open", 1.0),
        (r#"onedoor_connections_open{plane="data"}"#, 1.0),
        (r#"onedoor_connections_open{plane="admin"}"#, 0.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    assert!(!text.contains("onedoor_upstream_up{"), "not probed: not known");
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    assert!(!metrics.is_audit_writable());

    drop((stream, connection, call));
    let text = page.text().unwrap();
    assert_eq!(value(&text, "onedoor_streams_open"), Some(0.0));
    assert_eq!(
        value(&text, r#"onedoor_connections_open{plane="data"}"#),
        Some(0.0)
    );
}

#[tokio::test]
async fn requests_of_the_admin_plane_are_counted_by_route() {
    let (_scene, page) = page().await;
    let teapot = || async { StatusCode::IM_A_TEAPOT };
    let router = Router::new()
        .route("/servers/{slug}/disable", post(teapot))
        .layer(from_fn_with_state(Arc::clone(&page.metrics), admin_request));
    let odd = Request::builder().method("ODD").uri("/").body(Body::empty());
    router.clone().oneshot(odd.unwrap()).await.unwrap();
    for path in ["/servers/a/disable", "/servers/b/disable", "/secret-path"] {
        let request = Request::post(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap();
    }
    let text = page.text().unwrap();
    for (series, expected) in [
        (
            r#"onedoor_admin_requests_total{method="POST",route="/servers/{slug}/disable",status="418"}"#,
            2.0,
        ),
        (
            r#"onedoor_admin_requests_total{method="POST",route="other",status="404"}"#,
            1.0,
        ),
        (
            r#"onedoor_admin_request_duration_seconds_count{method="POST",route="/servers/{slug}/disable"}"#,
            2.0,
        ),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    assert!(
        !text.contains("secret-path") && !text.contains("ODD"),
        "callers write no labels"
    );
}

/// `docs/operations.md` has a row for each metric, and no other.
#[tokio::test]
async fn every_metric_is_documented() {
    let (scene, page) = page().await;
    let server = scene.server("finance");
    let key = (server.id, server.latest().unwrap().number);
    page.upstreams.probed(key, true, jiff::Timestamp::UNIX_EPOCH);
    let text = page.text().unwrap();
    let shown: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md"));
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split(['`', '{']).next())
        .filter(|name| name.starts_with("onedoor_") || name.starts_with("process_"))
        .filter(|name| !name.starts_with("onedoor_projector_"))
        .map(|name| name.strip_suffix("_total").unwrap_or(name))
        .collect();
    assert_eq!(shown, documented);
}

#[tokio::test]
async fn the_series_of_a_server_end_with_it() {
    let (_scene, page) = page().await;
    let [finance, hr]: [Slug; 2] = ["finance", "hr"].map(|slug| slug.parse().unwrap());
    for server in [&finance, &hr] {
        page.metrics.call_ended(server, &Outcome::Succeeded, times(1));
    }
    page.metrics.snapshot_swapped(&BTreeSet::from([hr]));
    let text = page.text().unwrap();
    assert!(text.contains(r#"server="hr""#) && !text.contains(r#"onedoor_calls_total{server="finance""#));
}

#[test]
fn an_audit_that_hangs_is_not_writable() {
    let metrics = Metrics::new();
    metrics.audit_tried();
    assert!(metrics.is_audit_writable(), "not yet for long");
    let long_ago = Instant::now().checked_sub(Duration::from_secs(6)).unwrap();
    let metrics = Metrics {
        started: long_ago,
        ..metrics
    };
    assert!(!metrics.is_audit_writable());
    metrics.audit_tried();
    assert!(
        !metrics.is_audit_writable(),
        "tried again: it counts from the first time"
    );
    metrics.audit_appended(1, Duration::from_secs(3));
    assert!(metrics.is_audit_writable());
}

#[test]
fn every_reason_to_refuse_is_counted() {
    for reason in DenialReason::ALL {
        assert!(DENIED.contains(&DeniedFor::Rule(reason)), "{reason:?}");
    }
}
