//! Closing, dropping and opening again.

use std::{env, fs, os::unix::fs::PermissionsExt as _, time::Duration};

use onedoor_log::{EventLog as _, OpenError, Options, SqliteLog, Stream};

use super::{open, url};
use crate::contract::{append, batch, bounds, everything, in_time, options};

#[tokio::test]
async fn what_was_appended_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = Vec::new();
    for round in 0..3 {
        let log = open(folder.path(), options()).await;
        for (stream, held) in Stream::ALL.into_iter().zip(&before) {
            assert_eq!(&everything(&log, stream).await, held);
        }
        for n in 0..40 {
            for stream in Stream::ALL {
                let first = append(&log, stream, batch(n, 3, 100)).await;
                assert_eq!(first, round * 120 + n as u64 * 3);
            }
        }
        before.clear();
        for stream in Stream::ALL {
            before.push(everything(&log, stream).await);
            assert!(before.last().unwrap().is_sorted_by_key(|record| record.time));
        }
        assert!(
            bounds(&log, Stream::Denials).await.first.0 > 0,
            "some denials were removed"
        );
        log.close().await;
    }
}

#[tokio::test]
async fn a_folder_is_open_once_until_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), options()).await;
    let second = onedoor_log::open(&url(folder.path())).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    log.close().await;
    let again = open(folder.path(), options()).await;
    append(&again, Stream::Audit, batch(0, 1, 0)).await;
}

#[tokio::test]
async fn a_log_that_was_dropped_can_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), options()).await;
    append(&log, Stream::Audit, batch(0, 1, 0)).await;
    drop(log);
    let again = in_time(async {
        loop {
            match SqliteLog::open(folder.path(), Options::default()).await {
                Ok(log) => return log,
                Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    let held = again
        .await
        .bounds(Stream::Audit, crate::contract::P0)
        .await
        .unwrap();
    assert_eq!(held.end.0, 1);
}

#[tokio::test]
async fn a_url_names_an_absolute_or_a_relative_folder() {
    let folder = tempfile::tempdir().unwrap();
    let to_root = "../".repeat(env::current_dir().unwrap().components().count());
    let relative = folder.path().strip_prefix("/").unwrap();
    let log = onedoor_log::open(&format!("sqlite://{to_root}{}/log", relative.display()))
        .await
        .unwrap();
    append(&log, Stream::Registry, batch(0, 1, 0)).await;
    log.close().await;
    let log = onedoor_log::open(&url(&folder.path().join("log"))).await.unwrap();
    assert_eq!(bounds(&log, Stream::Registry).await.end.0, 1);
}

#[tokio::test]
async fn every_file_is_private() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("log");
    let log = open(&folder, options()).await;
    for stream in Stream::ALL {
        append(&log, stream, batch(0, 1, 0)).await;
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        files.len(),
        13,
        "four databases, each with its write-ahead log and its index, and the lock: {files:?}"
    );
    for file in files {
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
    }
}
