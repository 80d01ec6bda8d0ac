//! What a call's watch does about the registry and the lease.

use onedoor_model::{
    decide::{Operation, Permit},
    registry::Stage,
};

use crate::upstream::scene::{Scene, ana};

use super::*;

/// Longer than anything here takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

fn watch(scene: &Scene, allowed: Option<Entitlement<'_>>) -> Watch {
    let deadline = Instant::now() + Duration::from_secs(600);
    let draining = CancellationToken::new();
    Watch::new(
        &scene.control,
        &ana(),
        allowed,
        deadline,
        Timestamp::now(),
        &draining,
    )
}

/// Fails rather than hangs.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("took too long")
}

#[tokio::test]
async fn without_a_lease_nothing_is_passed_on_until_it_is_back() {
    let scene = Scene::new().await;
    let mut watch = watch(&scene, None);
    watch.leave().await.unwrap();
    scene.stall(true);
    while scene.control.lease().may_serve() {
        tokio::task::yield_now().await;
    }
    let paused = tokio::time::timeout(Duration::from_millis(300), watch.leave()).await;
    assert!(paused.is_err(), "it is passed on without a lease");
    scene.stall(false);
    in_time(watch.leave()).await.unwrap();
    assert!(scene.control.lease().may_serve());
}

#[tokio::test]
async fn a_call_is_cut_when_the_lease_does_not_come_back() {
    let scene = Scene::new().await;
    let mut watch = watch(&scene, None);
    scene.stall(true);
    let since = Instant::now();
    assert_eq!(in_time(watch.cut()).await, Cut::Stale);
    assert!(since.elapsed() >= STREAM_PATIENCE, "{:?}", since.elapsed());
    assert_eq!(in_time(watch.leave()).await, Err(Cut::Stale));
}

#[tokio::test]
async fn what_was_decided_anew_no_longer_holds_up_what_came_later() {
    let scene = Scene::new().await;
    let mut watch = watch(&scene, None);
    let before = scene.registry.enforced();
    scene.register("finance", 1).await;
    assert_eq!(
        scene.registry.enforced(),
        before,
        "the watch stands on the snapshot of before"
    );
    tokio::select! {
        cut = watch.cut() => panic!("{cut:?}"),
        () = async {
            while scene.registry.enforced() == before {
                tokio::task::yield_now().await;
            }
        } => {}
    }
}

/// Leave to list the tools of a server.
async fn permitted(scene: &Scene) -> Permit {
    scene.serve("finance", 1).await;
    let request = Request {
        server: "finance".parse().unwrap(),
        stage: Stage::Production,
        operation: Operation::ListTools,
    };
    decide(&scene.registry.snapshot(), &ana(), &request).unwrap()
}

#[tokio::test]
async fn what_is_cut_counts_as_enforced_when_it_is_gone() {
    let scene = Scene::new().await;
    let permit = permitted(&scene).await;
    let mut watch = watch(&scene, Some(permit.entitlement()));
    let before = scene.registry.enforced();
    scene.disable("finance").await;
    let revoked = Cut::Revoked(DenialReason::ServerDisabled);
    assert_eq!(in_time(watch.cut()).await, revoked);
    assert_eq!(scene.registry.enforced(), before, "its stream may still be open");
    drop(watch);
    assert!(scene.registry.enforced() > before);
}

#[tokio::test]
async fn another_server_of_the_same_name_is_not_the_one_that_was_permitted() {
    let scene = Scene::new().await;
    let permit = permitted(&scene).await;
    let mut watch = watch(&scene, Some(permit.entitlement()));
    scene.retire("finance").await;
    scene.serve("finance", 1).await;
    let revoked = Cut::Revoked(DenialReason::UnknownServer);
    assert_eq!(in_time(watch.cut()).await, revoked);
}

/// However long the call has been waiting by then: what it might wait for before it is made says nothing of its answer.
#[tokio::test]
async fn a_call_that_is_made_pauses_without_a_lease_before_it_is_cut() {
    let scene = Scene::new().await;
    let mut watch = watch(&scene, None).waiting_until(Instant::now());
    watch.is_made();
    scene.stall(true);
    let since = Instant::now();
    assert_eq!(in_time(watch.cut()).await, Cut::Stale);
    assert!(since.elapsed() >= STREAM_PATIENCE, "{:?}", since.elapsed());
}
