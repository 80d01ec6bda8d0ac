//! One request, and what may become of it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::server::{OK, PATIENCE, Server, acquire, closed, drain, get, in_time, read_request, until, write};
use crate::{RequestBody, SendError};

#[tokio::test]
async fn the_lease_says_where_and_the_request_says_what() {
    let (seen, mut requests) = mpsc::channel(8);
    let server = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).await.unwrap();
            write(&mut stream, OK).await;
        }
    })
    .await;
    let request = Request::post("https://elsewhere.example:99/mcp?a=b")
        .header(header::HOST, "elsewhere.example")
        .header("mcp-method", "tools/call")
        .body(RequestBody::whole(Bytes::from_static(b"{\"a\":1}")))
        .unwrap();
    let answer = in_time(acquire(&server.pool()).await.send(request))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");
    let expected = format!(
        "POST /mcp?a=b HTTP/1.1\r\nhost: {}\r\nmcp-method: tools/call\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}",
        server.address
    );
    assert_eq!(in_time(requests.recv()).await.unwrap(), expected);
}

#[tokio::test]
async fn no_answer_means_that_the_request_may_have_been_read() {
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "220 mail.example ESMTP\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        many_headers.as_str(),
        long_head.as_str(),
    ] {
        let server = Server::answering_once(answer).await;
        let error = in_time(acquire(&server.pool()).await.send(get("/")))
            .await
            .unwrap_err();
        let shown = &answer[..answer.len().min(40)];
        assert!(
            matches!(error, SendError::MaybeSent { .. }),
            "{shown:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_head_within_the_limits_is_read() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: {}\r\n{}\r\n",
        "y".repeat(60_000),
        "x: y\r\n".repeat(126)
    );
    let server = Server::answering_once(long).await;
    let answer = in_time(acquire(&server.pool()).await.send(get("/")))
        .await
        .unwrap();
    assert_eq!(answer.headers().len(), 128);
}

#[tokio::test]
async fn a_reset_means_that_the_request_may_have_been_read() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let error = in_time(acquire(&server.pool()).await.send(get("/")))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::MaybeSent { .. }), "{error:?}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let elsewhere = Server::answering(OK).await;
    let redirect = format!(
        "HTTP/1.1 307 Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url("/")
    );
    let server = Server::answering(redirect).await;
    let answer = in_time(acquire(&server.pool()).await.send(get("/")))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_short_is_an_error_and_its_connection_is_not_kept() {
    for (answer, shown) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}",
            "content-length",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n{}",
            "within a chunk",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "between chunks",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
            "not a chunk",
        ),
    ] {
        let server = Server::answering_once(answer).await;
        let pool = server.pool();
        let answer = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
        assert!(in_time(answer.into_body().collect()).await.is_err(), "{shown}");
        drop(acquire(&pool).await);
        assert_eq!(server.connections(), 2, "{shown}");
    }
}

/// What follows a body may be meant as the answer to somebody else's request: it must be nobody's.
#[tokio::test]
async fn what_follows_a_body_is_no_answer_to_the_next_request() {
    let forged = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged");
    let server = Server::start(move |connection, mut stream| {
        let first = if connection == 0 {
            forged.clone()
        } else {
            OK.to_owned()
        };
        async move {
            read_request(&mut stream).await;
            write(&mut stream, &first).await;
            closed(&mut stream).await;
        }
    })
    .await;
    let pool = server.pool();
    for _ in 0..2 {
        let answer = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
        assert_eq!(
            in_time(answer.into_body().collect()).await.unwrap().to_bytes(),
            "{}"
        );
    }
    assert_eq!(server.connections(), 2);
}

/// A server that says a byte now and then keeps nobody: the caller's deadline drops the answer, and with it the
/// connection.
#[tokio::test]
async fn dropping_the_answer_to_come_closes_the_connection() {
    let (gone, peer_gone) = oneshot::channel();
    let gone = Arc::new(Mutex::new(Some(gone)));
    let server = Server::start(move |_, mut stream| {
        let gone = gone.lock().take().unwrap();
        async move {
            read_request(&mut stream).await;
            write(&mut stream, "HTTP/1.1 200 OK\r\nx-slow: ").await;
            closed(&mut stream).await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let pool = server.pool();
    let answer = acquire(&pool).await.send(get("/"));
    assert!(tokio::time::timeout(PATIENCE / 200, answer).await.is_err());
    in_time(peer_gone).await.unwrap();
}

/// What was not taken yet of a request that nobody waits for any more never arrives.
#[tokio::test]
async fn dropping_the_answer_to_come_ends_the_request_too() {
    const WHOLE: usize = 64 << 20;
    let (resume, resumed) = oneshot::channel();
    let (told, taken) = oneshot::channel();
    let ends = Arc::new(Mutex::new(Some((resumed, told))));
    let server = Server::start(move |_, mut stream| {
        let (resumed, told) = ends.lock().take().unwrap();
        async move {
            resumed.await.unwrap();
            told.send(drain(&mut stream).await).unwrap();
        }
    })
    .await;
    let pool = server.pool();
    let request = Request::post("/")
        .body(RequestBody::whole(Bytes::from(vec![b'x'; WHOLE])))
        .unwrap();
    let answer = acquire(&pool).await.send(request);
    assert!(tokio::time::timeout(PATIENCE / 200, answer).await.is_err());
    resume.send(()).unwrap();
    let taken = in_time(taken).await.unwrap();
    assert!((1..WHOLE).contains(&taken), "{taken}");
}

#[tokio::test]
async fn dropping_the_body_closes_the_connection() {
    let (gone, mut peers_gone) = mpsc::channel(8);
    let server = Server::start(move |connection, mut stream| {
        let gone = gone.clone();
        async move {
            read_request(&mut stream).await;
            write(
                &mut stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n",
            )
            .await;
            closed(&mut stream).await;
            gone.send(connection).await.unwrap();
        }
    })
    .await;
    let pool = server.pool();
    let answer = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(
        in_time(body.frame()).await.unwrap().unwrap().into_data().unwrap(),
        "data: 1\n\n"
    );
    assert!(peers_gone.try_recv().is_err());
    drop(body);
    assert_eq!(in_time(peers_gone.recv()).await, Some(0));
    drop(acquire(&pool).await);
    assert_eq!(server.connections(), 2);
}

/// The connection is known to be closed before anything is handed to it: the request comes back, whole.
#[tokio::test]
async fn a_request_that_was_never_written_comes_back() {
    let server = Server::start(|connection, mut stream| async move {
        if connection > 0 {
            read_request(&mut stream).await;
            write(&mut stream, OK).await;
        }
    })
    .await;
    let pool = server.pool();
    let lease = acquire(&pool).await;
    until(|| lease.is_closed()).await;
    let request = Request::post("/x")
        .body(RequestBody::whole(Bytes::from_static(b"once")))
        .unwrap();
    let error = in_time(lease.send(request)).await.unwrap_err();
    let SendError::NotSent { request, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(request.uri(), "/x");
    assert_eq!(
        request.body().copy().unwrap().collect().await.unwrap().to_bytes(),
        "once"
    );
    let again = in_time(pool.acquire_fresh(
        crate::AddressPolicy::allowing(&super::server::loopback()),
        super::server::soon(),
    ))
    .await;
    assert_eq!(
        in_time(again.unwrap().send(*request)).await.unwrap().status(),
        StatusCode::OK
    );
}

/// The call itself hands the request over: it arrives although nobody ever polls the answer.
#[tokio::test]
async fn the_request_is_on_its_way_when_the_call_returns() {
    let (seen, mut requests) = mpsc::channel(8);
    let server = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).await.unwrap();
            closed(&mut stream).await;
        }
    })
    .await;
    let unpolled = acquire(&server.pool()).await.send(get("/unpolled"));
    assert!(
        in_time(requests.recv())
            .await
            .unwrap()
            .starts_with("GET /unpolled ")
    );
    drop(unpolled);
}
