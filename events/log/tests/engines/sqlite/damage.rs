//! Files that are something else, or not as they were left.

use std::{fs, path::Path};

use onedoor_log::{OpenError, ReadError, Stream};
use sqlx::{Connection as _, SqliteConnection};

use super::{open, url};
use crate::contract::{P0, append, at, batch, bounds, options};

/// Changes a database behind the log's back.
async fn change(file: &Path, sql: &'static str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display()))
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Makes a log of ten records a stream and closes it.
async fn make(folder: &Path) {
    let log = open(folder, options()).await;
    for stream in Stream::ALL {
        append(&log, stream, batch(0, 10, 0)).await;
    }
    log.close().await;
}

async fn assert_refused(folder: &Path, expected: &str) {
    let opened = onedoor_log::open(&url(folder)).await;
    assert!(
        matches!(&opened, Err(OpenError::Unusable { reason, .. }) if reason.contains(expected)),
        "expected {expected:?}, got {opened:?}"
    );
}

#[tokio::test]
async fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.db");
    for (make, expected) in [
        ("CREATE TABLE theirs (x)", "not of stream audit"),
        ("PRAGMA user_version = 7", "not of stream audit"),
    ] {
        change(&file, make).await;
        let before = fs::read(&file).unwrap();
        assert_refused(folder.path(), expected).await;
        assert!(fs::read(&file).unwrap() == before);
        fs::remove_file(&file).unwrap();
    }
    fs::write(&file, "these are no records".repeat(100)).unwrap();
    assert_refused(folder.path(), "not a database").await;
}

#[tokio::test]
async fn a_file_of_another_stream_or_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let (registry, audit) = (folder.path().join("registry.db"), folder.path().join("audit.db"));
    change(&audit, "PRAGMA user_version = 2").await;
    assert_refused(folder.path(), "its schema is 2, not 1").await;
    fs::copy(&registry, &audit).unwrap();
    assert_refused(folder.path(), "not of stream audit").await;
}

#[tokio::test]
async fn missing_records_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    for stream in Stream::ALL {
        change(
            &folder.path().join(format!("{stream}.db")),
            "DELETE FROM records WHERE offset = 5",
        )
        .await;
    }
    let log = open(folder.path(), options()).await;
    for stream in Stream::ALL {
        assert_eq!(log.read(stream, P0, at(0), 100).await.unwrap().len(), 5);
        let read = log.read(stream, P0, at(5), 100).await;
        assert!(matches!(read, Err(ReadError::Engine(_))), "{read:?}");
        assert_eq!(log.read(stream, P0, at(6), 100).await.unwrap().len(), 4);
    }
    log.close().await;
    change(
        &folder.path().join("denials.db"),
        "DELETE FROM records WHERE offset < 5",
    )
    .await;
    let log = open(folder.path(), options()).await;
    assert_eq!(
        bounds(&log, Stream::Denials).await.first,
        at(6),
        "denials may start anywhere"
    );
    log.close().await;
    change(
        &folder.path().join("audit.db"),
        "DELETE FROM records WHERE offset < 5",
    )
    .await;
    assert_refused(folder.path(), "the records before offset 6 are missing").await;
}
