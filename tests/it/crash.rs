//! kill -9 in the middle of load: whatever an upstream saw is on the record.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use onedoor_tests::{dev::Dev, mcp::Mcp, upstream::Upstream, wait};
use serde_json::json;
use tokio::task::JoinSet;

use crate::door;

const ROUNDS: usize = 3;
const CALLERS: usize = 8;
/// Calls at the upstream before the process is killed.
const CALLS: usize = 150;

#[tokio::test]
async fn every_call_that_an_upstream_saw_is_on_the_record() {
    let (mut dev, upstream) = door().await;
    for round in 1..=ROUNDS {
        let token = dev.token("analyst").await;
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(call_until(dev.mcp_with("edge", &token), Arc::clone(&stop)));
        }
        // One that is under way for certain.
        let held = dev.mcp_with("edge", &token);
        callers.spawn(async move {
            let body = Mcp::body("tools/call", json!({ "name": "held", "arguments": {} }));
            let _ = held.post(&body).send().await;
        });
        let before = upstream.requests().len();
        wait::until("load at the upstream", async || {
            let requests = upstream.requests();
            let held = requests.iter().filter(|request| request.tool() == "held").count();
            (requests.len() > before + CALLS && held == round).then_some(())
        })
        .await;
        dev.kill().await;
        stop.store(true, Ordering::Relaxed);
        while callers.join_next().await.is_some() {}
        dev = dev.restart().await;
    }
    // The door works, and the record is complete.
    assert!(
        dev.mcp("edge", "analyst")
            .await
            .call("echo", json!({}))
            .await
            .is_answered()
    );
    let seen = seen(&upstream);
    let calls = dev.settled_calls(seen.len()).await;
    let recorded: BTreeSet<String> = calls
        .iter()
        .map(|call| call["call"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(missing(&seen, &recorded), BTreeSet::new());
    assert!(seen.len() > ROUNDS * CALLS);
    // The check can fail.
    let mut with_another = seen.clone();
    with_another.insert("a call without a record".to_owned());
    assert_eq!(missing(&with_another, &recorded).len(), 1);

    // What was under way ended as unknown: nobody can tell what the tool did.
    let unknown: Vec<_> = calls.iter().filter(|call| call["outcome"] == "unknown").collect();
    let held = calls.iter().filter(|call| call["tool"] == "held");
    assert!(held.clone().count() == ROUNDS && held.clone().all(|call| call["outcome"] == "unknown"));
    assert!(unknown.len() <= ROUNDS * (CALLERS + 1), "{}", unknown.len());
    let others = ["succeeded", "unknown"];
    assert!(
        calls
            .iter()
            .all(|call| others.contains(&call["outcome"].as_str().unwrap())),
        "{calls:?}"
    );
    assert!(dev.stop().await.success());
}

/// Calls one after the other until the door is gone.
async fn call_until(edge: Mcp, stop: Arc<AtomicBool>) {
    let body = Mcp::body("tools/call", json!({ "name": "echo", "arguments": { "x": 1 } }));
    while !stop.load(Ordering::Relaxed) {
        match edge.post(&body).send().await {
            Ok(answer) => drop(answer.bytes().await),
            Err(_) => break,
        }
    }
}

fn seen(upstream: &Upstream) -> BTreeSet<String> {
    let id =
        |request: &onedoor_tests::upstream::Received| request.header("onedoor-call-id").unwrap().to_owned();
    upstream.requests().iter().map(id).collect()
}

fn missing(seen: &BTreeSet<String>, recorded: &BTreeSet<String>) -> BTreeSet<String> {
    seen.difference(recorded).cloned().collect()
}

/// Nothing that was acknowledged is lost with the process.
#[tokio::test]
async fn what_an_administrator_was_told_survives_a_crash() {
    let (mut dev, _upstream): (Dev, Upstream) = door().await;
    let admin = dev.admin("admin").await;
    admin.stop("edge", "disable").await;
    dev.kill().await;
    let dev = dev.restart().await;
    let answer = dev.mcp("edge", "analyst").await.call("echo", json!({})).await;
    assert_eq!(answer.error(), (4010, "server_disabled".to_owned()));
}
