//! Copying a log while it is written.

use std::{fs, os::unix::fs::PermissionsExt as _};

use onedoor_log::{OpenError, SqliteLog, Stream};

use super::open;
use crate::contract::{append, batch, bounds, everything, options};

#[tokio::test]
async fn a_copy_is_the_log_at_one_moment_while_appends_go_on() {
    let root = tempfile::tempdir().unwrap();
    let (from, into) = (root.path().join("log"), root.path().join("copy"));
    let log = open(&from, options()).await;
    for n in 0..50 {
        for stream in Stream::FACTS {
            append(&log, stream, batch(n, 3, 100)).await;
        }
    }
    let appending = async {
        for n in 50..150 {
            append(&log, Stream::Audit, batch(n, 3, 100)).await;
        }
    };
    let (copied, ()) = tokio::join!(SqliteLog::copy(&from, &into), appending);
    copied.unwrap();

    let mut names: Vec<_> = fs::read_dir(&into)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["audit.db", "denials.db", "registry.db"]);
    for name in names {
        let mode = fs::metadata(into.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let copy = open(&into, options()).await;
    for stream in Stream::FACTS {
        let (held, whole) = (everything(&copy, stream).await, everything(&log, stream).await);
        assert!(!held.is_empty());
        assert!(
            whole.starts_with(&held),
            "{stream}: batches are whole and in order"
        );
        let batches = held.len() % 3;
        assert!(stream == Stream::Denials || batches == 0, "{stream}");
    }
    // It goes on as a log of its own.
    let end = bounds(&copy, Stream::Audit).await.end;
    assert_eq!(append(&copy, Stream::Audit, batch(0, 1, 0)).await, end.0);
    log.close().await;
    copy.close().await;

    // A log that nobody has open is copied as well, with all that it has.
    let again = root.path().join("again");
    SqliteLog::copy(&from, &again).await.unwrap();
    let (log, again) = (open(&from, options()).await, open(&again, options()).await);
    for stream in Stream::FACTS {
        assert_eq!(everything(&again, stream).await, everything(&log, stream).await);
    }
}

#[tokio::test]
async fn what_is_no_log_is_not_copied() {
    let root = tempfile::tempdir().unwrap();
    let copied = SqliteLog::copy(root.path(), &root.path().join("copy")).await;
    assert!(matches!(copied, Err(OpenError::Io { path, .. }) if path.ends_with("denials.db")));
}

#[tokio::test]
async fn whether_a_log_is_open_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!SqliteLog::is_in_use(folder.path()).unwrap());
    let log = open(folder.path(), options()).await;
    assert!(SqliteLog::is_in_use(folder.path()).unwrap());
    log.close().await;
    assert!(!SqliteLog::is_in_use(folder.path()).unwrap());
}
