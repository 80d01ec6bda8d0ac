use crate::support::*;
use bytes::Bytes;
use onedoor_log::{EventLog, Stream};
use onedoor_model::{
    audit::Outcome,
    envelope::*,
    ids::{CallId, Offset, ServerId},
};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn speed() {
    if std::env::var("SPEED").is_err() {
        return;
    }
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let log = memory().await;
        let mut writer = Writer::begin(&log).await;
        let server = ServerId(Uuid::now_v7());
        let n: u64 = std::env::var("SPEED").unwrap().parse().unwrap();
        // as a gateway writes: outcome some calls later
        let mut open = std::collections::VecDeque::new();
        for _ in 0..n {
            let call = writer.call(server, "finance", "pay", "ada").await;
            open.push_back(call);
            if open.len() > 50 {
                writer
                    .complete(open.pop_front().unwrap(), Outcome::Succeeded)
                    .await;
            }
        }
        let room = Room::new(engine).await;
        let begun = Instant::now();
        let projector = Projector::start(&log, &room.store);
        caught_up(&log, &room.store).await;
        let took = begun.elapsed();
        let events = log.bounds(Stream::Audit, P0).await.unwrap().end.0;
        println!(
            "{engine:?}: {events} events in {took:?}: {:.0}/s",
            events as f64 / took.as_secs_f64()
        );
        projector.stop().await.unwrap();
    }
}
