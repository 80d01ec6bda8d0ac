//! Connections that are kept, and those that are not.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::server::{LIMITS, OK, Server, acquire, get, in_time, loopback, read_request, soon, until, write};
use crate::{AddressPolicy, ConnectError, Pool, PoolLimits, SendError};

async fn exchange(pool: &Pool) {
    let answer = in_time(acquire(pool).await.send(get("/"))).await.unwrap();
    assert_eq!(
        in_time(answer.into_body().collect()).await.unwrap().to_bytes(),
        "{}"
    );
}

/// A server that answers everything and tells when a connection has been closed by the other end.
async fn telling_server() -> (Server, mpsc::Receiver<usize>) {
    let (gone, peers_gone) = mpsc::channel(8);
    let server = Server::start(move |connection, mut stream| {
        let gone = gone.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                write(&mut stream, OK).await;
            }
            let _ = gone.send(connection).await;
        }
    })
    .await;
    (server, peers_gone)
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_serves_again() {
    let server = Server::answering(OK).await;
    let pool = server.pool();
    for _ in 0..50 {
        exchange(&pool).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_fresh_connection_is_none_that_was_kept() {
    let server = Server::answering(OK).await;
    let pool = server.pool();
    exchange(&pool).await;
    let networks = loopback();
    let fresh = pool.acquire_fresh(AddressPolicy::allowing(&networks), soon());
    drop(in_time(fresh).await.unwrap());
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_chunked_answer_and_an_empty_one_give_their_connection_back() {
    for (answer, length) in [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            2,
        ),
        ("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", 0),
        ("HTTP/1.1 204 No Content\r\n\r\n", 0),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0),
    ] {
        let server = Server::answering(answer).await;
        let pool = server.pool();
        for _ in 0..3 {
            let answer = in_time(acquire(&pool).await.send(get("/"))).await.unwrap();
            assert_eq!(
                in_time(answer.into_body().collect())
                    .await
                    .unwrap()
                    .to_bytes()
                    .len(),
                length
            );
        }
        assert_eq!(server.connections(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn one_connection_serves_one_request_at_a_time() {
    let server = Server::answering(OK).await;
    let pool = server.pool();
    let answers = [
        acquire(&pool).await.send(get("/")),
        acquire(&pool).await.send(get("/")),
    ];
    for answer in answers {
        in_time(in_time(answer).await.unwrap().into_body().collect())
            .await
            .unwrap();
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_says_it_closes_is_not_kept() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").await;
    let pool = server.pool();
    exchange(&pool).await;
    exchange(&pool).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_unused_lease_closes_its_connection() {
    let (server, mut peers_gone) = telling_server().await;
    drop(acquire(&server.pool()).await);
    assert_eq!(in_time(peers_gone.recv()).await, Some(0));
}

#[tokio::test]
async fn an_idle_connection_is_closed_although_nobody_asks() {
    let (server, mut peers_gone) = telling_server().await;
    let pool = server.pool_with(PoolLimits {
        idle_for: Duration::from_millis(20),
        ..LIMITS
    });
    exchange(&pool).await;
    assert_eq!(in_time(peers_gone.recv()).await, Some(0));
    exchange(&pool).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn no_more_are_kept_than_allowed() {
    let (server, mut peers_gone) = telling_server().await;
    let pool = server.pool_with(PoolLimits { idle: 1, ..LIMITS });
    let answers = [
        acquire(&pool).await.send(get("/")),
        acquire(&pool).await.send(get("/")),
    ];
    for answer in answers {
        in_time(in_time(answer).await.unwrap().into_body().collect())
            .await
            .unwrap();
    }
    assert!(in_time(peers_gone.recv()).await.is_some());
    exchange(&pool).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn the_last_clone_takes_its_connections_along() {
    let (server, mut peers_gone) = telling_server().await;
    let pool = server.pool();
    let clone = pool.clone();
    exchange(&pool).await;
    drop(pool);
    exchange(&clone).await;
    assert!(peers_gone.try_recv().is_err());
    drop(clone);
    assert_eq!(in_time(peers_gone.recv()).await, Some(0));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_is_judged_anew() {
    let (server, mut peers_gone) = telling_server().await;
    let pool = server.pool();
    exchange(&pool).await;
    let error = in_time(pool.acquire(AddressPolicy::PUBLIC, soon()))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Forbidden(_)), "{error:?}");
    assert_eq!(in_time(peers_gone.recv()).await, Some(0));
}

#[tokio::test]
async fn a_connection_that_has_died_on_the_shelf_is_replaced() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
    })
    .await;
    let pool = server.pool();
    exchange(&pool).await;
    until(|| pool.is_stale()).await;
    exchange(&pool).await;
    assert_eq!(server.connections(), 2);
}

/// A server closes kept connections at every moment around the next request. Whatever comes of it: no request is read
/// twice, and one that came back was never read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_sent_twice_and_none_that_comes_back_was_read() {
    const ROUNDS: usize = 400;
    let seen = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let log = Arc::clone(&seen);
    let server = Server::start(move |connection, mut stream| {
        let log = Arc::clone(&log);
        async move {
            for _ in 0..=connection % 3 {
                let Some(request) = read_request(&mut stream).await else {
                    return;
                };
                let path = request.split(' ').nth(1).unwrap().to_owned();
                *log.lock().entry(path).or_default() += 1;
                write(&mut stream, OK).await;
            }
            for _ in 0..connection % 40 {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let pool = server.pool();
    let (mut answered, mut came_back) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let path = format!("/{round}");
        match in_time(acquire(&pool).await.send(get(&path))).await {
            Ok(answer) => {
                in_time(answer.into_body().collect()).await.unwrap();
                answered.push(path);
            }
            Err(SendError::NotSent { .. }) => came_back.push(path),
            Err(SendError::MaybeSent { .. }) => {}
        }
    }
    let seen = seen.lock();
    assert!(seen.values().all(|count| *count == 1), "{seen:?}");
    assert!(answered.iter().all(|path| seen.contains_key(path)));
    assert!(
        !came_back.iter().any(|path| seen.contains_key(path)),
        "{came_back:?}"
    );
    assert!(answered.len() > ROUNDS / 2);
}
