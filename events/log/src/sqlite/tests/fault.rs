//! A disk that fails to flush, by way of strace: the append may be stored, and whoever made it is told so.

use std::{path::Path, process::Command};

use bytes::Bytes;

use super::{P0, assert_did_its_part, child, event, everything, given_folder, open, run, say};
use crate::{AppendError, EventLog as _, Stream};

const APPENDS: usize = 60;
/// Which flush of each connection fails.
const FAULT: &str = "inject=fsync,fdatasync:error=EIO:when=12";

#[test]
fn a_failed_flush_leaves_open_whether_the_append_is_stored() {
    if let Some(folder) = given_folder() {
        return run(append_to_a_failing_disk(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().canonicalize().unwrap().join("audit.db-wal");
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            FAULT,
            "-P",
        ])
        .arg(log);
    let this = "fault::a_failed_flush_leaves_open_whether_the_append_is_stored";
    assert_did_its_part(
        &child(&mut strace, this, folder.path())
            .output()
            .expect("strace is installed"),
    );
}

async fn append_to_a_failing_disk(folder: &Path) {
    let log = open(folder).await;
    let mut acknowledged = Vec::new();
    let mut unknown: Vec<Bytes> = Vec::new();
    for n in 0..APPENDS {
        let event = event(n, 100);
        match log.append(Stream::Audit, P0, vec![event.clone()]).await {
            Ok(offset) => acknowledged.push((offset, event)),
            Err(AppendError::Unknown(_)) => unknown.push(event),
            Err(AppendError::Refused(refusal)) => panic!("refused: {refusal:?}"),
        }
    }
    assert!(
        (2..=10).contains(&unknown.len()),
        "{} flushes failed",
        unknown.len()
    );
    log.close().await;
    let log = open(folder).await;
    let mut records = everything(&log, Stream::Audit).await;
    assert!(
        (0..)
            .zip(&records)
            .all(|(expected, record)| record.offset.0 == expected),
        "there is a gap"
    );
    for (offset, event) in &acknowledged {
        assert_eq!(records[usize::try_from(offset.0).unwrap()].bytes, event);
    }
    records.retain(|record| acknowledged.iter().all(|(offset, _)| *offset != record.offset));
    assert!(
        records.iter().all(|record| unknown.contains(&record.bytes)),
        "{records:?} were never appended"
    );
    say("done");
}
