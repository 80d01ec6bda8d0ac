//! Single transactions, in both databases.

use jiff::Timestamp;
use onedoor_model::{
    audit::{AuditEvent, BootOpened},
    envelope::{Chain, Draft, Envelope, Producer},
    ids::{BootId, EventId, ReplicaName},
};

use super::*;
use crate::{
    ground::{Engine, Ground, connect},
    project::Entry,
};

const AUDIT: Stream = Stream::Audit;
const P0: Partition = Partition(0);

fn step(offset: u64) -> Step {
    let boot = AuditEvent::BootOpened(BootOpened {
        software: "0.1.0".to_owned(),
    });
    let draft = Draft {
        id: EventId(Uuid::now_v7()),
        time: Timestamp::UNIX_EPOCH,
        traceparent: None,
        tenant: None,
        actor: None,
        reason: None,
        data: boot,
    };
    let replica = ReplicaName::new("replica-1").unwrap();
    let chain = Chain::new(replica, Producer::Audit, BootId(Uuid::now_v7()));
    Step {
        offset: Offset(offset),
        time: Timestamp::UNIX_EPOCH,
        entry: Entry::Audit(Box::new(Envelope::read(&chain.seal(draft).unwrap().0).unwrap())),
    }
}

fn to(from: u64, next: u64) -> Move {
    Move {
        stream: AUDIT,
        partition: P0,
        from: Offset(from),
        next: Offset(next),
    }
}

async fn store(engine: Engine) -> (Ground, Store) {
    let ground = Ground::new(engine);
    let store = Store::open(ground.place.clone()).await.unwrap();
    store.migrate().await.unwrap();
    (ground, store)
}

/// A projector that was thought dead comes back with what it held: two stores, as two processes have them. What keeps it from writing is
/// the condition alone: see the next test.
#[tokio::test]
async fn an_advance_from_elsewhere_writes_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (ground, store) = store(engine).await;
        let zombie = Store::open(ground.place.clone()).await.unwrap();
        store.enlist(AUDIT, P0).await.unwrap();
        let advance = async |store: &Store, from, next| {
            store.advance(to(from, next), &[step(from)], None).await.unwrap()
        };
        assert_eq!(advance(&store, 0, 1).await, Advance::Done);
        let digest = store.digest().await.unwrap();
        for (from, next) in [(0, 1), (0, 5), (2, 3)] {
            assert_eq!(advance(&zombie, from, next).await, Advance::Elsewhere(Offset(1)));
            assert_eq!(store.digest().await.unwrap(), digest, "{from} to {next}");
        }
        assert_eq!(advance(&zombie, 1, 2).await, Advance::Done);
        assert_ne!(store.digest().await.unwrap(), digest);
    }
}

/// Negative control of the test above.
#[tokio::test]
async fn without_its_condition_an_advance_from_elsewhere_is_written() {
    let (ground, store) = store(Engine::Postgres).await;
    let Place::Postgres(options) = &ground.place else {
        unreachable!();
    };
    let zombie = postgres::Database::open(options).unwrap();
    store.enlist(AUDIT, P0).await.unwrap();
    store.advance(to(0, 2), &[step(0), step(1)], None).await.unwrap();
    let digest = store.digest().await.unwrap();
    zombie.advance_from_anywhere_for_test(to(0, 1), &[step(0)]).await;
    assert_ne!(store.digest().await.unwrap(), digest);
    assert_eq!(store.position(AUDIT, P0).await.unwrap(), Offset(1));
}

#[tokio::test]
async fn a_projection_has_one_log() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (_ground, store) = store(engine).await;
        let [first, second] = [LogId(Uuid::now_v7()), LogId(Uuid::now_v7())];
        assert_eq!(store.adopt(first).await.unwrap(), first);
        assert_eq!(store.adopt(second).await.unwrap(), first);
    }
}

#[tokio::test]
async fn one_projector_holds_the_lease_until_it_lets_go_or_falls_silent() {
    let (_ground, store) = store(Engine::Postgres).await;
    let [first, second] = [Uuid::now_v7(), Uuid::now_v7()];
    assert!(store.hold(first).await.unwrap());
    assert!(store.hold(first).await.unwrap());
    assert!(!store.hold(second).await.unwrap());
    store.release(first).await.unwrap();
    assert!(store.hold(second).await.unwrap());
    store.release(first).await.unwrap();
    assert!(!store.hold(first).await.unwrap(), "it lets go of its own only");
    let silent = std::time::Instant::now();
    while !store.hold(first).await.unwrap() {
        assert!(silent.elapsed() < postgres::LEASE * 3);
        tokio::task::yield_now().await;
    }
    assert!(silent.elapsed() > postgres::LEASE / 2);
}

/// A projector that is stopped within a transaction has locked its partition's offset. Its transaction is ended for it.
#[tokio::test]
async fn a_projector_that_is_stopped_in_a_transaction_does_not_keep_the_next_one_waiting() {
    let (ground, store) = store(Engine::Postgres).await;
    let Place::Postgres(options) = &ground.place else {
        unreachable!();
    };
    store.enlist(AUDIT, P0).await.unwrap();
    let stopped = postgres::Database::open(options).unwrap();
    let mut transaction = stopped.begin_for_test().await;
    sqlx::query("UPDATE offsets SET next = 7")
        .execute(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(
        store.advance(to(0, 1), &[step(0)], None).await.unwrap(),
        Advance::Done
    );
    assert!(transaction.commit().await.is_err());
    assert_eq!(store.position(AUDIT, P0).await.unwrap(), Offset(1));

    // Without that, it would wait.
    let mut unlimited = connect(options).await;
    sqlx::raw_sql("BEGIN; UPDATE offsets SET next = 7")
        .execute(&mut unlimited)
        .await
        .unwrap();
    let error = store.advance(to(1, 2), &[step(1)], None).await.unwrap_err();
    assert!(error.may_pass(), "{error:?}");
}

/// A day that is to be dropped is locked against all who read, and they wait behind whoever waits for that lock.
#[tokio::test]
async fn a_day_that_is_read_is_dropped_later_and_keeps_nobody_waiting() {
    let mut ground = Ground::new(Engine::Postgres);
    let Place::Postgres(options) = &mut ground.place else {
        unreachable!();
    };
    options.keep_days = std::num::NonZeroU32::new(1);
    let options = options.clone();
    let store = Store::open(options.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let mut other = connect(&options).await;
    for sql in [
        "CREATE TABLE calls_19700101 PARTITION OF calls FOR VALUES FROM (0) TO (86400000)",
        "BEGIN; SELECT FROM calls",
    ] {
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    }
    let limit = std::num::NonZeroU32::MIN;
    store.calls(&CallQuery::all(limit)).await.unwrap();
    let keeping = tokio::spawn({
        let store = store.clone();
        async move { store.keep_house().await }
    });
    let mut longest = std::time::Duration::ZERO;
    while !keeping.is_finished() {
        let asked = std::time::Instant::now();
        store.calls(&CallQuery::all(limit)).await.unwrap();
        longest = longest.max(asked.elapsed());
    }
    let error = keeping.await.unwrap().unwrap_err();
    assert!(error.may_pass(), "{error:?}");
    assert!(longest < std::time::Duration::from_secs(2), "{longest:?}");

    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    store.keep_house().await.unwrap();
    let left: bool = sqlx::query_scalar("SELECT to_regclass('calls_19700101') IS NOT NULL")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert!(!left);
}

/// Another one waits for the lock under which tables are made.
#[tokio::test]
async fn a_projector_that_is_stopped_in_mid_migration_keeps_nobody_waiting() {
    let (ground, store) = store(Engine::Postgres).await;
    let Place::Postgres(options) = &ground.place else {
        unreachable!();
    };
    let mut stopped = postgres::Database::open(options)
        .unwrap()
        .migrating_for_test()
        .await;
    let lock = format!(
        "SELECT pg_advisory_lock(hashtextextended('onedoor migrations {}', 0))",
        options.schema
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut stopped)
        .await
        .unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(30), store.migrate())
        .await
        .unwrap()
        .unwrap();
}

/// A name that a caller sends could not be written there, and would stop everything.
#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let ground = Ground::new(Engine::Postgres);
    let Place::Postgres(options) = &ground.place else {
        unreachable!();
    };
    let mut admin = connect(options).await;
    let name = format!("latin{}", Uuid::new_v4().simple());
    let mut run = async |sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut admin)
            .await
            .unwrap();
    };
    run(format!(
        "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ))
    .await;
    let mut latin = options.clone();
    latin.url.set_path(&name);
    let store = Store::open(latin).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    store.close().await;
    run(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    assert!(
        matches!(&error, StoreError::Encoding { found } if found == "LATIN1"),
        "{error:?}"
    );
    assert!(!error.may_pass());
}
