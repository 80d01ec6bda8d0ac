//! From one process to many: an embedded log is moved to Kafka.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use onedoor_tests::{binary, dev::Dev, log, stack::Stack};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

/// Runs `onedoor` with these, and gives whether it succeeded and all it said.
async fn onedoor(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary::onedoor())
        .args(arguments)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn an_embedded_log_is_moved_whole_and_used_no_more_where_it_was() {
    let mut dev = Dev::start().await;
    let finance = dev.mcp("finance", "analyst").await;
    assert!(finance.call("get_balance", json!({})).await.status == 200);
    let from = format!("sqlite://{}", dev.folder().join("log").display());
    let to = format!(
        "kafka://{}/moved-{}",
        Stack::running().kafka,
        Uuid::new_v4().simple()
    );
    let copy = ["log", "copy", "--from", &from, "--to", &to];
    let (copied, said) = onedoor(&copy).await;
    assert!(!copied && said.contains("in use"), "{said}");

    dev.stop().await;
    let (copied, said) = onedoor(&copy).await;
    assert!(copied && said.contains("are the same"), "{said}");
    let moved = onedoor_log::open(&to).await.unwrap();
    for stream in [Stream::Registry, Stream::Audit] {
        let kept = log::events(dev.folder(), stream).await;
        let records = moved.read(stream, Partition(0), Offset(0), 1_000).await.unwrap();
        let events: Vec<Value> = records
            .iter()
            .map(|record| serde_json::from_slice(&record.bytes).unwrap())
            .collect();
        assert!(!events.is_empty());
        assert_eq!(events, kept, "{stream}");
    }
    moved.close().await;

    let data = dev.folder().display().to_string();
    let (started, said) = onedoor(&["dev", "--free-ports", "--data", &data]).await;
    assert!(!started && said.contains("was moved to kafka://"), "{said}");
}
