//! A registry event that this version of Onedoor does not understand.

use bytes::Bytes;
use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use onedoor_tests::{cluster::Cluster, wait};

/// It never skips one: it says so everywhere, and a restart changes nothing.
#[tokio::test]
async fn a_projector_halts_at_an_event_that_it_does_not_understand_until_somebody_acts() {
    let mut cluster = Cluster::start(1).await;
    let log = cluster.log().await;
    let (registry, partition) = (Stream::Registry, Partition(0));
    let first = log
        .read(registry, partition, Offset(0), 1)
        .await
        .unwrap()
        .remove(0);
    let later = String::from_utf8(first.bytes.to_vec())
        .unwrap()
        .replace("LogCreated.v1\"", "LogCreated.v99\"");
    let at = log
        .append(registry, partition, vec![Bytes::from(later)])
        .await
        .unwrap();
    for run in 1..=2 {
        let projector = &cluster.projectors[0];
        let reason = wait::until("the projector to halt", async || {
            let answer = reqwest::get(format!("{}/readyz", projector.url)).await.ok()?;
            let refused = answer.status() == 503;
            let said = answer.text().await.ok()?;
            (refused && said.starts_with("halted: ")).then_some(said)
        })
        .await;
        assert!(
            reason.contains(&format!("registry/0 offset {at}")) && reason.contains("LogCreated.v99"),
            "{reason}"
        );
        assert!(cluster.shows(&projector.url, "onedoor_projector_halted 1").await);
        let position = format!("onedoor_projector_revision {}", at.0 - 1);
        assert!(cluster.shows(&projector.url, &position).await, "it skips nothing");
        let stopped = projector
            .process
            .log()
            .matches("the projection has stopped")
            .count();
        assert_eq!(stopped, run);
        cluster.projectors[0].process.kill_and_restart().await;
    }
}
