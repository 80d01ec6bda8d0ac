//! A topic that is made anew while a client cannot see it, and holds more than before when it can.

use std::time::Duration;

use bytes::Bytes;
use onedoor_log::{EventLog, Partition, ReadError, Record, Stream, Tail};
use onedoor_model::ids::Offset;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    broker::{Access, Broker},
    gate::{Gate, Way},
};

const P0: Partition = Partition(0);
const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "onedoor.registry";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_during_an_outage_is_not_read_on() {
    let seen = follow_through(Way::Cut, Offset(0)).await;
    assert_eq!(seen, [] as [Bytes; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_even_by_a_tail_that_has_read_nothing_yet() {
    let seen = follow_through(Way::Cut, Offset(3)).await;
    assert_eq!(seen, [] as [Bytes; 0]);
}

/// Nothing shows it, but that what was read is no longer there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_unnoticed_is_noticed_later() {
    let seen = follow_through(Way::Stalled, Offset(0)).await;
    // Else it would not have been unnoticed.
    assert!(!seen.is_empty());
}

/// What a tail from an offset on sees of the new topic before it says that the old one is gone.
async fn follow_through(way: Way, from: Offset) -> Vec<Bytes> {
    let gate = Gate::new();
    let broker = Broker::start_with(&Access {
        protocol: "PLAINTEXT",
        told: Some(gate.port),
        ..Access::default()
    })
    .await;
    gate.lead_to(broker.port);
    let log = onedoor_log::open(&format!("kafka://localhost:{}/onedoor", gate.port))
        .await
        .unwrap();
    fill(&*log, "old", 3).await;
    let (seen, mut sightings) = mpsc::channel(100);
    let tail = Tail::new(log.clone(), Stream::Registry, P0, from);
    tokio::spawn(follow(tail, seen));
    let mut next = from;
    while next < Offset(3) {
        let records = sightings.recv().await.unwrap().unwrap();
        next = records.last().unwrap().offset.next();
    }
    log.append(Stream::Audit, P0, vec![Bytes::new()]).await.unwrap();
    // While these reads are done, the tail's own are too: it waits.
    for _ in 0..20 {
        log.read(Stream::Audit, P0, Offset(0), 1).await.unwrap();
    }

    gate.set(way);
    delete(&broker).await;
    let direct = onedoor_log::open(&format!("kafka://127.0.0.1:{}/onedoor", broker.inside))
        .await
        .unwrap();
    fill(&*direct, "new", 8).await;
    gate.set(Way::Open);

    let mut of_new = Vec::new();
    let until_noticed = async {
        loop {
            match sightings.recv().await.unwrap() {
                Ok(records) => of_new.extend(records.into_iter().map(|record| record.bytes)),
                Err(error) => return error,
            }
        }
    };
    let noticed = timeout(PATIENCE, until_noticed).await.unwrap();
    assert!(
        matches!(noticed, ReadError::BeyondEnd { end } if end < Offset(3)),
        "{noticed:?}"
    );
    of_new
}

async fn fill(log: &dyn EventLog, text: &str, events: usize) {
    for n in 0..events {
        let event = Bytes::from(format!("{text} {n}"));
        log.append(Stream::Registry, P0, vec![event]).await.unwrap();
    }
}

async fn follow(mut tail: Tail, seen: mpsc::Sender<Result<Vec<Record>, ReadError>>) {
    loop {
        let step = tail.next().await;
        let is_over = step.is_err();
        if seen.send(step).await.is_err() || is_over {
            return;
        }
    }
}

/// Deletes the registry, and waits until it is gone.
async fn delete(broker: &Broker) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", format!("127.0.0.1:{}", broker.inside))
        .create()
        .unwrap();
    admin.delete_topics(&[TOPIC], &AdminOptions::new()).await.unwrap()[0]
        .as_ref()
        .unwrap();
    let is_gone = move || loop {
        let metadata = admin.inner().fetch_metadata(Some(TOPIC), PATIENCE).unwrap();
        let error = metadata.topics()[0].error().map(RDKafkaErrorCode::from);
        if error == Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
            return;
        }
    };
    tokio::task::spawn_blocking(is_gone).await.unwrap();
}
