//! Forms for token endpoints.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::server::{Server, connector, in_time, loopback, read_request, soon, write};
use crate::{AddressPolicy, FetchError, FormAnswer};

const LIMIT: usize = 200;

const FORM: [(&str, &str); 3] = [
    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
    ("client_secret", "s3cret & =ü+"),
    ("scope", "a b"),
];

async fn post(server: &Server) -> Result<FormAnswer, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic czNjcmV0"));
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    let url = server.url("/token?p=1");
    in_time(connector().post_form(&url, &FORM, headers, policy, soon(), LIMIT)).await
}

#[tokio::test]
async fn a_form_is_posted_as_token_endpoints_expect_it() {
    let server = Server::start(|_, mut stream| async move {
        let request = read_request(&mut stream).await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        for line in [
            "POST /token?p=1 HTTP/1.1",
            "accept: application/json",
            "authorization: Basic czNjcmV0",
            "content-type: application/x-www-form-urlencoded",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        assert_eq!(
            body,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&\
             client_secret=s3cret+%26+%3D%C3%BC%2B&scope=a+b"
        );
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\nx-request-id: 7\r\ncontent-length: 2\r\n\r\n{}",
        )
        .await;
    })
    .await;
    let answer = post(&server).await.unwrap();
    assert_eq!((answer.status, &answer.bytes[..]), (StatusCode::OK, &b"{}"[..]));
    assert_eq!(answer.headers["x-request-id"], "7");
}

#[tokio::test]
async fn every_status_is_an_answer_and_no_redirect_is_followed() {
    let elsewhere = Server::answering("").await;
    for status in ["400", "401", "429", "503", "302", "307", "308"] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: {}\r\ncontent-length: 25\r\n\r\n{{\"error\":\"invalid_grant\"}}",
            elsewhere.url("/")
        );
        let server = Server::answering_once(answer).await;
        let answer = post(&server).await.unwrap();
        assert_eq!(answer.status.as_str(), status);
        assert_eq!(answer.bytes, "{\"error\":\"invalid_grant\"}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn nothing_of_the_exchange_is_printed() {
    let secret = "HTTP/1.1 200 OK\r\nset-cookie: s3cret\r\ncontent-length: 6\r\n\r\ns3cret";
    let server = Server::answering_once(secret).await;
    let shown = format!("{:?}", post(&server).await.unwrap());
    assert_eq!(shown, "FormAnswer { status: 200, length: 6, .. }");
    for answer in [
        "",
        "s3cret\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ns3cret",
    ] {
        let error = post(&Server::answering_once(answer).await).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("czNjcmV0"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    for (length, fits) in [(LIMIT, true), (LIMIT + 1, false)] {
        let body = "x".repeat(length);
        let server = Server::answering_once(format!(
            "HTTP/1.1 400 X\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        let read = post(&server).await;
        assert_eq!(read.is_ok(), fits);
        assert!(
            read.err()
                .is_none_or(|error| matches!(error, FetchError::TooLong))
        );
    }
}
