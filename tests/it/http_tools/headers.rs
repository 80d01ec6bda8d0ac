//! Heads: what passes, what stays at the door, and what is refused.

use onedoor_tests::raw::RawAnswer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Plain;

#[tokio::test]
async fn only_what_says_something_of_the_call_reaches_the_service() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        let request = plain
            .raw("GET /http/plain/items/7")
            .with("Accept", "text/csv")
            .with("If-None-Match", "\"a\"")
            .with("Range", "bytes=0-1")
            .with("Connection", "close, Range, X-Custom")
            .with("X-Custom", "1")
            .with("Cookie", "a=b")
            .with("Proxy-Authorization", "Basic YTpi")
            .with("TE", "trailers")
            .with("Keep-Alive", "timeout=5")
            .with("Forwarded", "for=1.2.3.4")
            .with("X-Forwarded-For", "1.2.3.4")
            .with("X-Forwarded-Host", "evil.example")
            .with("X-HTTP-Method-Override", "DELETE")
            .with("X-Original-URL", "/admin")
            .with("Onedoor-Call-Id", "mine")
            .with("User-Agent", "curl");
        let answer = plain.send_raw(&request).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "here"));
        let asked = plain.service.asked().remove(0);
        let mut names: Vec<_> = asked.headers.keys().map(http::HeaderName::as_str).collect();
        names.retain(|name| *name != "host");
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "authorization",
                "if-none-match",
                "onedoor-call-id",
                "traceparent",
                "user-agent"
            ]
        );
        // Token B in the place of Token A.
        let token_b = asked.headers["authorization"].to_str().unwrap();
        assert!(token_b.starts_with("Bearer ") && !token_b.contains(plain.token.signature()));
        let call = asked.headers["onedoor-call-id"].to_str().unwrap();
        assert!(answer.head.contains(call) && call != "mine");
    }
}

#[tokio::test]
async fn what_no_tool_is_to_get_is_refused() {
    let plain = Plain::start().await;
    let request = |target: &str| plain.raw(&format!("GET /http/plain/items/7{target}"));
    for (request, status, reason) in [
        (request("?access_token=x"), 400, "token_in_query"),
        (request("?%61ccess_token=x"), 400, "token_in_query"),
        (
            request("").with("Upgrade", "websocket"),
            400,
            "upgrade_not_served",
        ),
        (
            request("")
                .with("Upgrade", "h2c")
                .with("HTTP2-Settings", "AAMAAABk"),
            400,
            "upgrade_not_served",
        ),
        (request("").with("Expect", "200-ok"), 417, "expectation_failed"),
    ] {
        let answer = plain.send_raw(&request).await;
        assert_eq!(answer.status, status, "{request:?}");
        assert!(answer.body.contains(reason), "{}", answer.body);
    }
    // A token in the query alone is no token.
    let answer = plain
        .send_raw(&request(&format!("?access_token={}", plain.token.expose())).without("Authorization"))
        .await;
    assert_eq!(answer.status, 401);
    assert!(answer.head.to_ascii_lowercase().contains(&format!(
        "resource_metadata=\"{}/.well-known/oauth-protected-resource/http/plain\"",
        plain.dev.places.data_url
    )));
    assert_eq!(plain.targets(), [""; 0]);
}

/// Sends bytes, and reads all that comes back until the connection is closed.
async fn answers(plain: &Plain, bytes: &str) -> String {
    let mut stream = TcpStream::connect(plain.dev.data_address()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    let read = stream.read_to_end(&mut answers);
    let _ = onedoor_tests::wait::within("the end of the connection", read).await;
    String::from_utf8_lossy(&answers).into_owned()
}

#[tokio::test]
async fn no_request_hides_in_another() {
    let plain = Plain::start().await;
    let bearer = plain.token.expose();
    let address = plain.dev.data_address();
    let head = |headers: &str| {
        format!(
            "POST /http/plain/echo HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {bearer}\r\n{headers}\r\n"
        )
    };
    let hidden = format!(
        "DELETE /http/plain/items/7 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 0\r\n\r\n"
    );
    // Both lengths: `Transfer-Encoding` counts, and nothing is read of what follows (RFC 9112 §6.1).
    let length = 5 + hidden.len();
    for headers in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
    ] {
        let answer = answers(&plain, &format!("{}0\r\n\r\n{hidden}", head(&headers))).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(
            answer.to_ascii_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
    for headers in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 4\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 3 3\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "Content-Length : 3\r\n",
    ] {
        let answer = answers(&plain, &format!("{}abc{hidden}", head(headers))).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers:?} {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?} {answer}");
    }
    // Chunks that are none.
    for body in [
        "3;\nabc\r\n",
        "-1\r\n",
        "3\r\nabcd\r\n",
        "ffffffffffffffffff\r\n",
        "3\nabc\n",
    ] {
        let request = head("Transfer-Encoding: chunked\r\n") + body + "0\r\n\r\n" + &hidden;
        let answer = answers(&plain, &request).await;
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1 && !answer.contains("here"),
            "{body:?} {answer}"
        );
    }
    let deleted = plain.targets().iter().any(|target| target.starts_with("DELETE"));
    assert!(!deleted, "{:?}", plain.targets());
    // The control: what follows a request as it should be is the next one.
    let pair =
        head("Content-Length: 3\r\n") + "abc" + &hidden.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert_eq!(answers(&plain, &pair).await.matches("HTTP/1.1 200").count(), 2);
}

#[tokio::test]
async fn trailers_stay_at_the_door() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        let head = plain
            .raw("PUT /http/plain/count")
            .with("Trailer", "Authorization, X-Admin")
            .with("Transfer-Encoding", "chunked");
        let head = String::from_utf8(head.head()).unwrap();
        let head = head.replace("Content-Length: 0\r\n", "");
        let mut stream = TcpStream::connect(plain.dev.data_address()).await.unwrap();
        let body = "3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\nX-Admin: 1\r\n\r\n";
        stream.write_all((head + body).as_bytes()).await.unwrap();
        let answer = RawAnswer::read(&mut stream).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "3 0"));
        assert!(!plain.service.asked()[0].headers.contains_key("trailer"));
    }
}
