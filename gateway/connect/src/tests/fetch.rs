//! Control calls.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::server::{OK, Server, connector, in_time, loopback, read_request, soon, write};
use crate::{AddressPolicy, ConnectError, FetchError, Instant};

const LIMIT: usize = 100;

async fn fetch(server: &Server, deadline: Instant) -> Result<Bytes, FetchError> {
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    in_time(connector().get_json(&server.url("/keys?v=1"), policy, LIMIT, deadline)).await
}

#[tokio::test]
async fn a_document_is_fetched() {
    let server = Server::start(|_, mut stream| async move {
        let request = read_request(&mut stream).await.unwrap();
        assert!(request.starts_with("GET /keys?v=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\naccept: application/json\r\n"), "{request}");
        write(&mut stream, OK).await;
    })
    .await;
    assert_eq!(fetch(&server, soon()).await.unwrap(), "{}");
}

#[tokio::test]
async fn a_document_as_long_as_the_limit_is_fetched_and_no_longer_one() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    for (body, fits) in [("x".repeat(LIMIT), true), ("x".repeat(LIMIT + 1), false)] {
        let length = body.len();
        for answer in [
            format!("{head}content-length: {length}\r\n\r\n{body}"),
            format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
            format!("{head}\r\n{body}"),
        ] {
            let server = Server::answering_once(answer).await;
            match fetch(&server, soon()).await {
                Ok(read) => assert!(fits && read == body),
                Err(error) => assert!(!fits && matches!(error, FetchError::TooLong), "{error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering(OK).await;
    for status in ["301", "302", "303", "307", "308"] {
        let answer = format!(
            "HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url("/")
        );
        let server = Server::answering_once(answer).await;
        let error = fetch(&server, soon()).await.unwrap_err();
        assert!(
            matches!(error, FetchError::Status(seen) if seen.as_str() == status),
            "{error:?}"
        );
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn anything_but_a_whole_json_document_is_an_error() {
    type Expected = fn(&FetchError) -> bool;
    let cases: [(&str, Expected); 7] = [
        ("", |e| matches!(e, FetchError::Send(_))),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", |e| {
            matches!(e, FetchError::Status(StatusCode::NOT_FOUND))
        }),
        ("HTTP/1.1 204 No Content\r\n\r\n", |e| {
            matches!(e, FetchError::Status(_))
        }),
        ("HTTP/1.1 206 Part\r\ncontent-length: 2\r\n\r\n{}", |e| {
            matches!(e, FetchError::Status(_))
        }),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}",
            |e| matches!(e, FetchError::NotJson),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
            |e| matches!(e, FetchError::NotJson),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", |e| {
            matches!(e, FetchError::Body(_))
        }),
    ];
    for (answer, expected) in cases {
        let server = Server::answering_once(answer).await;
        let error = fetch(&server, soon()).await.unwrap_err();
        assert!(expected(&error), "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_dribbling_server_is_given_up_at_the_deadline() {
    for start in [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n",
    ] {
        let server = Server::start(move |_, mut stream| async move {
            read_request(&mut stream).await;
            write(&mut stream, start).await;
            loop {
                write(&mut stream, "x").await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let error = fetch(&server, Instant::now() + Duration::from_millis(60))
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::TimedOut), "{error:?}");
    }
}

#[tokio::test]
async fn a_forbidden_address_is_not_fetched_from() {
    let server = Server::answering(OK).await;
    let error = connector()
        .get_json(&server.url("/"), AddressPolicy::PUBLIC, LIMIT, soon())
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::Connect(ConnectError::Forbidden(_))),
        "{error:?}"
    );
    assert_eq!(server.connections(), 0);
}
