//! Rebuilding beside the live projection.

use std::sync::Arc;

use futures_util::FutureExt as _;
use onedoor_log::{EventLog, Options, Stream};
use onedoor_model::ids::Offset;
use onedoor_projector::{Differing, Rebuild, RebuildError, Report, StoreError, TableReport, rebuild};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::{
    ground::connect,
    scene::all,
    story,
    support::{Engine, P0, Projector, Room, Writer, caught_up, memory, soon},
};

async fn rebuilt(log: &Arc<dyn EventLog>, room: &Room, differing: Differing) -> Report {
    soon(rebuild(Arc::clone(log), room.schema(), differing, |_| {}))
        .await
        .unwrap()
}

async fn tell(log: &Arc<dyn EventLog>) -> Writer {
    let mut writer = Writer::begin(log).await;
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut Writer::new(log, "replica-2"), 3).await;
    writer
}

/// The projector goes on throughout, and notices nothing.
#[tokio::test]
async fn an_equal_one_is_put_in_place_while_the_live_one_goes_on() {
    let log = memory().await;
    let mut writer = tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let projector = Projector::start(&log, &room.store);
    let old = room
        .rows("SELECT oid::text FROM pg_class WHERE oid = 'calls'::regclass")
        .await;
    let mut steps = Vec::new();
    let traffic = async {
        for _ in 0..20 {
            story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
            tokio::task::yield_now().await;
        }
    };
    let building = rebuild(Arc::clone(&log), room.schema(), Differing::Keep, |step| {
        steps.push(step);
    });
    let (report, ()) = tokio::join!(soon(building), traffic);
    let report = report.unwrap();
    let (live, anew) = report.digests.unwrap();
    assert_eq!((live, &report.differing[..]), (anew, &[][..]));
    assert!(report.swapped && report.events > 0);
    let Some(Rebuild::Building { done, total }) = steps.first() else {
        panic!("{steps:?}");
    };
    assert!(done <= total);
    assert!(
        steps.ends_with(&[Rebuild::Comparing, Rebuild::Dropping]),
        "{steps:?}"
    );

    story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
    assert_ne!(
        room.rows("SELECT oid::text FROM pg_class WHERE oid = 'calls'::regclass")
            .await,
        old,
        "these are other tables"
    );
    let in_one_go = Room::of(Engine::Postgres, &log).await;
    assert_eq!(
        room.store.digest().await.unwrap(),
        in_one_go.store.digest().await.unwrap()
    );
    let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE current_schema() || '_%'";
    assert!(room.rows(schemas).await.is_empty(), "nothing is left over");
}

#[tokio::test]
async fn a_differing_one_is_told_and_put_in_place_only_where_that_is_wanted() {
    let log = memory().await;
    tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let right = room.store.digest().await.unwrap();
    let calls = room.store.calls(&all()).await.unwrap().items.len() as u64;
    room.execute(
        "DELETE FROM calls WHERE ctid = (SELECT ctid FROM calls LIMIT 1);
         UPDATE boots SET last_seq = last_seq + 1",
    )
    .await;
    let wrong = room.store.digest().await.unwrap();
    assert_ne!(wrong, right);
    for (differing, after) in [(Differing::Keep, wrong), (Differing::Adopt, right)] {
        let report = rebuilt(&log, &room, differing).await;
        assert_eq!(report.digests, Some((wrong, right)));
        let tables: Vec<_> = report.differing.iter().map(|table| table.table).collect();
        assert_eq!(tables, ["boots", "calls"]);
        let told = TableReport {
            table: "calls",
            live: calls - 1,
            rebuilt: calls,
        };
        assert_eq!(report.differing[1], told);
        assert_eq!(report.swapped, differing == Differing::Adopt);
        assert_eq!(room.store.digest().await.unwrap(), after);
    }
}

/// The live projection has denials that the log dropped since: they are taken over.
#[tokio::test]
async fn what_the_log_no_longer_holds_is_taken_over() {
    let options = Options {
        denials_bytes: 20_000,
        ..Options::default()
    };
    let log = onedoor_log::open_with("memory://", options).await.unwrap();
    let mut writer = tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    while log.bounds(Stream::Denials, P0).await.unwrap().first < Offset(5) {
        writer.deny("finance", "pay", "eve", 1).await;
    }
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
    let before = room.store.digest().await.unwrap();
    let report = rebuilt(&log, &room, Differing::Keep).await;
    assert_eq!((&report.differing[..], report.swapped), (&[][..], true));
    assert_eq!(room.store.digest().await.unwrap(), before);
    let keyless = "SELECT call_id FROM calls WHERE call_id NOT IN (SELECT id FROM audit_keys)
        UNION ALL SELECT event_id FROM denial_counts WHERE event_id || ' ' || source NOT IN (SELECT id FROM audit_keys)";
    assert!(
        room.rows(keyless).await.is_empty(),
        "none of it would be there twice"
    );
}

/// A rebuild takes its time, and the log goes on dropping denials meanwhile.
#[tokio::test]
async fn what_the_log_drops_during_the_rebuild_is_taken_over_too() {
    let options = Options {
        denials_bytes: 20_000,
        ..Options::default()
    };
    let log = onedoor_log::open_with("memory://", options).await.unwrap();
    let mut writer = tell(&log).await;
    let first = async || log.bounds(Stream::Denials, P0).await.unwrap().first;
    while first().await < Offset(5) {
        writer.deny("finance", "pay", "eve", 1).await;
    }
    let room = Room::of(Engine::Postgres, &log).await;
    let (before, known) = (room.store.digest().await.unwrap(), first().await);
    let mut begun = false;
    let building = rebuild(Arc::clone(&log), room.schema(), Differing::Keep, |_| {
        if !std::mem::replace(&mut begun, true) {
            // In memory, nothing of it waits.
            for _ in 0..10 {
                writer.deny("finance", "pay", "eve", 1).now_or_never().unwrap();
            }
        }
    });
    let report = soon(building).await.unwrap();
    assert!(first().await > known, "some were dropped");
    assert_eq!((&report.differing[..], report.swapped), (&[][..], true));
    assert_eq!(room.store.digest().await.unwrap(), before);
}

/// What a newer version made is not replaced by what this one makes, and what an older one made is brought up to date.
#[tokio::test]
async fn tables_of_another_version_are_not_replaced() {
    let log = memory().await;
    tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    room.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, '', 0)",
    )
    .await;
    let report = rebuild(Arc::clone(&log), room.schema(), Differing::Adopt, |_| {}).await;
    assert!(
        matches!(report, Err(RebuildError::Store(StoreError::OtherVersion { .. }))),
        "{report:?}"
    );
    let newer = "SELECT version::text FROM _sqlx_migrations WHERE version = 9999";
    assert_eq!(room.rows(newer).await.len(), 1);
}

/// It says why, leaves nothing over, and the live one goes on.
#[tokio::test]
async fn a_rebuild_that_fails_leaves_everything_as_it_was() {
    let log = memory().await;
    let mut writer = tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let before = room.store.digest().await.unwrap();
    // It fails when all is compared, while the live one stands still.
    room.execute("ALTER TABLE early_outcomes RENAME TO gone").await;
    let report = rebuild(Arc::clone(&log), room.schema(), Differing::Keep, |_| {}).await;
    let Err(RebuildError::Store(StoreError::Database(error))) = report else {
        panic!("{report:?}");
    };
    assert!(error.to_string().contains("early_outcomes"), "{error}");
    let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE current_schema() || '_%'";
    assert!(room.rows(schemas).await.is_empty(), "nothing is left over");
    room.execute("ALTER TABLE gone RENAME TO early_outcomes").await;
    assert_eq!(room.store.digest().await.unwrap(), before);
    story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
}

/// A log that was made again from a backup: its projection is one of another log, and of events that are lost.
#[tokio::test]
async fn a_projection_of_another_log_is_replaced_only_where_that_is_wanted() {
    let log = memory().await;
    tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let other = memory().await;
    Writer::begin(&other).await.register("hr").await;
    let report = rebuilt(&other, &room, Differing::Keep).await;
    assert!(!report.swapped);
    let tables: Vec<_> = report.differing.iter().map(|table| table.table).collect();
    assert!(
        tables.contains(&"meta") && tables.contains(&"offsets"),
        "{tables:?}"
    );
    assert!(rebuilt(&other, &room, Differing::Adopt).await.swapped);
    let projector = Projector::start(&other, &room.store);
    caught_up(&other, &room.store).await;
    projector.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_live_one_it_is_simply_built() {
    let log = memory().await;
    tell(&log).await;
    let room = Room::new(Engine::Postgres).await;
    let report = rebuilt(&log, &room, Differing::Keep).await;
    assert_eq!((report.digests, report.swapped), (None, true));
    let in_one_go = Room::of(Engine::Postgres, &log).await;
    assert_eq!(
        room.store.digest().await.unwrap(),
        in_one_go.store.digest().await.unwrap()
    );
}

#[tokio::test]
async fn there_is_one_rebuild_at_a_time() {
    let log = memory().await;
    tell(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let lock = format!(
        "SELECT pg_advisory_lock(hashtextextended('onedoor rebuild {}', 0))",
        room.schema().schema
    );
    let mut other = connect(room.schema()).await;
    sqlx::raw_sql(AssertSqlSafe(lock))
        .execute(&mut other)
        .await
        .unwrap();
    let report = rebuild(Arc::clone(&log), room.schema(), Differing::Keep, |_| {}).await;
    assert!(matches!(report, Err(RebuildError::UnderWay)), "{report:?}");
    other.close().await.unwrap();
    assert!(rebuilt(&log, &room, Differing::Keep).await.swapped);
}
