//! What a call's watch does about the registry and the lease.

use onedoor_model::decide::Operation;
use onedoor_model::registry::Stage;

use crate::upstream::scene::Scene;

use super::*;

/// Longer than anything here takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(20);

fn principal() -> Arc<Principal> {
    Arc::new(Principal {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: None,
        display_name: None,
        client: "app".parse().unwrap(),
        groups: [].into(),
        roles: [].into(),
        scopes: [].into(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::now(),
        expires_at: Timestamp::now() + Duration::from_secs(3_600),
    })
}

fn watch(scene: &Scene, request: Option<&Request>) -> Watch {
    let deadline = Instant::now() + Duration::from_secs(600);
    let draining = CancellationToken::new();
    Watch::new(
        &scene.control,
        &principal(),
        request,
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

#[tokio::test]
async fn what_is_cut_counts_as_enforced_when_it_is_gone() {
    let scene = Scene::new().await;
    let request = Request {
        server: "finance".parse().unwrap(),
        stage: Stage::Production,
        operation: Operation::ListTools,
    };
    let mut watch = watch(&scene, Some(&request));
    let before = scene.registry.enforced();
    scene.register("finance", 1).await;
    assert!(matches!(in_time(watch.cut()).await, Cut::Revoked(_)));
    assert_eq!(scene.registry.enforced(), before, "its stream may still be open");
    drop(watch);
    assert!(scene.registry.enforced() > before);
}
