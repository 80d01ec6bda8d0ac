//! A full disk refuses; once there is room it goes on, without a restart.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

use bytes::Bytes;
use futures_util::future::join_all;
use onedoor_model::ids::Offset;
use tokio::runtime::Builder;

use super::{P0, assert_did_its_part, assert_holds, child, event, everything, given_folder, open, say};
use crate::{AppendError, EventLog as _, Refusal, SqliteLog, Stream};

/// Files that take room away until they are removed.
const BALLAST: [&str; 4] = ["ballast-0", "ballast-1", "ballast-2", "ballast-3"];
const BALLAST_BYTES: usize = 1 << 20;
const EVENT_BYTES: usize = 100_000;

/// Mounts a small disk on a folder, for this process only, and runs the rest of the arguments.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=20m tmpfs "$0" && exec "$@""#;

#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    if let Some(disk) = given_folder() {
        // On one thread, so that what is appended together is queued before the writer runs.
        return Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(fill(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    // Whoever is not root is root in a namespace of his own.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut small_disk = Command::new("unshare");
    small_disk
        .args([if is_root { "-m" } else { "-Urm" }, "sh", "-c", ON_A_SMALL_DISK])
        .arg(disk.path());
    let this = "full::a_full_disk_refuses_and_goes_on_once_there_is_room";
    assert_did_its_part(&child(&mut small_disk, this, disk.path()).output().unwrap());
    assert!(
        !disk.path().join("log").exists(),
        "the small disk was the child's own"
    );
}

async fn fill(disk: &Path) {
    for ballast in BALLAST {
        fs::write(disk.join(ballast), vec![0; BALLAST_BYTES]).unwrap();
    }
    let log = open(&disk.join("log")).await;
    let mut acknowledged = Vec::new();
    for ballast in BALLAST {
        let before = acknowledged.len();
        fill_up(&log, &mut acknowledged).await;
        assert!(acknowledged.len() > before, "there was room");
        refuses_all(&log).await;
        assert_holds(&everything(&log, Stream::Audit).await, &acknowledged);
        fs::remove_file(disk.join(ballast)).unwrap();
        small_batches_do_not_fail_with_large_ones(&log, &mut acknowledged).await;
    }
    assert_holds(&everything(&log, Stream::Audit).await, &acknowledged);
    log.close().await;
    let log = open(&disk.join("log")).await;
    assert_holds(&everything(&log, Stream::Audit).await, &acknowledged);
    say("done");
}

/// Appends until there is no room.
async fn fill_up(log: &SqliteLog, acknowledged: &mut Vec<(Offset, Bytes)>) {
    loop {
        let event = event(acknowledged.len(), EVENT_BYTES);
        match log.append(Stream::Audit, P0, vec![event.clone()]).await {
            Ok(offset) => acknowledged.push((offset, event)),
            Err(error) => return assert_no_space(&error),
        }
    }
}

/// As long as there is no room, nothing of that size is stored.
async fn refuses_all(log: &SqliteLog) {
    for _ in 0..3 {
        let appends = (0..8).map(|n| log.append(Stream::Audit, P0, vec![event(n, EVENT_BYTES)]));
        for outcome in join_all(appends).await {
            assert_no_space(&outcome.unwrap_err());
        }
    }
}

/// With room for small batches only, in one group with large ones.
async fn small_batches_do_not_fail_with_large_ones(log: &SqliteLog, acknowledged: &mut Vec<(Offset, Bytes)>) {
    let large = vec![event(0, BALLAST_BYTES - 100); 2];
    let small = [event(0, 10), event(1, 10), event(2, 10)];
    let appends = small
        .iter()
        .flat_map(|event| [large.clone(), vec![event.clone()]]);
    let outcomes = join_all(appends.map(|batch| log.append(Stream::Audit, P0, batch))).await;
    for (outcomes, event) in outcomes.chunks(2).zip(small) {
        assert_no_space(outcomes[0].as_ref().unwrap_err());
        acknowledged.push((*outcomes[1].as_ref().unwrap(), event));
    }
}

fn assert_no_space(error: &AppendError) {
    assert!(
        matches!(error, AppendError::Refused(Refusal::NoSpace(_))),
        "{error:?}"
    );
}
