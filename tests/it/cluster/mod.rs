//! The door as processes: two replicas and a projector on the stack's Kafka, PostgreSQL and Redis. What happens when these fail:
//! `tests/faults`.

mod elsewhere;
mod moving;
mod redis;

use std::time::Instant;

use futures_util::future::join_all;
use onedoor_log::Stream;
use onedoor_tests::{
    admin::Reply,
    cluster::{Cluster, SLUG},
    wait,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_call_through_any_replica_is_answered_and_recorded() {
    let cluster = Cluster::start(2).await;
    let mut made = Vec::new();
    for gateway in 0..2 {
        let answer = cluster.mcp(gateway).call("echo", json!({ "x": gateway })).await;
        assert!(answer.is_answered(), "{}", answer.text);
        made.push(answer.call_id());
    }
    // In the log, and in the index that PostgreSQL holds, whichever replica is asked.
    let written = cluster.written(Stream::Audit).await;
    let called = written.of_type("ToolCalled");
    for gateway in 0..2 {
        let admin = cluster.admin(gateway);
        for call in &made {
            assert!(called.iter().any(|event| event["data"]["call"] == call.as_str()));
            wait::until("a row in the index", async || {
                let page = admin.get("/audit/calls").await.expect(200).body;
                let mut calls = page["calls"].as_array().unwrap().iter();
                calls
                    .find(|row| row["call"] == call.as_str() && row["outcome"] == "succeeded")
                    .cloned()
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_disable_through_one_replica_is_enforced_at_the_other_when_it_is_answered() {
    let cluster = Cluster::start(2).await;
    let (admin, other) = (cluster.admin(0), cluster.mcp(1));
    let mut stream = other.stream("endless", json!({})).await;
    stream.next().await.unwrap();
    assert!(other.call("echo", json!({})).await.is_answered());
    let answer = admin
        .post(&format!("/servers/{SLUG}/disable"), json!({ "reason": "a test" }))
        .await
        .expect(200);
    let answered = Instant::now();
    assert_eq!(other.call("echo", json!({})).await.error().1, "server_disabled");
    assert_eq!(cluster.upstream.requests_after(answered).len(), 0);
    while stream.next().await.is_some() {}
    let confirmed = answer.body["enforced"]["confirmed"].as_array().unwrap();
    assert_eq!(confirmed.len(), 2, "{}", answer.body);
}

#[tokio::test]
async fn of_two_commands_at_one_version_one_applies_whichever_replica_is_asked() {
    let cluster = Cluster::start(2).await;
    let version = cluster.admin(0).version(SLUG).await;
    let mut manifest = cluster.upstream.manifest(SLUG);
    let updates = (0..2).map(|gateway| {
        manifest.version = format!("2.0.{gateway}");
        let update = cluster
            .admin(gateway)
            .request(Method::PUT, &format!("/servers/{SLUG}"))
            .header("If-Match", &version)
            .body(manifest.to_string());
        Reply::of(update)
    });
    let mut statuses: Vec<u16> = join_all(updates).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    cluster.agreed().await;
    let servers = cluster.everywhere(&format!("/servers/{SLUG}")).await;
    assert_eq!(servers[0], servers[1]);
}

#[tokio::test]
async fn a_read_is_as_new_as_it_was_asked_to_be() {
    let cluster = Cluster::start(2).await;
    for _ in 0..20 {
        let admin = cluster.admin(0);
        admin.act(SLUG, "enable").await;
        admin.stop(SLUG, "disable").await;
        let revision = cluster.end_of_registry().await - 1;
        let read = cluster
            .admin(1)
            .get(&format!("/servers/{SLUG}?at_least={revision}"))
            .await
            .expect(200);
        assert_eq!(read.etag(), admin.version(SLUG).await);
    }
}
