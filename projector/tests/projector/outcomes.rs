//! How calls end, and boots.

use onedoor_log::Stream;
use onedoor_model::{
    audit::{BootEnd, NotDispatchedReason, Outcome},
    ids::{BootId, CallId, ServerId},
};
use onedoor_projector::CallOutcome;
use uuid::Uuid;

use crate::{
    scene::{Scene, all},
    support::{Engine, P0, Writer, called},
};

on_both! {
    the_first_outcome_counts_and_an_early_one_too,
    a_closed_boot_leaves_no_call_open,
}

async fn the_first_outcome_counts_and_an_early_one_too(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let writer = &mut scene.writer;
    let server = ServerId(Uuid::now_v7());
    let twice = writer.call(server, "finance", "pay", "ada").await;
    let first = writer.complete(twice, Outcome::Succeeded).await;
    writer.complete(twice, Outcome::TimedOut).await;
    writer.again(Stream::Audit, first).await;
    let early = CallId(Uuid::now_v7());
    writer
        .complete(
            early,
            Outcome::NotDispatched(NotDispatchedReason::AuditUnavailable),
        )
        .await;
    writer.complete(early, Outcome::Succeeded).await;
    assert_eq!(
        scene.found(all()).await,
        [twice],
        "an outcome without its call is none"
    );
    scene
        .writer
        .audit(called(early, server, "finance", "pay", "ada"))
        .await;
    scene.writer.complete(early, Outcome::TimedOut).await;
    let rows = scene.calls(all()).await;
    let ended: Vec<_> = rows
        .iter()
        .map(|row| (row.call, row.outcome, row.cause.as_deref()))
        .collect();
    assert_eq!(
        ended,
        [
            (early, CallOutcome::NotDispatched, Some("audit_unavailable")),
            (twice, CallOutcome::Succeeded, None)
        ]
    );
}

async fn a_closed_boot_leaves_no_call_open(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let server = ServerId(Uuid::now_v7());
    let mut dead = Writer::new(&scene.log, "replica-2");
    scene.writer.open().await;
    dead.open().await;
    let done = dead.call(server, "finance", "pay", "ada").await;
    dead.complete(done, Outcome::Succeeded).await;
    let lost = dead.call(server, "finance", "pay", "ada").await;
    let living = scene.writer.call(server, "finance", "pay", "ada").await;
    let me = scene.writer.boot;

    let open = scene.store().await.open_boots(me).await.unwrap();
    let [boot] = &open[..] else { panic!("{open:?}") };
    assert_eq!(
        (boot.boot, boot.source.as_str(), boot.partition),
        (dead.boot, "replica-2", P0)
    );
    assert_eq!(boot.last_seq, 3);
    assert_eq!(
        scene
            .store()
            .await
            .open_boots(BootId(Uuid::now_v7()))
            .await
            .unwrap()
            .len(),
        2
    );

    scene.writer.close(dead.boot, BootEnd::Died).await;
    assert_eq!(scene.store().await.open_boots(me).await.unwrap(), []);
    assert_eq!(scene.outcome(done).await, CallOutcome::Succeeded);
    assert_eq!(scene.outcome(lost).await, CallOutcome::Unknown);
    assert_eq!(scene.outcome(living).await, CallOutcome::Open);

    // It was slow, not dead: what it writes is no longer closed by what came before.
    let late = dead.call(server, "finance", "pay", "ada").await;
    dead.complete(lost, Outcome::Succeeded).await;
    assert_eq!(scene.store().await.open_boots(me).await.unwrap().len(), 1);
    assert_eq!(
        scene.outcome(lost).await,
        CallOutcome::Unknown,
        "the first outcome counts"
    );
    assert_eq!(scene.outcome(late).await, CallOutcome::Open);
    scene.writer.close(dead.boot, BootEnd::Died).await;
    assert_eq!(scene.outcome(late).await, CallOutcome::Unknown);
}
