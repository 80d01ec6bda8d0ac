//! Many appends at once.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use onedoor_log::{Options, SqliteLog, Stream, Tail};
use sqlx::{Connection as _, SqliteConnection};
use tokio::{task::JoinSet, time::timeout};

use super::open;
use crate::contract::{Log, P0, append, at, in_time};

/// Appends from many tasks at once; each appends when its last was acknowledged.
async fn load(log: &Log, tasks: usize, each: usize, bytes: usize) {
    let tasks = (0..tasks).map(|_| {
        let log = log.clone();
        tokio::spawn(async move {
            for n in 0..each {
                append(&log, Stream::Audit, vec![Bytes::from(vec![n as u8; bytes])]).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_share_commits() {
    const TASKS: usize = 64;
    const EACH: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(SqliteLog::open(folder.path(), Options::default()).await.unwrap());
    let log: Log = sqlite.clone();
    let started = Instant::now();
    in_time(load(&log, TASKS, EACH, 1_200)).await;
    let seconds = started.elapsed().as_secs_f64();
    let (appends, commits) = (TASKS * EACH, sqlite.commits(Stream::Audit));
    println!(
        "{appends} appends of 1,200 bytes from {TASKS} tasks in {commits} commits and {seconds:.2} s: {:.0} appends/s",
        appends as f64 / seconds
    );
    assert!(
        commits * 4 <= appends as u64,
        "{appends} appends took {commits} commits"
    );
}

#[tokio::test]
async fn one_append_after_the_other_is_one_commit_each() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(SqliteLog::open(folder.path(), Options::default()).await.unwrap());
    let log: Log = sqlite.clone();
    in_time(load(&log, 1, 20, 10)).await;
    assert_eq!(sqlite.commits(Stream::Audit), 20);
}

/// What the write-ahead log may grow to: the limit from which on a checkpoint waits for reads, and what is appended until then.
const WAL_BYTES: u64 = 24 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_small_while_appends_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), Options::default()).await;
    let tails: Vec<_> = (0..3).map(|_| tokio::spawn(follow(log.clone(), 1_000))).collect();
    in_time(load(&log, 8, 125, 50_000)).await;
    for tail in tails {
        in_time(tail).await.unwrap();
    }
    // The file does not shrink to less than 16 MiB while it is open.
    let most = fs::metadata(folder.path().join("audit.db-wal")).unwrap().len();
    assert!(most < WAL_BYTES, "it had {most} bytes, after 50 MB of appends");
}

async fn follow(log: Log, records: usize) {
    let mut tail = Tail::new(log, Stream::Audit, P0, at(0));
    let mut seen = 0;
    while seen < records {
        seen += tail.next().await.unwrap().len();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_from_outside_holds_the_write_ahead_log_back_but_not_appends() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), Options::default()).await;
    append(&log, Stream::Audit, vec![Bytes::from_static(b"0")]).await;
    let file = format!("sqlite://{}", folder.path().join("audit.db").display());
    let mut outside = SqliteConnection::connect(&file).await.unwrap();
    let mut read = outside.begin().await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM records")
        .fetch_one(&mut *read)
        .await
        .unwrap();
    in_time(load(&log, 8, 100, 50_000)).await;
    let again: i64 = sqlx::query_scalar("SELECT count(*) FROM records")
        .fetch_one(&mut *read)
        .await
        .unwrap();
    assert_eq!((seen, again), (1, 1), "the read goes on");
    read.commit().await.unwrap();
    assert!(in_wal(&mut outside).await > WAL_BYTES);
    in_time(load(&log, 8, 20, 50_000)).await;
    assert!(in_wal(&mut outside).await < WAL_BYTES, "it started over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_overlap_for_ever_do_not_make_the_write_ahead_log_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), Options::default()).await;
    let file = format!("sqlite://{}", folder.path().join("audit.db").display());
    let mut reads = JoinSet::new();
    for reader in 0..6 {
        reads.spawn(read_again_and_again(log.clone(), file.clone(), 10 + 7 * reader));
    }
    in_time(load(&log, 8, 125, 50_000)).await;
    let most = fs::metadata(folder.path().join("audit.db-wal")).unwrap().len();
    assert!(most < WAL_BYTES, "it had {most} bytes, after 50 MB of appends");
}

/// Reads, each of which goes on while that many records are appended, or for 20 ms while none are.
async fn read_again_and_again(log: Log, file: String, records: u64) {
    let mut connection = SqliteConnection::connect(&file).await.unwrap();
    loop {
        let mut read = connection.begin().await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM records")
            .fetch_one(&mut *read)
            .await
            .unwrap();
        let later = log.wait_for(Stream::Audit, P0, at(seen.unsigned_abs() + records));
        let _ = timeout(Duration::from_millis(20), later).await;
        read.commit().await.unwrap();
    }
}

/// How many bytes the write-ahead log uses.
async fn in_wal(connection: &mut SqliteConnection) -> u64 {
    let (_, pages, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
        .fetch_one(connection)
        .await
        .unwrap();
    pages.unsigned_abs() * 4096
}
