//! What servers say of requests that they have not answered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};

use super::{answer_all, endless, exchange, text};
use crate::{
    AddressPolicy, PoolLimits, RequestBody, SendError, Witness,
    tests::{
        server::{LIMITS, Told, acquire, closed, get, in_time, loopback, soon},
        upstream::{Stream, Upstream, answer_ok},
    },
};

const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A frame on the connection itself (RFC 9113 §4.1).
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Reads frames up to the first that opens a stream; whether there was one.
async fn read_to_headers(stream: &mut Stream) -> bool {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).await.is_err() {
        return false;
    }
    loop {
        let mut head = [0; FRAME_HEAD];
        if stream.read_exact(&mut head).await.is_err() {
            return false;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            return true;
        }
    }
}

fn post(body: RequestBody) -> Request<RequestBody> {
    Request::post("/").body(body).unwrap()
}

/// What the server says it has not acted on comes back, and may be sent once more; anything else must not be.
#[tokio::test]
async fn only_what_the_server_has_not_acted_on_comes_back() {
    let whole = || post(RequestBody::whole(Bytes::from("once")));
    for (reason, request, comes_back) in [
        (Reason::REFUSED_STREAM, whole(), true),
        (Reason::REFUSED_STREAM, get("/"), true),
        (Reason::REFUSED_STREAM, post(endless()), false),
        (Reason::CANCEL, whole(), false),
        (Reason::INTERNAL_ERROR, whole(), false),
        (Reason::NO_ERROR, whole(), false),
    ] {
        let server = Upstream::http2(
            10,
            move |_, _, mut respond| async move { respond.send_reset(reason) },
        )
        .await;
        let pool = server.pool();
        let error = in_time(acquire(&pool).await.send(request)).await.unwrap_err();
        match error {
            SendError::NotSent { request, .. } => {
                assert!(comes_back, "{reason:?}");
                let (head, body) = request.into_parts();
                let expected = if head.method == "POST" { "once" } else { "" };
                assert_eq!(body.collect().await.unwrap().to_bytes(), expected);
            }
            SendError::MaybeSent { .. } => assert!(!comes_back, "{reason:?}"),
        }
    }
}

#[tokio::test]
async fn a_refused_stream_leaves_its_connection_in_use() {
    let server = Upstream::http2(10, |_, request, mut respond| async move {
        if request.uri().path() == "/refused" {
            respond.send_reset(Reason::REFUSED_STREAM);
        } else {
            answer_ok(respond);
        }
    })
    .await;
    let pool = server.pool();
    let error = in_time(acquire(&pool).await.send(get("/refused")))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::NotSent { .. }), "{error:?}");
    exchange(&pool).await;
    assert_eq!(server.connections(), 1);
    let networks = loopback();
    let fresh = pool.acquire_fresh(AddressPolicy::allowing(&networks), soon());
    drop(in_time(fresh).await.unwrap());
    assert_eq!(server.connections(), 2);
}

/// A server that goes away names the last stream it looked at: what came after it comes back, from before it does not.
#[tokio::test]
async fn a_server_that_goes_away_says_what_it_has_not_acted_on() {
    for (last_stream, comes_back) in [(0_u32, true), (1, false)] {
        let server = Upstream::speaking(&["h2"], move |number, mut stream| async move {
            if number > 0 {
                return answer_all(stream).await;
            }
            stream.write_all(&frame(SETTINGS, &[])).await.unwrap();
            stream.flush().await.unwrap();
            assert!(read_to_headers(&mut stream).await);
            let [a, b, c, d] = last_stream.to_be_bytes();
            stream
                .write_all(&frame(GOAWAY, &[a, b, c, d, 0, 0, 0, 0]))
                .await
                .unwrap();
            let _ = stream.shutdown().await;
        })
        .await;
        let pool = server.pool();
        let error = in_time(acquire(&pool).await.send(get("/x"))).await.unwrap_err();
        let SendError::NotSent { request, .. } = error else {
            assert!(!comes_back, "{error:?}");
            continue;
        };
        assert!(comes_back);
        let networks = loopback();
        let fresh = pool.acquire_fresh(AddressPolicy::allowing(&networks), soon());
        let answer = in_time(in_time(fresh).await.unwrap().send(*request))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_server_that_goes_away_finishes_what_it_has_begun() {
    let finish = Arc::new(Notify::new());
    let finished = Arc::clone(&finish);
    let server = Upstream::speaking(&["h2"], move |number, stream| {
        let finished = Arc::clone(&finished);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if number > 0 {
                    answer_ok(respond);
                    continue;
                }
                connection.graceful_shutdown();
                let finished = Arc::clone(&finished);
                tokio::spawn(async move {
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    finished.notified().await;
                    body.send_data(Bytes::from_static(b"{}"), true).unwrap();
                });
            }
        }
    })
    .await;
    let pool = server.pool();
    let late = acquire(&pool).await;
    let begun = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
    // The head may come before the word that the connection goes away.
    in_time(async {
        while server.connections() == 1 {
            drop(acquire(&pool).await);
            tokio::task::yield_now().await;
        }
    })
    .await;
    exchange(&pool).await;
    let told = Arc::new(Told::default());
    let handed_back = late.send_witnessed(get("/"), Arc::clone(&told) as Arc<dyn Witness>);
    let handed_back = in_time(handed_back).await.unwrap_err();
    assert!(
        matches!(handed_back, SendError::NotSent { .. }),
        "{handed_back:?}"
    );
    finish.notify_one();
    assert_eq!(text(begun).await, "{}");
    assert_eq!(server.connections(), 2);
    assert_eq!(
        Arc::strong_count(&told),
        1,
        "nobody waits to tell of what was handed back"
    );
    assert_eq!(told.times(), 0);
}

#[tokio::test]
async fn a_server_that_shows_no_sign_of_life_is_given_up() {
    let server = Upstream::speaking(&["h2"], |number, mut stream| async move {
        if number > 0 {
            return answer_all(stream).await;
        }
        stream.write_all(&frame(SETTINGS, &[])).await.unwrap();
        stream.flush().await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let pool = server.pool_with(PoolLimits {
        ping_every: Duration::from_millis(150),
        ..LIMITS
    });
    let error = in_time(acquire(&pool).await.send(get("/"))).await.unwrap_err();
    assert!(matches!(error, SendError::MaybeSent { .. }), "{error:?}");
    exchange(&pool).await;
    assert_eq!(server.connections(), 2);
}
