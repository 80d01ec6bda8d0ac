//! The door as processes: two replicas and a projector on the stack's Kafka, PostgreSQL and Redis. What happens when these fail:
//! `tests/faults`.

mod elsewhere;
mod halted;
mod moving;
mod redis;
mod token_b;

use std::time::Instant;

use futures_util::future::join_all;
use onedoor_log::Stream;
use onedoor_tests::{
    admin::Reply,
    cluster::{Cluster, SLUG},
    idp::{CLIENT, TENANT},
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
async fn what_takes_away_is_in_force_at_the_other_replica_when_it_is_answered() {
    let cluster = Cluster::start(2).await;
    let issuer = &cluster.idp.name;
    let user = json!({ "issuer": issuer, "tenant": TENANT, "user": "mallory" });
    let client = json!({ "issuer": issuer, "client": CLIENT });
    for (path, command, status, reason) in [
        ("/blocks", json!({ "user": user }), 201, "blocked"),
        ("/servers/edge/disable", json!({}), 200, "server_disabled"),
        ("/blocks", json!({ "client": client }), 201, "blocked"),
    ] {
        let caller = if command["user"].is_null() {
            "caller"
        } else {
            "mallory"
        };
        let other = cluster.mcp_with(1, &cluster.token_of(caller));
        let mut stream = other.stream("endless", json!({})).await;
        stream.next().await.unwrap();
        assert!(other.call("echo", json!({})).await.is_answered());
        let answer = cluster.admin(0).post(path, command).await.expect(status);
        let answered = Instant::now();
        assert_eq!(other.call("echo", json!({})).await.error().1, reason);
        assert_eq!(cluster.upstream.requests_after(answered).len(), 0);
        wait::within("a stream to be cut", async {
            while stream.next().await.is_some() {}
        })
        .await;
        let confirmed = &answer.body["enforced"]["confirmed"];
        assert_eq!(*confirmed, json!(["gateway-0", "gateway-1"]), "{}", answer.body);
        if reason == "server_disabled" {
            cluster.agreed().await;
            cluster.admin(0).act(SLUG, "enable").await.expect(200);
            cluster.agreed().await;
        }
    }
}

#[tokio::test]
async fn every_replica_is_shown_and_so_is_that_it_serves_no_more() {
    let mut cluster = Cluster::start(2).await;
    for (answering, shown) in cluster.everywhere("/replicas").await.iter().enumerate() {
        let replicas = shown["replicas"].as_array().unwrap();
        assert_eq!(replicas.len(), 2, "{shown}");
        for (number, replica) in replicas.iter().enumerate() {
            assert_eq!(replica["replica"], cluster.gateways[number].name, "{shown}");
            assert_eq!(replica["answers"], answering == number, "{shown}");
            let lease = replica["leaseMs"].as_u64().unwrap();
            assert_eq!(
                (&replica["status"], lease <= 700),
                (&json!("serving"), true),
                "{shown}"
            );
        }
    }
    cluster.gateways[1].process.kill().await;
    wait::until("a lease that has run out", async || {
        let shown = cluster.admin(0).get("/replicas").await.expect(200).body;
        let [alive, dead] = [0, 1].map(|number| shown["replicas"][number]["status"].clone());
        (alive == "serving" && dead == "expired").then_some(())
    })
    .await;
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
