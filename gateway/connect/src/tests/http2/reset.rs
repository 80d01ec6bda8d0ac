//! Ends that one side makes early.

use std::future::poll_fn;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::{endless, exchange};
use crate::{
    PoolLimits, RequestBody,
    tests::{
        server::{LIMITS, acquire, get, in_time},
        upstream::{Upstream, answer_ok},
    },
};

/// Tells, for each request, how it was reset.
async fn resettable(answer: bool) -> (Upstream, mpsc::Receiver<Reason>) {
    let (tell, told) = mpsc::channel(1);
    let server = Upstream::http2(10, move |_, request, mut respond| {
        let tell = tell.clone();
        async move {
            if request.uri().path() != "/hang" {
                return answer_ok(respond);
            }
            // Held, not read: the server takes nothing of its body.
            let _body = request.into_body();
            if answer {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                let reason = poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
                tell.send(reason).await.unwrap();
            } else {
                let reason = poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
                tell.send(reason).await.unwrap();
            }
        }
    })
    .await;
    (server, told)
}

#[tokio::test]
async fn dropping_the_answer_to_come_resets_its_stream_only() {
    let (server, mut reset) = resettable(false).await;
    let pool = server.pool();
    for body in [
        RequestBody::default(),
        RequestBody::whole(Bytes::from(vec![0; 4 << 20])),
        endless(),
    ] {
        let hanging = Request::get("/hang").body(body).unwrap();
        let hanging = acquire(&pool).await.send(hanging);
        // It is not polled, so it is the call that has sent it.
        exchange(&pool).await;
        assert!(reset.try_recv().is_err());
        drop(hanging);
        assert_eq!(in_time(reset.recv()).await, Some(Reason::CANCEL));
        exchange(&pool).await;
    }
    assert_eq!(server.connections(), 1);
}

/// Also while the upload waits for a server that takes nothing more.
#[tokio::test]
async fn dropping_the_body_resets_its_stream_only() {
    let (server, mut reset) = resettable(true).await;
    let pool = server.pool();
    for body in [
        RequestBody::default(),
        RequestBody::whole(Bytes::from(vec![0; 4 << 20])),
        endless(),
    ] {
        let hanging = Request::get("/hang").body(body).unwrap();
        let answer = in_time(acquire(&pool).await.send(hanging)).await.unwrap();
        assert!(reset.try_recv().is_err());
        drop(answer);
        assert_eq!(in_time(reset.recv()).await, Some(Reason::CANCEL));
        exchange(&pool).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn every_end_of_a_request_gives_its_stream_back() {
    let (server, mut reset) = resettable(false).await;
    let pool = server.pool_with(PoolLimits { open: 1, ..LIMITS });
    for _ in 0..50 {
        drop(acquire(&pool).await);
        drop(acquire(&pool).await.send(get("/hang")));
        in_time(reset.recv()).await.unwrap();
        let answer = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
        drop(answer);
        exchange(&pool).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let server = Upstream::http2(10, |_, request, mut respond| async move {
        let length = request.uri().path().trim_start_matches('/').to_owned();
        let head = Response::builder()
            .header("content-length", length)
            .body(())
            .unwrap();
        let mut stream = respond.send_response(head, false).unwrap();
        stream
            .send_data(Bytes::from_static(b"{}"), request.method() == "GET")
            .unwrap();
        if request.method() == "DELETE" {
            stream.send_reset(Reason::NO_ERROR);
        }
    })
    .await;
    let pool = server.pool();
    for (method, length, whole) in [
        ("GET", "2", true),
        ("GET", "3", false),
        ("GET", "1", false),
        ("DELETE", "2", false),
    ] {
        let request = Request::builder().method(method).uri(format!("/{length}"));
        let request = request.body(RequestBody::default()).unwrap();
        let read = match in_time(acquire(&pool).await.send(request)).await {
            Ok(answer) => in_time(answer.into_body().collect()).await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(read, whole, "{method} {length}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_interim_answer_is_not_the_answer() {
    let server = Upstream::http2(10, |_, _, mut respond| async move {
        let early = Response::builder().status(StatusCode::EARLY_HINTS).body(());
        respond.send_informational(early.unwrap()).unwrap();
        answer_ok(respond);
    })
    .await;
    exchange(&server.pool()).await;
}
