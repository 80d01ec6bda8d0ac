//! Writes in time and late, over real sockets.

use bytes::Bytes;
use onedoor_connect::{AddressPolicy, Connector, Destination, Roots};
use onedoor_model::{
    decide::{DenialReason, Operation, Permit, Request as Asked},
    registry::{Command, Stage},
};
use onedoor_registry::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::upstream::scene::{Scene, ana};

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A server on this machine, and a connection to it.
async fn connected() -> (TcpStream, Line) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let destination = Arc::new(Destination::of(&url.parse().unwrap()).unwrap());
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let loopback = ["127.0.0.0/8".parse().unwrap()];
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let line = connector.connect(&destination, AddressPolicy::allowing(&loopback), deadline);
    let (line, accepted) = tokio::join!(line, listener.accept());
    (accepted.unwrap().0, line.unwrap())
}

fn may_write(registry: &Registry, for_the_next: Duration) -> MayWrite {
    let checked = now();
    MayWrite {
        footing: registry.footing(),
        span: Span {
            checked,
            until: checked.plus(for_the_next),
        },
    }
}

fn request() -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::from(Bytes::from_static(b"{}")));
    *request.method_mut() = http::Method::POST;
    request
}

fn never_late() -> OnLate {
    Box::new(|pause| panic!("late by {pause:?}"))
}

/// How late it is told to be.
fn told() -> (OnLate, std::sync::mpsc::Receiver<Duration>) {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    (Box::new(move |pause| tell.send(pause).unwrap()), told)
}

async fn read_some(server: &mut TcpStream) -> usize {
    server.read(&mut [0; 1024]).await.unwrap_or(0)
}

#[tokio::test]
async fn a_write_in_time_is_answered_however_long_the_answer_takes() {
    let scene = Scene::new().await;
    let (mut server, line) = connected().await;
    let lease = Duration::from_millis(200);
    let answer = may_write(&scene.registry, lease).send(line, request(), never_late());
    let serve = async {
        assert!(read_some(&mut server).await > 0);
        sleep(2 * lease).await;
        server.write_all(OK).await.unwrap();
    };
    let (answer, ()) = tokio::join!(answer, serve);
    assert_eq!(answer.unwrap().status(), 200);
}

/// The process stands still between the check and the write.
#[tokio::test(flavor = "current_thread")]
async fn a_pause_before_the_write_is_found_and_the_request_reset() {
    let scene = Scene::new().await;
    for answers in [true, false] {
        let (mut server, line) = connected().await;
        let may_write = may_write(&scene.registry, Duration::from_millis(50));
        let until = may_write.span.until;
        let (late, told) = told();
        let answer = may_write.send(line, request(), late);
        while now() < until {
            std::hint::spin_loop();
        }
        let serve = async {
            let read = read_some(&mut server).await;
            if answers {
                let _ = server.write_all(OK).await;
            }
            // What follows is the end of the connection.
            (read, read_some(&mut server).await)
        };
        let answered = async {
            let answered = answer.await;
            assert!(
                matches!(answered, Err(Unanswered::Late)),
                "as if it had been written in time"
            );
        };
        let ((), (read, after)) = tokio::join!(answered, serve);
        assert!(read == 0 || after == 0, "the connection is closed");
        // What was not written at all was not late.
        let pause = told.try_recv().ok();
        assert_eq!(pause.is_some(), read > 0, "{pause:?}");
        assert!(
            pause.is_none_or(|pause| pause >= Duration::from_millis(50)),
            "{pause:?}"
        );
    }
}

/// What is cut in the middle of its write cannot be called back; that it was late is found all the same.
#[tokio::test]
async fn a_late_write_is_told_though_nobody_waits_for_its_answer() {
    let scene = Scene::new().await;
    let (late, told) = told();
    let lease = Duration::from_millis(20);
    let span = may_write(&scene.registry, lease).span;
    let written = Written {
        span,
        till_then: Mutex::new(Some(TillThen {
            _footing: scene.registry.footing(),
            late,
        })),
        at: AtomicU64::new(0),
    };
    let before = scene.registry.enforced();
    scene
        .registry
        .publish(scene.registry.state(), &scene.registry.state());
    assert_eq!(scene.registry.enforced(), before, "it is being written");
    sleep(2 * lease).await;
    written.written();
    assert!(told.try_recv().unwrap() >= lease);
    assert!(scene.registry.enforced() > before);
    // Over HTTP/2 another stream's bytes may follow.
    written.written();
    assert!(told.try_recv().is_err(), "told once");
}

#[tokio::test(flavor = "current_thread")]
async fn a_command_counts_as_enforced_only_once_the_request_is_written() {
    let scene = Scene::new().await;
    let (mut server, line) = connected().await;
    let before = scene.registry.enforced();
    let answer = may_write(&scene.registry, Duration::from_secs(10)).send(line, request(), never_late());
    scene
        .registry
        .publish(scene.registry.state(), &scene.registry.state());
    assert_eq!(scene.registry.enforced(), before, "handed over, and not written");
    let serve = async {
        read_some(&mut server).await;
        assert!(scene.registry.enforced() > before);
        server.write_all(OK).await.unwrap();
    };
    let (answer, ()) = tokio::join!(answer, serve);
    answer.unwrap();
}

/// Leave to call a tool.
fn permitted(scene: &Scene) -> Permit {
    let request = Asked {
        server: "finance".parse().unwrap(),
        stage: Stage::Production,
        operation: Operation::CallTool("read".parse().unwrap()),
    };
    decide(&scene.registry.snapshot(), &ana(), &request).unwrap()
}

fn refused(scene: &Scene, permit: &Permit) -> Option<Reason> {
    MayWrite::check(&scene.control, permit.entitlement()).err()
}

#[tokio::test]
async fn without_a_lease_nothing_may_be_written() {
    let scene = Scene::new().await;
    scene.serve("finance", 1).await;
    let permit = permitted(&scene);
    let checked = || MayWrite::check(&scene.control, permit.entitlement()).unwrap();
    assert!(checked().is_some());
    scene.stall(true);
    while scene.control.lease().may_serve() {
        tokio::task::yield_now().await;
    }
    assert!(checked().is_none());
}

#[tokio::test]
async fn nothing_is_written_but_what_would_be_permitted_now() {
    let scene = Scene::new().await;
    scene.serve("finance", 1).await;
    let permit = permitted(&scene);
    scene.disable("finance").await;
    let denied = Reason::Denied(DenialReason::ServerDisabled);
    assert_eq!(refused(&scene, &permit), Some(denied));
}

#[tokio::test]
async fn nothing_is_written_to_a_version_that_does_not_serve_any_more() {
    let scene = Scene::new().await;
    scene.serve("finance", 1).await;
    let permit = permitted(&scene);
    scene.update("finance", 2).await;
    scene.approve("finance").await;
    assert_eq!(refused(&scene, &permit), None, "it is not promoted");
    scene.promote("finance").await;
    assert_eq!(refused(&scene, &permit), Some(Reason::RegistryChanged));
}

#[tokio::test]
async fn nothing_is_written_to_a_retired_server_whose_name_is_anothers() {
    let scene = Scene::new().await;
    scene.serve("finance", 1).await;
    let permit = permitted(&scene);
    scene.retire("finance").await;
    scene.serve("finance", 2).await;
    let now = permitted(&scene);
    assert_eq!(
        now.entitlement().version().number,
        permit.entitlement().version().number
    );
    assert_eq!(refused(&scene, &permit), Some(Reason::RegistryChanged));
}

#[tokio::test]
async fn nothing_is_written_by_grants_that_the_record_does_not_name() {
    let scene = Scene::new().await;
    scene.serve("finance", 1).await;
    let permit = permitted(&scene);
    scene.grant("finance").await;
    assert_eq!(
        refused(&scene, &permit),
        None,
        "what the record names still allows it"
    );
    for id in permit.entitlement().grants() {
        scene.give(0, Command::RemoveGrant { id: *id }).await;
    }
    assert_eq!(refused(&scene, &permit), Some(Reason::RegistryChanged));
}
