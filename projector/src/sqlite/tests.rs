//! What cannot be seen from outside: single transactions, a full disk, and how queries are answered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_log::{Partition, Stream};
use onedoor_model::{
    audit::{AuditEvent, BootOpened},
    envelope::{Chain, Draft, Envelope, Producer},
    ids::{AggregateVersion, BootId, CommandId, Digest, EventId, LogId, Offset, ReplicaName},
    registry::{Change, CommandStamp, LogCreated, RegistryEvent},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Advance, Store};
use crate::{
    project::{Entry, Step},
    run,
};

const AUDIT: Stream = Stream::Audit;
const P0: Partition = Partition(0);

async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("projection.db")).await.unwrap();
    (folder, store)
}

fn draft<D>(data: D) -> Draft<D> {
    Draft {
        id: EventId(Uuid::now_v7()),
        time: Timestamp::UNIX_EPOCH,
        traceparent: None,
        tenant: None,
        actor: None,
        reason: None,
        data,
    }
}

fn chain(producer: Producer) -> Chain {
    Chain::new(
        ReplicaName::new("replica-1").unwrap(),
        producer,
        BootId(Uuid::now_v7()),
    )
}

/// A boot that opens, as bytes.
fn opened() -> Vec<u8> {
    let event = AuditEvent::BootOpened(BootOpened {
        software: "0.1.0".to_owned(),
    });
    chain(Producer::Audit).seal(draft(event)).unwrap().0
}

fn step(offset: u64) -> Step {
    let entry = Entry::Audit(Box::new(Envelope::read(&opened()).unwrap()));
    Step {
        offset: Offset(offset),
        time: Timestamp::UNIX_EPOCH,
        entry,
    }
}

/// Negative control: see `a_zombie_writes_nothing`.
#[tokio::test]
async fn an_advance_from_elsewhere_writes_nothing() {
    let (_folder, store) = store().await;
    store.enlist(AUDIT, P0).await.unwrap();
    let advance = async |from, next| {
        store
            .advance(AUDIT, P0, Offset(from), Offset(next), &[step(from)])
            .await
            .unwrap()
    };
    assert_eq!(advance(0, 1).await, Advance::Done);
    let digest = store.digest().await.unwrap();
    for (from, next) in [(0, 1), (0, 5), (2, 3)] {
        assert_eq!(advance(from, next).await, Advance::Elsewhere(Offset(1)));
        assert_eq!(store.digest().await.unwrap(), digest, "{from} to {next}");
    }
    assert_eq!(advance(1, 2).await, Advance::Done);
    assert_ne!(store.digest().await.unwrap(), digest);
}

#[tokio::test]
async fn a_projection_has_one_log() {
    let (_folder, store) = store().await;
    let [first, second] = [LogId(Uuid::now_v7()), LogId(Uuid::now_v7())];
    assert_eq!(store.adopt(first).await.unwrap(), first);
    assert_eq!(store.adopt(second).await.unwrap(), first);
}

/// No room: nothing is written by halves, the projector waits, and goes on. (The limit ends with its connection.) Negative control: a
/// connection that is not thrown away after a failure is of no use any more, and this test is red.
#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let (_folder, store) = store().await;
    let unlimited = max_pages(&store).await;
    store.enlist(AUDIT, P0).await.unwrap();
    let digest = store.digest().await.unwrap();
    let steps: Vec<_> = (0..1_000).map(step).collect();
    fill(&store).await;
    let error = store
        .advance(AUDIT, P0, Offset(0), Offset(1_000), &steps)
        .await
        .unwrap_err();
    assert!(error.may_pass(), "{error:?}");
    assert_eq!(store.digest().await.unwrap(), digest);
    let advance = store.advance(AUDIT, P0, Offset(0), Offset(1), &[]).await.unwrap();
    assert_eq!(advance, Advance::Done);

    let log = onedoor_log::open("memory://").await.unwrap();
    log.append(Stream::Registry, P0, vec![Bytes::from(created())])
        .await
        .unwrap();
    let boots = (0..1_000).map(|_| Bytes::from(opened())).collect();
    log.append(AUDIT, P0, boots).await.unwrap();
    fill(&store).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(Arc::clone(&log), store.clone(), shutdown.clone()));
    tokio::time::timeout(Duration::from_secs(30), store.reached(AUDIT, P0, Offset(999)))
        .await
        .unwrap();
    assert_eq!(max_pages(&store).await, unlimited, "it failed on the way");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

async fn max_pages(store: &Store) -> i64 {
    sqlx::query_scalar("PRAGMA max_page_count")
        .fetch_one(&store.writer)
        .await
        .unwrap()
}

/// Leaves the writer room for two pages more.
async fn fill(store: &Store) {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 2));
    sqlx::query(limit).execute(&store.writer).await.unwrap();
}

/// The first event of a log.
fn created() -> Vec<u8> {
    let command = CommandStamp {
        id: CommandId::new("begin").unwrap(),
        route: "start".to_owned(),
        digest: Digest::of(b""),
    };
    let change = Change::LogCreated(LogCreated {
        log: LogId(Uuid::now_v7()),
    });
    let event = RegistryEvent {
        command,
        expected: Some(AggregateVersion::NONE),
        change,
    };
    chain(Producer::Registry).seal(draft(event)).unwrap().0
}
