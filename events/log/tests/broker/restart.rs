//! A broker that dies and comes back: appends and tails wait, and go on.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::Bytes;
use onedoor_log::{AppendError, EventLog, Partition, ReadError, Refusal, Stream, Tail};
use onedoor_model::ids::Offset;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::broker::Broker;

const P0: Partition = Partition(0);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_and_tails_outlive_a_broker() {
    let mut broker = Broker::start().await;
    let log = open(&broker).await;
    let appending = tokio::spawn({
        let log = log.clone();
        async move {
            for n in 0..300 {
                let event = Bytes::from(n.to_string());
                log.append(Stream::Control, P0, vec![event]).await.unwrap();
                sleep(Duration::from_millis(10)).await;
            }
        }
    });
    let (seen, mut sightings) = mpsc::channel(1_000);
    let following = tokio::spawn({
        let mut tail = Tail::new(log.clone(), Stream::Control, P0, Offset(0));
        async move {
            loop {
                for record in tail.next().await.unwrap() {
                    if seen.send(record).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    let follow = async {
        for n in 0..300_usize {
            if n == 100 {
                broker.kill();
                sleep(Duration::from_millis(500)).await;
                broker.restart();
            }
            let record = sightings.recv().await.unwrap();
            // The producer is idempotent: what it sent twice is stored once.
            assert_eq!(record.offset, Offset(n as u64));
            assert_eq!(record.bytes, n.to_string());
        }
    };
    timeout(PATIENCE, follow).await.unwrap();
    appending.await.unwrap();
    drop(sightings);
    log.close().await;
    let _ = following.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_there_is_no_broker_reads_say_so_and_closing_answers() {
    let mut broker = Broker::start().await;
    let event = || vec![Bytes::from_static(b"event")];
    let (reading, closing) = (open(&broker).await, open(&broker).await);
    closing.append(Stream::Audit, P0, event()).await.unwrap();
    broker.kill();
    let append = tokio::spawn({
        let log = closing.clone();
        async move { log.append(Stream::Audit, P0, event()).await }
    });
    tokio::task::yield_now().await;
    let all = async {
        tokio::join!(
            reading.bounds(Stream::Audit, P0),
            reading.read(Stream::Audit, P0, Offset(0), 1),
            closing.close()
        )
    };
    let (bounds, read, ()) = timeout(PATIENCE, all).await.unwrap();
    let Err(ReadError::Unavailable(error)) = bounds else {
        panic!("{bounds:?}");
    };
    assert!(error.source().is_some(), "it says what Kafka's client said");
    assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
    let answer = append.await.unwrap();
    assert!(
        matches!(
            answer,
            Err(AppendError::Unknown(_) | AppendError::Refused(Refusal::Closed))
        ),
        "{answer:?}"
    );
}

async fn open(broker: &Broker) -> Arc<dyn EventLog> {
    onedoor_log::open(&broker.url()).await.unwrap()
}
