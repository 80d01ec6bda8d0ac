//! Nothing reaches a tool before its record is durable, and a log that takes nothing is a refusal, not a hole.

use std::process::Stdio;

use onedoor_tests::{dev::Dev, wait};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::door;

/// Another process that holds the audit database's write lock, as a stuck disk would.
async fn hold_the_audit(dev: &Dev) -> Child {
    const HOLD: &str = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); \
        c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", HOLD])
        .arg(dev.folder().join("log/audit.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
    let held = wait::within("the lock", said.next_line()).await.unwrap();
    assert_eq!(held.as_deref(), Some("held"));
    holder
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_not_made() {
    let (dev, upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    assert!(edge.call("echo", json!({})).await.is_answered());
    assert_eq!(upstream.requests().len(), 1, "the upstream sees what is recorded");

    let mut holder = hold_the_audit(&dev).await;
    let refused = edge.call("echo", json!({})).await;
    assert_eq!(
        refused.error(),
        (5003, "audit_unavailable".to_owned()),
        "{}",
        refused.text
    );
    assert_eq!(
        upstream.requests().len(),
        1,
        "dispatched without an acknowledged record"
    );
    let readiness = async || {
        let request = dev.http.get(format!("{}/readyz", dev.places.data_url));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(readiness().await, (503, "audit not writable\n".to_owned()));
    // Lists need no record, and go on.
    assert!(!edge.tools().await.is_empty());

    holder.kill().await.unwrap();
    wait::until("calls that work again", async || {
        edge.call("echo", json!({})).await.is_answered().then_some(())
    })
    .await;
    assert_eq!(readiness().await, (200, "ok\n".to_owned()));
    // What could not be acknowledged was recorded in the end, and says that it was not made.
    let refused = refused.call_id();
    wait::until("the refused call on the record", async || {
        let calls = dev.calls(&[]).await;
        let call = calls
            .iter()
            .find(|call| call["call"] == refused.as_str())?
            .clone();
        (call["outcome"] == "not_dispatched" && call["cause"] == "audit_unavailable").then_some(())
    })
    .await;
}

/// A gap that is shorter than a call's patience is latency, not failure.
#[tokio::test]
async fn a_call_waits_for_its_record() {
    let (dev, upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    let mut holder = hold_the_audit(&dev).await;
    let waiting = tokio::spawn(async move { edge.call("echo", json!({})).await });
    // While many others are answered, one after the other, this one waits.
    let hr = dev.mcp("hr", "analyst").await;
    for _ in 0..50 {
        assert_eq!(hr.call("x", json!({})).await.error().0, 4004);
    }
    assert!(!waiting.is_finished());
    assert_eq!(
        upstream.requests().len(),
        0,
        "dispatched without an acknowledged record"
    );
    holder.kill().await.unwrap();
    assert!(waiting.await.unwrap().is_answered());
    assert_eq!(upstream.requests().len(), 1);
}
