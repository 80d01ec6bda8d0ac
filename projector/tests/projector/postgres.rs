//! What is so in PostgreSQL only: tables that somebody else makes, days, a database that goes away.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use onedoor_log::{EventLog, Stream};
use onedoor_model::{
    audit::{AuthenticationsFailed, DenialEvent, Outcome},
    ids::{CallId, Offset, ServerId},
};
use onedoor_projector::{
    Activity, CallOutcome, CallQuery, HistoryQuery, Place, PostgresOptions, ProjectorError, QueryError,
    Store, StoreError,
};
use uuid::Uuid;

use crate::{
    ground::Ground,
    paced::Paced,
    proxy::Proxy,
    scene::all,
    story,
    support::{Engine, P0, Projector, Room, Writer, called, caught_up, denied, memory, soon},
};

const MIDNIGHT: &str = "2026-11-25T00:00:00Z";

fn day(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// The first `before` records of a stream come just before a midnight, and all others just after it.
fn across_midnight(before: u64) -> impl Fn(Stream, Offset) -> Timestamp + Send + Sync {
    move |_, offset| {
        let midnight: Timestamp = MIDNIGHT.parse().unwrap();
        if offset.0 < before {
            midnight - SignedDuration::from_millis(1)
        } else {
            midnight
        }
    }
}

async fn ids(store: &Store) -> Vec<CallId> {
    let calls = store.calls(&all()).await.unwrap().items;
    calls.into_iter().map(|row| row.call).collect()
}

#[tokio::test]
async fn whoever_only_reads_makes_no_tables_and_says_who_does() {
    let log = memory().await;
    Writer::begin(&log).await;
    let room = Room::new(Engine::Postgres).await;
    let error = room.store.calls(&all()).await.unwrap_err();
    assert!(
        matches!(&error, QueryError::Store(StoreError::Missing { schema }) if *schema == room.schema().schema),
        "{error:?}"
    );
    assert!(error.to_string().contains("onedoor projector"), "{error}");
    assert!(matches!(
        room.store.state().await,
        Err(StoreError::Missing { .. })
    ));
    let projector = Projector::start(&log, &room.again().await);
    soon(room.store.reached(Stream::Registry, P0, Offset(0))).await;
    assert_eq!(room.store.calls(&all()).await.unwrap().items, []);
    projector.stop().await.unwrap();
}

#[tokio::test]
async fn older_tables_are_not_read_and_newer_ones_are_not_written() {
    let log = memory().await;
    Writer::begin(&log).await;
    let room = Room::of(Engine::Postgres, &log).await;
    room.execute("UPDATE _sqlx_migrations SET version = version - 1000")
        .await;
    let older = room.again().await.calls(&all()).await.unwrap_err();
    assert!(
        matches!(&older, QueryError::Store(StoreError::Older { .. })),
        "{older:?}"
    );
    assert!(older.to_string().contains("onedoor projector"), "{older}");
    room.execute(
        "UPDATE _sqlx_migrations SET version = version + 1000;
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, '', 0)",
    )
    .await;
    let newer = room.again().await;
    newer.calls(&all()).await.unwrap();
    let error = Projector::start(&log, &newer).end().await.unwrap_err();
    assert!(
        matches!(error, ProjectorError::Store(StoreError::OtherVersion { .. })),
        "{error:?}"
    );
    assert!(matches!(newer.status().activity, Activity::Halted { .. }));
}

/// A day's table has a key that holds the time: what keeps a call from being there twice must be another one.
#[tokio::test]
async fn what_comes_twice_counts_once_across_midnight_too() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let server = ServerId(Uuid::now_v7());
    let call = CallId(Uuid::now_v7());
    let first = writer.audit(called(call, server, "finance", "pay", "ada")).await;
    let refused = CallId(Uuid::now_v7());
    let denial = writer.denial(denied(refused, "finance", "pay", "eve", 1)).await;
    let failed = AuthenticationsFailed {
        network: None,
        reason: "expired".to_owned(),
        count: 3,
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::UNIX_EPOCH,
    };
    let counted = writer.denial(DenialEvent::AuthenticationsFailed(failed)).await;
    // What follows is of another day.
    writer.again(Stream::Audit, first).await;
    writer.complete(call, Outcome::Succeeded).await;
    writer.complete(call, Outcome::TimedOut).await;
    writer.again(Stream::Audit, first).await;
    writer.again(Stream::Denials, denial).await;
    writer.again(Stream::Denials, counted).await;

    for steps in [usize::MAX, 1] {
        let dated = Paced::dated(&log, |stream, offset| {
            across_midnight(if stream == Stream::Audit { 1 } else { 2 })(stream, offset)
        });
        let paced: Arc<dyn EventLog> = Arc::new(Paced::by(&dated, steps));
        let room = Room::of(Engine::Postgres, &paced).await;
        let rows = room.store.calls(&all()).await.unwrap().items;
        let found: Vec<_> = rows.iter().map(|row| (row.call, row.outcome)).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&(call, CallOutcome::Succeeded)), "{found:?}");
        assert!(found.contains(&(refused, CallOutcome::Denied)), "{found:?}");
        let days = "SELECT tableoid::regclass::text || ' ' || count(*) FROM calls GROUP BY tableoid";
        assert_eq!(room.rows(days).await.len(), 1, "both came before midnight");
        let ended = rows.iter().find(|row| row.call == call).unwrap().ended;
        assert_eq!(ended, Some(MIDNIGHT.parse().unwrap()));
        let counts = "SELECT 'all ' || count(*) FROM failed_authentications";
        assert_eq!(room.rows(counts).await, ["all 1".to_owned()].into());
        let sqlite = Room::of(Engine::Sqlite, &paced).await;
        assert_eq!(
            room.store.digest().await.unwrap(),
            sqlite.store.digest().await.unwrap()
        );
    }
}

#[tokio::test]
async fn days_that_are_kept_no_longer_go_and_that_is_noted() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let server = ServerId(Uuid::now_v7());
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(writer.call(server, "finance", "pay", "ada").await);
        writer.deny("finance", "pay", "eve", 1).await;
    }
    writer.complete(CallId(Uuid::now_v7()), Outcome::Succeeded).await;
    // 9, 6, 3 and 0 days ago.
    let now = Timestamp::now();
    let dated = Paced::dated(&log, move |_, offset| {
        now - day(9 - 3 * i64::try_from(offset.0.min(3)).unwrap())
    });
    let mut ground = Ground::new(Engine::Postgres);
    let Place::Postgres(options) = &mut ground.place else {
        unreachable!();
    };
    options.keep_days = NonZeroU32::new(4);
    let room = Room::on(ground).await;
    let kept: Vec<_> = calls[2..].iter().rev().copied().collect();
    let projector = Projector::start(&dated, &room.store);
    let dropped = async {
        while room.rows("SELECT day::text FROM dropped_days").await.len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    // What is old is dropped with the next round, which comes with the next projector.
    caught_up(&dated, &room.store).await;
    projector.stop().await.unwrap();
    let projector = Projector::start(&dated, &room.store);
    soon(dropped).await;
    projector.stop().await.unwrap();

    let mut found = ids(&room.store).await;
    found.retain(|call| calls.contains(call));
    assert_eq!(found, kept);
    assert_eq!(
        room.rows("SELECT 'calls ' || calls FROM dropped_days").await,
        ["calls 2".to_owned()].into()
    );
    let left = "SELECT 'all ' || count(*) FROM audit_keys";
    assert_eq!(room.rows(left).await, ["all 4".to_owned()].into());

    // A rebuild drops the same days.
    let report = onedoor_projector::rebuild(
        Arc::clone(&dated),
        room.schema(),
        onedoor_projector::Differing::Keep,
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!(report.differing, []);
    assert!(report.swapped);
    assert_eq!(ids(&room.store).await.len(), 4);

    // What is to be kept longer from now on comes back where that is wanted.
    let longer = PostgresOptions {
        keep_days: None,
        ..room.schema().clone()
    };
    let report = onedoor_projector::rebuild(dated, &longer, onedoor_projector::Differing::Adopt, |_| {})
        .await
        .unwrap();
    assert!(report.swapped);
    assert_eq!(ids(&room.store).await.len(), 8);
}

/// The log's clock may be wrong by any amount.
#[tokio::test]
async fn no_time_stops_the_projection() {
    const TIMES: [i64; 5] = [-70_000_000_000_000, -1, 0, 4_102_444_800_000, 253_402_207_200_000];
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    for _ in TIMES {
        writer
            .call(ServerId(Uuid::now_v7()), "finance", "pay", "ada")
            .await;
        writer.deny("finance", "pay", "eve", 1).await;
    }
    let dated = Paced::dated(&log, |_, offset| {
        let time = TIMES[usize::try_from(offset.0).unwrap()];
        Timestamp::from_millisecond(time).unwrap()
    });
    let room = Room::of(Engine::Postgres, &dated).await;
    let sqlite = Room::of(Engine::Sqlite, &dated).await;
    let times = |store: Store| async move {
        let calls = store.calls(&all()).await.unwrap().items;
        let times = calls.into_iter().map(|call| call.time.as_millisecond());
        times.collect::<Vec<_>>()
    };
    let mut expected: Vec<i64> = TIMES.into_iter().rev().flat_map(|time| [time, time]).collect();
    assert_eq!(times(room.store.clone()).await, expected);
    assert_eq!(times(sqlite.store.clone()).await, expected);
    assert_eq!(
        room.store.digest().await.unwrap(),
        sqlite.store.digest().await.unwrap()
    );

    // All of these days are past or to come: those that are past go.
    let mut ground = Ground::new(Engine::Postgres);
    let Place::Postgres(options) = &mut ground.place else {
        unreachable!();
    };
    options.keep_days = NonZeroU32::new(4);
    let room = Room::on(ground).await;
    for _ in 0..2 {
        let projector = Projector::start(&dated, &room.store);
        caught_up(&dated, &room.store).await;
        let dropped = async {
            while room.store.status().activity.as_str() != "active" {
                tokio::task::yield_now().await;
            }
        };
        soon(dropped).await;
        projector.stop().await.unwrap();
    }
    let projector = Projector::start(&dated, &room.store);
    expected.truncate(4);
    let left = async {
        while times(room.store.clone()).await != expected {
            tokio::task::yield_now().await;
        }
    };
    soon(left).await;
    projector.stop().await.unwrap();
}

/// The projector is updated first, while older gateways read: a column more changes nothing for them.
#[tokio::test]
async fn who_reads_notices_nothing_of_a_new_column() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
    let room = Room::of(Engine::Postgres, &log).await;
    let history = HistoryQuery {
        server: "finance".parse().unwrap(),
        limit: NonZeroU32::MIN,
        cursor: None,
    };
    // So often that every connection there is has prepared each query.
    let read = async || {
        let mut answers = Vec::new();
        for _ in 0..20 {
            let calls = room.store.calls(&all()).await.unwrap();
            answers.push((calls, room.store.history(&history).await.unwrap()));
        }
        answers
    };
    let before = read().await;
    for table in ["calls", "registry_history", "boots", "offsets", "registry_state"] {
        room.execute(&format!("ALTER TABLE {table} ADD COLUMN later TEXT"))
            .await;
    }
    assert_eq!(read().await, before);
}

/// As `docs/replicas.md` has it.
#[tokio::test]
async fn a_gateway_needs_a_role_that_only_reads_and_a_rebuild_leaves_it_that() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    story::registry(&mut writer).await;
    let room = Room::new(Engine::Postgres).await;
    let role = format!("r{}", Uuid::new_v4().simple());
    room.execute(&format!(
        "CREATE ROLE {role} LOGIN;
         ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role};
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role};"
    ))
    .await;
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    let mut options = room.schema().clone();
    options.url.set_username(&role).unwrap();
    let reader = Store::open(options).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..2 {
        story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
        caught_up(&log, &reader).await;
        answers.push(reader.calls(&all()).await.unwrap().items.len());
        reader.state().await.unwrap();
        reader.log().await.unwrap();
        reader.open_boots(writer.boot).await.unwrap();
        assert_eq!(reader.digest().await.unwrap(), room.store.digest().await.unwrap());
        let report = onedoor_projector::rebuild(
            Arc::clone(&log),
            room.schema(),
            onedoor_projector::Differing::Keep,
            |_| {},
        );
        assert!(soon(report).await.unwrap().swapped);
    }
    assert!(answers[0] < answers[1], "{answers:?}");
    let refused = Projector::start(&log, &reader).end().await.unwrap_err();
    assert!(refused.to_string().contains("cannot write"), "{refused:?}");
    projector.stop().await.unwrap();
    reader.close().await;
    room.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}

/// A database that takes connections and says nothing: nobody waits for others to have waited.
#[tokio::test]
async fn a_silent_database_keeps_all_who_ask_waiting_equally_long() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://onedoor@127.0.0.1:{port}/onedoor");
    let store = Store::open(PostgresOptions::new(url.parse().unwrap()))
        .await
        .unwrap();
    let asked = Instant::now();
    let questions = join_all((0..4).map(|_| store.positions())).await;
    assert!(questions.into_iter().all(|answer| answer.unwrap_err().may_pass()));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

/// Names that callers send are recorded, whatever is in them, and stop nothing.
#[tokio::test]
async fn no_text_stops_the_projection() {
    let log = memory().await;
    let writer = &mut Writer::begin(&log).await;
    let long = "é".repeat(5_000);
    for name in ["nul\0", "nul\0\0nul", &long] {
        let mut denied = denied(CallId(Uuid::now_v7()), name, name, "eve", 1);
        if let DenialEvent::CallDenied(denied) = &mut denied {
            denied.caller.user_name = Some(name.to_owned());
        }
        writer.denial(denied).await;
    }
    let room = Room::of(Engine::Postgres, &log).await;
    let sqlite = Room::of(Engine::Sqlite, &log).await;
    assert_eq!(
        room.store.digest().await.unwrap(),
        sqlite.store.digest().await.unwrap()
    );
    for name in ["nul\0", &long] {
        let query = CallQuery {
            tool: Some(name.to_owned()),
            ..all()
        };
        assert_eq!(room.store.calls(&query).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn what_another_process_projects_is_reached_here() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let room = Room::new(Engine::Postgres).await;
    let elsewhere = room.again().await;
    let waiting = tokio::spawn({
        let store = elsewhere.clone();
        async move { store.reached(Stream::Audit, P0, Offset(1)).await }
    });
    let projector = Projector::start(&log, &room.store);
    writer.open().await;
    soon(elsewhere.reached(Stream::Audit, P0, Offset(0))).await;
    assert!(!waiting.is_finished());
    writer.open().await;
    soon(waiting).await.unwrap();
    projector.stop().await.unwrap();
}

/// Everything that was appended meanwhile is projected when it is back.
#[tokio::test]
async fn a_database_that_goes_away_is_waited_for() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let ground = Ground::new(Engine::Postgres);
    let Place::Postgres(direct) = &ground.place else {
        unreachable!();
    };
    let proxy = Proxy::before(&direct.url).await;
    let through = PostgresOptions {
        url: proxy.url.clone(),
        ..direct.clone()
    };
    proxy.cut();
    let store = Store::open(through).await.unwrap();
    let projector = Projector::start(&log, &store);
    let activity = async |wanted: &str| {
        soon(async {
            while store.status().activity.as_str() != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    for _ in 0..2 {
        activity("waiting").await;
        let error = store.position(Stream::Audit, P0).await.unwrap_err();
        assert!(error.may_pass(), "{error:?}");
        story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
        proxy.mend();
        caught_up(&log, &store).await;
        activity("active").await;
        proxy.cut();
        story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 1).await;
    }
    activity("waiting").await;
    proxy.mend();
    caught_up(&log, &store).await;
    projector.stop().await.unwrap();
    assert_eq!(store.status().activity, Activity::Ended);
    let in_one_go = Room::of(Engine::Postgres, &log).await;
    assert_eq!(
        store.digest().await.unwrap(),
        in_one_go.store.digest().await.unwrap()
    );
}
