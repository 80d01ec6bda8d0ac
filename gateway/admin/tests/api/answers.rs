//! What holds for every answer.

use http::StatusCode;
use serde_json::json;

use crate::world::{World, manifest};

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_out() {
    let world = World::new().await;
    for answer in [
        world.admin("GET", "/servers").send().await,
        world.admin("GET", "/servers/nope").send().await,
        world.call("GET", "/servers").send().await,
        world.call("GET", "/openapi.json").send().await,
        world.call("GET", "/nowhere").send().await,
        world.admin("PATCH", "/servers").send().await,
    ] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            answer.header("content-security-policy"),
            Some("default-src 'none'")
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    world
        .call("GET", "/nowhere")
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
    world
        .call("GET", "/servers/x/y/z")
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
    let patch = world.admin("PATCH", "/servers").send().await;
    patch.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    assert!(
        patch
            .header("allow")
            .is_some_and(|allow| allow.contains("GET") && allow.contains("POST"))
    );
    for path in [
        "/servers/Finance",
        "/grants/7",
        "/blocks/x",
        "/servers/finance/tools/a%20b/disable",
    ] {
        let method = if path.ends_with("disable") {
            "POST"
        } else {
            "DELETE"
        };
        let method = if path.starts_with("/servers/F") {
            "GET"
        } else {
            method
        };
        world
            .admin(method, path)
            .send()
            .await
            .problem(StatusCode::NOT_FOUND, "not_found");
    }
    // There is no preflight that could succeed.
    let preflight = world
        .call("OPTIONS", "/servers")
        .header("origin", "https://evil.example")
        .send()
        .await;
    preflight.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
}

#[tokio::test]
async fn a_read_of_what_is_known_is_short() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    for path in [
        "/servers/finance",
        "/servers/finance/versions/1/manifest",
        "/settings",
    ] {
        let first = world.admin("GET", path).send().await;
        assert_eq!(first.status, StatusCode::OK);
        let etag = first.header("etag").unwrap();
        let again = world
            .admin("GET", path)
            .header("if-none-match", etag)
            .send()
            .await;
        assert_eq!(
            (again.status, again.bytes.len()),
            (StatusCode::NOT_MODIFIED, 0),
            "{path}"
        );
        assert_eq!(again.header("etag"), Some(etag));
        let other = world
            .admin("GET", path)
            .header("if-none-match", "\"1000\"")
            .send()
            .await;
        assert_eq!(other.status, StatusCode::OK);
    }
    let known = world.admin("GET", "/servers/finance").send().await;
    let etag = known.header("etag").unwrap();
    world
        .admin("POST", "/servers/finance/disable")
        .send()
        .await
        .expect(StatusCode::OK);
    let changed = world
        .admin("GET", "/servers/finance")
        .header("if-none-match", etag)
        .send()
        .await;
    assert_eq!(changed.expect(StatusCode::OK)["status"], "disabled");
}

#[tokio::test]
async fn the_trace_of_a_request_goes_with_its_event() {
    let world = World::new().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = world.admin("POST", "/servers").header("traceparent", traceparent);
    traced
        .json(&manifest("finance", "team-a"))
        .send()
        .await
        .expect(StatusCode::CREATED);
    let untraced = world
        .admin("POST", "/servers/finance/disable")
        .header("traceparent", "nonsense");
    untraced.send().await.expect(StatusCode::OK);
    let events = world.events().await;
    let [.., registered, disabled] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(registered.traceparent.as_deref(), Some(traceparent));
    assert_eq!(disabled.traceparent, None);
}

#[tokio::test]
async fn a_log_that_takes_nothing_is_told() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let approve = || {
        world
            .admin("POST", "/servers/finance/approve")
            .key("k1")
            .if_match(version)
    };
    world.log.refuse(true);
    let answer = approve().send().await;
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // The same command works once the log takes it.
    world.log.refuse(false);
    let answer = approve().send().await;
    answer.expect(StatusCode::OK);
    assert_eq!(answer.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn what_takes_away_is_in_force_before_the_registry_has_it() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let disable = || world.admin("POST", "/servers/finance/disable").key("k1");
    let is_disabled = || {
        let snapshot = world.registry.snapshot();
        snapshot.server("finance").unwrap().disabled.is_some()
    };
    world.log.refuse(true);
    let answer = disable().send().await;
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, "held");
    assert!(is_disabled());
    world.log.refuse(false);
    let answer = disable().send().await;
    let enforced = &answer.expect(StatusCode::OK)["enforced"];
    assert_eq!(
        (&enforced["confirmed"], &enforced["expired"]),
        (&json!(["test"]), &json!([]))
    );
    assert_eq!(enforced["revision"], answer.revision());
}

#[tokio::test]
async fn a_replica_that_no_longer_follows_the_log_says_so() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    world.stop_following().await;
    let answer = world.admin("POST", "/servers/finance/disable").send().await;
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, "stopped");
}
