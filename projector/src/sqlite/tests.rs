//! What cannot be seen from outside: single transactions, a full disk, and how queries are answered.

use std::{path::PathBuf, sync::Arc, time::Duration};

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

use super::Database;
use crate::{
    Store,
    project::{Entry, Step},
    rows::{
        digest::whole,
        offsets::{Advance, Move},
    },
    run,
};

const AUDIT: Stream = Stream::Audit;
const P0: Partition = Partition(0);

async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&path(&folder)).await.unwrap();
    (folder, database)
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("projection.db")
}

fn to(from: u64, next: u64) -> Move {
    Move {
        stream: AUDIT,
        partition: P0,
        from: Offset(from),
        next: Offset(next),
    }
}

async fn digest(database: &Database) -> Digest {
    whole(&database.digests().await.unwrap())
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

/// No room: nothing is written by halves, the projector waits, and goes on. (The limit ends with its connection.) Negative control: a
/// connection that is not thrown away after a failure is of no use any more, and this test is red.
#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let (_folder, database) = database().await;
    let unlimited = max_pages(&database).await;
    database.enlist(AUDIT, P0).await.unwrap();
    let before = digest(&database).await;
    let steps: Vec<_> = (0..1_000).map(step).collect();
    fill(&database).await;
    let error = database.advance(to(0, 1_000), &steps, None).await.unwrap_err();
    assert!(error.may_pass(), "{error:?}");
    assert_eq!(digest(&database).await, before);
    let advance = database.advance(to(0, 1), &[], None).await.unwrap();
    assert_eq!(advance, Advance::Done);

    let log = onedoor_log::open("memory://").await.unwrap();
    log.append(Stream::Registry, P0, vec![Bytes::from(created())])
        .await
        .unwrap();
    let boots = (0..1_000).map(|_| Bytes::from(opened())).collect();
    log.append(AUDIT, P0, boots).await.unwrap();
    fill(&database).await;
    let store = Store::of_sqlite(database.clone());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(Arc::clone(&log), store.clone(), shutdown.clone()));
    tokio::time::timeout(Duration::from_secs(30), store.reached(AUDIT, P0, Offset(999)))
        .await
        .unwrap();
    assert_eq!(max_pages(&database).await, unlimited, "it failed on the way");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

async fn max_pages(database: &Database) -> i64 {
    sqlx::query_scalar("PRAGMA max_page_count")
        .fetch_one(&database.writer)
        .await
        .unwrap()
}

/// Leaves the writer room for two pages more.
async fn fill(database: &Database) {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&database.writer)
        .await
        .unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 2));
    sqlx::query(limit).execute(&database.writer).await.unwrap();
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
