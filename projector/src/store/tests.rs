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

/// A projector that was thought dead comes back with what it held: two stores, as two processes have them.
///
/// Negative control: see `a_zombie_writes_nothing`.
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
