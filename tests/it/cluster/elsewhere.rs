//! What began at one replica goes on at another, and without the projection.

use std::time::Duration;

use onedoor_tests::{
    cluster::{Cluster, SLUG},
    proxy::Way,
    session::Session,
    session_upstream::SessionUpstream,
    wait,
};
use serde_json::{Value, json};
use tokio::time::timeout;

/// A cluster of two with this upstream, and a session with it that was begun at the first replica, seen from each.
async fn session(upstream: &SessionUpstream) -> (Cluster, [Session; 2]) {
    let cluster = Cluster::start(2).await;
    cluster.open(&upstream.manifest("sessions")).await;
    let [here, there] = [0, 1].map(|gateway| cluster.endpoint(gateway, "sessions"));
    let session = Session::at(&cluster.http, &here, Some(cluster.token()))
        .begun(json!({}))
        .await;
    let moved = session.moved_to(&there);
    (cluster, [session, moved])
}

#[tokio::test]
async fn a_session_goes_on_and_its_calls_can_be_cancelled_elsewhere() {
    let upstream = SessionUpstream::start().await;
    let (_cluster, [here, there]) = session(&upstream).await;
    assert!(there.call("echo", json!({})).await.is_answered());
    let mut stream = here.stream(5, "until_cancelled").await;
    stream.next().await.unwrap();
    let told = there
        .notify("notifications/cancelled", json!({ "requestId": 5 }))
        .await;
    assert_eq!(told.status, 202);
    let sent = upstream.message(Some("notifications/cancelled")).await;
    assert_eq!(sent.body["params"]["requestId"], 5);
}

#[tokio::test]
async fn a_server_that_names_no_sessions_is_not_told_of_what_may_be_anothers() {
    let upstream = SessionUpstream::start_plain().await;
    let (_cluster, [here, there]) = session(&upstream).await;
    let mut stream = here.stream(5, "until_cancelled").await;
    stream.next().await.unwrap();
    let cancelled = json!({ "requestId": 5 });
    assert_eq!(
        there
            .notify("notifications/cancelled", cancelled.clone())
            .await
            .status,
        202
    );
    assert!(there.call("echo", json!({})).await.is_answered());
    assert_eq!(upstream.messages(Some("notifications/cancelled")).len(), 0);
    // Where the call is under way it is told: the check can fail.
    assert_eq!(
        here.notify("notifications/cancelled", cancelled).await.status,
        202
    );
    upstream.message(Some("notifications/cancelled")).await;
}

#[tokio::test]
async fn a_list_goes_on_where_it_did_not_begin() {
    let cluster = Cluster::start(2).await;
    let page = async |gateway: usize, cursor: &str| {
        let url = format!("{}/tools?limit=1{cursor}", cluster.gateways[gateway].data_url);
        let token = cluster.token();
        let answer = cluster
            .http
            .get(url)
            .bearer_auth(token.expose())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    let first = page(0, "").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = page(1, &format!("&cursor={cursor}")).await;
    assert_ne!(first["tools"][0]["name"], second["tools"][0]["name"]);
}

#[tokio::test]
async fn without_the_projection_calls_go_on_and_a_replica_starts_from_the_log_alone() {
    let mut cluster = Cluster::start(2).await;
    for gateway in &cluster.gateways {
        gateway.postgres.set(Way::Cut);
    }
    let gone = cluster.admin(0).get("/audit/calls").await.expect(503);
    assert_eq!(gone.body["reason"], "projection_unavailable", "{}", gone.body);
    assert!(gone.headers.contains_key("retry-after"));

    let replica = &mut cluster.gateways[0];
    replica.process.stop_and_restart().await;
    replica.ready(&cluster.http).await;
    assert!(
        replica.process.log().contains("the log alone"),
        "{}",
        replica.process.log()
    );
    for gateway in 0..2 {
        assert!(cluster.mcp(gateway).call("echo", json!({})).await.is_answered());
    }
    cluster.admin(0).stop(SLUG, "disable").await;
    assert_eq!(
        cluster.mcp(1).call("echo", json!({})).await.error().1,
        "server_disabled"
    );

    for gateway in &cluster.gateways {
        gateway.postgres.set(Way::Open);
    }
    wait::until("the audit to be back", async || {
        let calls = cluster.admin(0).get("/audit/calls").await;
        (calls.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_stops_says_so_before_it_goes() {
    let mut cluster = Cluster::start(1).await;
    let gateway = &mut cluster.gateways[0];
    gateway.process.terminate().await;
    let ready = format!("{}/readyz", gateway.data_url);
    let http = cluster.http.clone();
    wait::until("a replica that is not ready", async || {
        let answer = http.get(&ready).send().await.unwrap();
        (answer.status() == 503 && answer.text().await.unwrap().contains("stopping")).then_some(())
    })
    .await;
    // It still serves those who have not noticed.
    assert!(cluster.mcp(0).call("echo", json!({})).await.is_answered());
    let ended = cluster.gateways[0].process.ended();
    assert!(timeout(Duration::from_secs(20), ended).await.unwrap().success());
}
