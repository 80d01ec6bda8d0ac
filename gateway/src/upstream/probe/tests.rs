use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use axum::{Router, extract::State as AxumState, http::HeaderMap, routing::get};
use onedoor_connect::{Connector, Roots};
use onedoor_secrets::Secrets;
use tokio::net::TcpListener;

use crate::upstream::{Health, scene::Scene};

use super::*;

/// A server whose health is what the test says.
#[derive(Default)]
struct Patient {
    status: AtomicU16,
    asked: AtomicU64,
    saw_token: AtomicU64,
}

async fn healthz(AxumState(patient): AxumState<Arc<Patient>>, headers: HeaderMap) -> StatusCode {
    patient.asked.fetch_add(1, Ordering::Relaxed);
    let tokens = headers.get_all(http::header::AUTHORIZATION).iter().count() as u64;
    patient.saw_token.fetch_add(tokens, Ordering::Relaxed);
    StatusCode::from_u16(patient.status.load(Ordering::Relaxed)).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn health_is_what_the_server_answers_for_as_long_as_it_is_served() {
    let patient = Arc::new(Patient::default());
    patient.status.store(200, Ordering::Relaxed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new()
        .route("/healthz", get(healthz))
        .with_state(Arc::clone(&patient));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let scene = Scene::new().await;
    scene.register("finance", port).await;
    let server = scene.server("finance");
    let key = (server.id, server.latest().unwrap().number);
    let upstreams = Arc::new(Upstreams::default());
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let prober = Prober {
        registry: Arc::clone(&scene.registry),
        pools: Arc::new(Pools::new(connector, Secrets::default())),
        upstreams: Arc::clone(&upstreams),
        metrics: Arc::new(Metrics::new()),
        every: Duration::from_millis(10),
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(prober.run(stop.clone()));
    let health = || upstreams.health(key.0, key.1);

    sleep(Duration::from_millis(50)).await;
    assert_eq!(
        patient.asked.load(Ordering::Relaxed),
        0,
        "not approved: not asked"
    );
    scene.approve("finance").await;
    until("up", || matches!(health(), Health::Up { .. })).await;
    patient.status.store(503, Ordering::Relaxed);
    until("down", || health().is_down()).await;
    let Health::Down { since } = health() else {
        panic!("{:?}", health());
    };
    let asked = patient.asked.load(Ordering::Relaxed);
    until("asked again", || {
        patient.asked.load(Ordering::Relaxed) > asked + 2
    })
    .await;
    assert_eq!(health(), Health::Down { since }, "since its first failed probe");
    patient.status.store(204, Ordering::Relaxed);
    until("up again", || matches!(health(), Health::Up { .. })).await;
    assert_eq!(patient.saw_token.load(Ordering::Relaxed), 0);

    scene.disable("finance").await;
    until("forgotten", || upstreams.status(key).is_none()).await;
    let asked = patient.asked.load(Ordering::Relaxed);
    sleep(Duration::from_millis(50)).await;
    assert!(
        patient.asked.load(Ordering::Relaxed) <= asked + 1,
        "no longer asked"
    );
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let scene = Scene::new().await;
    scene.register("finance", port).await;
    scene.approve("finance").await;
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let pools = Pools::new(connector, Secrets::default());
    let target = targets(&scene.registry.state()).into_values().next().unwrap();
    let probed = target.probe(&scene.registry, &pools).await;
    assert!(
        matches!(probed, Err(ProbeFault::Connect(ConnectError::Tcp(_)))),
        "{probed:?}"
    );
    assert_eq!(conclusion(&probed), Some(false));
}

#[test]
fn our_own_lack_of_connections_is_not_held_against_a_server() {
    let waiting = Err(ProbeFault::Connect(ConnectError::TimedOut(Stage::Waiting)));
    assert_eq!(conclusion(&waiting), None);
    let connecting = Err(ProbeFault::Connect(ConnectError::TimedOut(Stage::Connecting)));
    assert_eq!(conclusion(&connecting), Some(false));
    assert_eq!(
        conclusion(&Err(ProbeFault::Status(StatusCode::FOUND))),
        Some(false)
    );
    assert_eq!(conclusion(&Ok(())), Some(true));
}
