//! Who uses which connection, and who waits.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::{Barrier, mpsc};
use tokio_rustls::TlsAcceptor;

use super::{answer_all, exchange, ok, text};
use crate::{
    AddressPolicy, ConnectError, Instant, PoolLimits, RequestBody, Stage,
    tests::{
        server::{
            LIMITS, OK, Server, acquire, closed, get, in_time, loopback, read_request, soon, until, write,
        },
        upstream::{Authority, Upstream, answer_ok, secure_pool},
    },
};

#[tokio::test]
async fn requests_at_the_same_time_share_one_connection() {
    const AT_ONCE: usize = 50;
    let all = Arc::new(Barrier::new(AT_ONCE));
    let server = Upstream::http2(1_000, move |_, _, respond| {
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
            answer_ok(respond);
        }
    })
    .await;
    let pool = server.pool();
    join_all((0..AT_ONCE).map(|_| exchange(&pool))).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_head_is_one_of_http_2() {
    let (seen, mut requests) = mpsc::channel(1);
    let server = Upstream::http2(10, move |_, request, respond| {
        let seen = seen.clone();
        async move {
            answer_ok(respond);
            let (head, mut body) = request.into_parts();
            let mut bytes = Vec::new();
            while let Some(data) = body.data().await {
                bytes.extend_from_slice(&data.unwrap());
            }
            seen.send((head, bytes)).await.unwrap();
        }
    })
    .await;
    let request = Request::post("https://elsewhere.example/mcp?a=b")
        .header("host", "elsewhere.example")
        .header("connection", "upgrade")
        .header("mcp-method", "tools/call")
        .header("content-length", "99")
        .body(RequestBody::whole(Bytes::from("{\"a\":1}")))
        .unwrap();
    let answer = in_time(acquire(&server.pool()).await.send(request))
        .await
        .unwrap();
    assert_eq!(
        (answer.status(), answer.version()),
        (StatusCode::OK, Version::HTTP_2)
    );
    let (head, body) = in_time(requests.recv()).await.unwrap();
    assert_eq!(
        head.uri.to_string(),
        format!("https://{}/mcp?a=b", server.address)
    );
    let mut headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    assert_eq!(headers, [("content-length", "7"), ("mcp-method", "tools/call")]);
    assert_eq!(body, b"{\"a\":1}");
}

/// One more on a connection than its server allows would wait in a queue, and all would wait for it.
#[tokio::test]
async fn another_connection_is_opened_when_those_there_have_no_stream_left() {
    let all = Arc::new(Barrier::new(5));
    let server = Upstream::http2(2, move |_, _, respond| {
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
            answer_ok(respond);
        }
    })
    .await;
    let pool = server.pool();
    for _ in 0..2 {
        join_all((0..5).map(|_| exchange(&pool))).await;
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn who_finds_no_room_waits_for_it() {
    let server = Upstream::http2(1, ok).await;
    let pool = server.pool_with(PoolLimits { open: 1, ..LIMITS });
    let first = acquire(&pool).await;
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    let error = pool
        .acquire(policy, Instant::now() + Duration::from_millis(30))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::TimedOut(Stage::Waiting)),
        "{error:?}"
    );
    let (second, ()) = tokio::join!(acquire(&pool), async {
        tokio::task::yield_now().await;
        drop(first);
    });
    let answer = in_time(second.send(get("/"))).await.unwrap();
    let third = acquire(&pool);
    let (third, body) = tokio::join!(third, text(answer));
    assert_eq!(body, "{}");
    in_time(third.send(get("/"))).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_has_ended_holds_no_stream() {
    let server = Upstream::http2(1, |_, request, mut respond| async move {
        match request.uri().path() {
            "/empty" => drop(respond.send_response(Response::new(()), true)),
            _ => answer_ok(respond),
        }
    })
    .await;
    let pool = server.pool_with(PoolLimits { open: 1, ..LIMITS });
    let empty = in_time(acquire(&pool).await.send(get("/empty"))).await.unwrap();
    assert!(empty.body().is_end_stream());
    let mut short = in_time(acquire(&pool).await.send(get("/")))
        .await
        .unwrap()
        .into_body();
    assert!(!short.is_end_stream());
    in_time(short.frame()).await.unwrap().unwrap();
    assert!(short.is_end_stream());
    exchange(&pool).await;
    drop((empty, short));
}

#[tokio::test]
async fn a_connection_is_not_used_before_the_server_has_said_what_it_allows() {
    let server = Upstream::speaking(&["h2"], |_, mut stream| async move { closed(&mut stream).await }).await;
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    let deadline = Instant::now() + Duration::from_millis(500);
    let error = server.pool().acquire(policy, deadline).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::TimedOut(Stage::Handshake)),
        "{error:?}"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_that_prefers_http_1_is_spoken_to_in_it() {
    for alpn in [&["http/1.1", "h2"][..], &["http/1.1"], &[]] {
        let server = Upstream::speaking(alpn, |_, mut stream| async move {
            while read_request(&mut stream).await.is_some() {
                write(&mut stream, OK).await;
            }
        })
        .await;
        let pool = server.pool();
        join_all((0..3).map(|_| exchange(&pool))).await;
        exchange(&pool).await;
        assert_eq!(server.connections(), 3, "{alpn:?}");
    }
}

#[tokio::test]
async fn a_connection_is_judged_anew_for_every_request() {
    let server = Upstream::http2(10, ok).await;
    let pool = server.pool();
    exchange(&pool).await;
    let error = in_time(pool.acquire(AddressPolicy::PUBLIC, soon()))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Forbidden(_)), "{error:?}");
}

/// A reader that does not read holds up nobody else.
#[tokio::test]
async fn a_slow_reader_holds_up_no_other_answer() {
    let server = Upstream::http2(100, |_, request, mut respond| async move {
        if request.uri().path() != "/large" {
            return answer_ok(respond);
        }
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        let _ = stream.send_data(Bytes::from(vec![0; 4 << 20]), true);
        let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
    })
    .await;
    let pool = server.pool();
    let mut unread = Vec::new();
    for _ in 0..60 {
        unread.push(in_time(acquire(&pool).await.send(get("/large"))).await.unwrap());
    }
    exchange(&pool).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_and_so_is_a_forgotten_pools() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let server = Upstream::speaking(&["h2"], move |_, stream| {
        let count = Arc::clone(&count);
        async move {
            answer_all(stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let short = server.pool_with(PoolLimits {
        idle_for: Duration::from_millis(30),
        ..LIMITS
    });
    exchange(&short).await;
    until(|| gone.load(Ordering::SeqCst) == 1).await;
    let long = server.pool();
    exchange(&long).await;
    drop(long);
    until(|| gone.load(Ordering::SeqCst) == 2).await;
}

/// No word that there is room again gets lost, whoever gives it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_more_requests_than_there_is_room_for_all_get_their_turn() {
    let shared = Upstream::http2(3, ok).await;
    let plain = Server::answering(OK).await;
    for open in [1, 2] {
        let limits = PoolLimits { open, ..LIMITS };
        for pool in [shared.pool_with(limits), plain.pool_with(limits)] {
            let pool = &pool;
            join_all((0..200).map(|number| async move {
                if number % 3 == 0 {
                    drop(acquire(pool).await);
                }
                exchange(pool).await;
            }))
            .await;
        }
    }
    assert_eq!(shared.connections(), 3);
}

/// One opens a connection for all who wait; when it gives up, it is the next one's turn.
#[tokio::test]
async fn who_gives_up_opening_leaves_it_to_the_next() {
    let authority = Authority::new();
    let tls = TlsAcceptor::from(Arc::new(authority.server_config(&["127.0.0.1"], &["h2"])));
    let server = Server::start(move |number, mut stream| {
        let tls = tls.clone();
        async move {
            match number {
                0 => closed(&mut stream).await,
                _ => answer_all(tls.accept(stream).await.unwrap()).await,
            }
        }
    })
    .await;
    let pool = secure_pool(&authority, server.address, LIMITS);
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    let impatient = pool.acquire(policy, Instant::now() + Duration::from_millis(100));
    let (impatient, (), ()) = tokio::join!(impatient, exchange(&pool), exchange(&pool));
    let error = impatient.unwrap_err();
    assert!(
        matches!(error, ConnectError::TimedOut(Stage::Handshake)),
        "{error:?}"
    );
    assert_eq!(server.connections(), 2);
}
