//! What a projector does not put up with, and what it does.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use onedoor_log::{EventLog, Options, Stream};
use onedoor_model::{envelope::Unreadable, ids::Offset, registry::FoldError};
use onedoor_projector::{Halt, OpenError, ProjectorError, Store};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::{
    story,
    support::{Engine, P0, Projector, Room, Writer, caught_up, memory, soon},
};

on_both! {
    another_log_is_refused,
    a_log_that_was_made_anew_is_refused,
    a_log_that_was_cut_is_refused,
    a_log_that_was_written_on_from_a_copy_is_refused,
    a_log_that_begins_with_something_else_is_refused,
    an_event_that_is_not_understood_stops_everything,
    bytes_that_are_no_event_stop_everything,
    denials_that_are_gone_are_passed_over,
    a_log_that_is_closed_ends_it,
    it_waits_for_the_log_to_begin,
}

async fn refused(log: &Arc<dyn EventLog>, store: &Store) -> ProjectorError {
    Projector::start(log, store).end().await.unwrap_err()
}

async fn another_log_is_refused(engine: Engine) {
    let log = memory().await;
    Writer::begin(&log).await;
    let room = Room::of(engine, &log).await;
    let other = memory().await;
    Writer::begin(&other).await.open().await;
    let error = refused(&other, &room.store).await;
    assert!(matches!(error, ProjectorError::ForeignLog { .. }), "{error:?}");
    assert!(error.to_string().contains("move its file away"), "{error}");
    assert_eq!(
        room.store.position(Stream::Audit, P0).await.unwrap(),
        Offset(0),
        "nothing of it is taken"
    );
}

async fn a_log_that_was_made_anew_is_refused(engine: Engine) {
    let log = memory().await;
    Writer::begin(&log).await;
    let room = Room::of(engine, &log).await;
    let error = refused(&memory().await, &room.store).await;
    assert!(
        matches!(
            error,
            ProjectorError::LogCut {
                stream: Stream::Registry,
                end: Offset(0),
                ..
            }
        ),
        "{error:?}"
    );
}

/// The same log, without its last events.
async fn a_log_that_was_cut_is_refused(engine: Engine) {
    for stream in [Stream::Registry, Stream::Audit] {
        let log = memory().await;
        let mut writer = Writer::begin(&log).await;
        let beginning = log
            .read(Stream::Registry, P0, Offset(0), 1)
            .await
            .unwrap()
            .remove(0)
            .bytes;
        let cut = memory().await;
        cut.append(Stream::Registry, P0, vec![beginning]).await.unwrap();
        match stream {
            Stream::Registry => {
                writer.register("finance").await;
            }
            Stream::Audit | Stream::Denials | Stream::Control => {
                writer.open().await;
            }
        }
        let room = Room::of(engine, &log).await;
        let error = refused(&cut, &room.store).await;
        assert!(
            matches!(error, ProjectorError::LogCut { stream: cut, .. } if cut == stream),
            "{error:?}"
        );
        assert!(error.to_string().contains("Restore it"), "{error}");
    }
}

/// The log was put back from a copy of before, and has other events since: as many, and under the same id.
async fn a_log_that_was_written_on_from_a_copy_is_refused(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let copied = log.read(Stream::Registry, P0, Offset(0), 1).await.unwrap();
    let copy = memory().await;
    copy.append(Stream::Registry, P0, vec![copied[0].bytes.clone()])
        .await
        .unwrap();
    writer.register("finance").await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    let kept = async {
        // There may be no tables yet.
        while !matches!(room.store.state().await, Ok(Some(kept)) if kept.state.revision() == Some(Offset(1)))
        {
            tokio::task::yield_now().await;
        }
    };
    soon(kept).await;
    projector.stop().await.unwrap();

    let mut writer = Writer::new(&copy, "replica-2");
    writer.register("fraud").await;
    writer.register("hr").await;
    let error = refused(&copy, &room.store).await;
    assert!(
        matches!(error, ProjectorError::Diverged { revision: Offset(1) }),
        "{error:?}"
    );
    assert_eq!(
        room.store.position(Stream::Registry, P0).await.unwrap(),
        Offset(2)
    );
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
}

async fn a_log_that_begins_with_something_else_is_refused(engine: Engine) {
    let log = memory().await;
    Writer::new(&log, "replica-1").register("finance").await;
    let error = refused(&log, &Room::new(engine).await.store).await;
    let ProjectorError::Halted {
        offset: Offset(0),
        source: Halt::Fold(FoldError::NoBeginning),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
}

/// It stops before the event, with all that comes before it.
async fn an_event_that_is_not_understood_stops_everything(engine: Engine) {
    for stream in Stream::FACTS {
        let log = memory().await;
        let mut writer = Writer::begin(&log).await;
        story::registry(&mut writer).await;
        story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
        let end = log.bounds(stream, P0).await.unwrap().end;
        let future = log.read(stream, P0, Offset(0), 1).await.unwrap().remove(0).bytes;
        let future = String::from_utf8(future.to_vec())
            .unwrap()
            .replace(".v1\"", ".v99\"");
        writer.append(stream, future.into_bytes()).await;
        writer.register("later").await;
        writer.open().await;
        writer.deny("finance", "pay", "eve", 1).await;

        let room = Room::new(engine).await;
        for _ in 0..2 {
            let error = refused(&log, &room.store).await;
            let ProjectorError::Halted {
                stream: halted,
                offset,
                source,
                ..
            } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!((halted, offset), (stream, end));
            assert!(
                matches!(source, Halt::Unreadable(Unreadable::UnknownType(_))),
                "{source:?}"
            );
            assert_eq!(room.store.position(stream, P0).await.unwrap(), end);
        }
    }
}

async fn bytes_that_are_no_event_stop_everything(engine: Engine) {
    let log = memory().await;
    let writer = Writer::begin(&log).await;
    writer.append(Stream::Audit, b"{}".to_vec()).await;
    let error = refused(&log, &Room::new(engine).await.store).await;
    assert!(
        matches!(
            error,
            ProjectorError::Halted {
                stream: Stream::Audit,
                ..
            }
        ),
        "{error:?}"
    );
}

/// The oldest denials go when there are too many: what is left is projected.
async fn denials_that_are_gone_are_passed_over(engine: Engine) {
    let options = Options {
        denials_bytes: 2_000,
        ..Options::default()
    };
    let log = onedoor_log::open_with("memory://", options).await.unwrap();
    let mut writer = Writer::begin(&log).await;
    writer.deny("finance", "pay", "first", 1).await;
    let room = Room::of(engine, &log).await;
    for _ in 0..20 {
        writer.deny("finance", "pay", "eve", 1).await;
    }
    let bounds = log.bounds(Stream::Denials, P0).await.unwrap();
    assert!(bounds.first > Offset(1));
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    let limit = std::num::NonZeroU32::MAX;
    let calls = room
        .store
        .calls(&onedoor_projector::CallQuery::all(limit))
        .await
        .unwrap()
        .items;
    assert_eq!(
        calls.len() as u64,
        bounds.end.0 - bounds.first.0 + 1,
        "and what was projected before"
    );
    projector.stop().await.unwrap();
}

async fn a_log_that_is_closed_ends_it(engine: Engine) {
    let log = memory().await;
    Writer::begin(&log).await;
    let room = Room::of(engine, &log).await;
    let projector = Projector::start(&log, &room.store);
    log.close().await;
    let error = projector.end().await.unwrap_err();
    assert!(
        matches!(error, ProjectorError::Log(onedoor_log::ReadError::Closed)),
        "{error:?}"
    );
}

async fn it_waits_for_the_log_to_begin(engine: Engine) {
    let log = memory().await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    let reached = tokio::spawn({
        let store = room.store.clone();
        async move { store.reached(Stream::Registry, P0, Offset(1)).await }
    });
    let mut writer = Writer::begin(&log).await;
    assert!(!reached.is_finished());
    writer.register("finance").await;
    soon(reached).await.unwrap();
    assert_eq!(
        room.store.position(Stream::Registry, P0).await.unwrap(),
        Offset(2)
    );
    projector.stop().await.unwrap();
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/for/it/projection.db");
    let store = Store::open(&path).await.unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    store.close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn files_of_something_else_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("database");
    let mut connection = SqliteConnectOptions::new()
        .filename(&database)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::query("CREATE TABLE theirs (x)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "This is no database. ".repeat(100)).unwrap();
    for path in [database, text] {
        let before = fs::read(&path).unwrap();
        let error = Store::open(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::NotAProjection { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn tables_of_another_version_are_refused() {
    let room = Room::new(Engine::Sqlite).await;
    room.store.close().await;
    let path = room.path().clone();
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'later', true, x'00', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherVersion { .. }), "{error:?}");
}
