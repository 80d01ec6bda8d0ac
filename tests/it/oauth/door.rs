//! What the door tells clients and browsers before they have a token.

use std::time::Duration;

use onedoor_tests::{dev::Dev, wait};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An origin that `onedoor dev` lets in: the MCP Inspector's.
const INSPECTOR: &str = "http://localhost:6274";

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_endpoint_leads_to_its_own_metadata_by_the_name_it_was_reached() {
    let dev = Dev::start().await;
    let by_name = dev.places.data_url.replace("127.0.0.1", "localhost");
    for door in [&dev.places.data_url, &by_name] {
        for (method, resource, below) in [
            (Method::POST, "/mcp", ""),
            (Method::POST, "/servers/finance/mcp", ""),
            (Method::POST, "/servers/finance/qa/mcp", ""),
            (Method::POST, "/servers/nowhere/mcp", ""),
            (Method::GET, "/http/weather", "/today"),
            (Method::GET, "/servers/weather/qa/http", "/today"),
            (Method::GET, "/tools", ""),
        ] {
            let answer = dev
                .http
                .request(method, format!("{door}{resource}{below}"))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 401, "{resource}");
            let metadata = format!("{door}/.well-known/oauth-protected-resource{resource}");
            assert_eq!(
                header(&answer, "www-authenticate"),
                format!("Bearer scope=\"api://onedoor/mcp.access\", resource_metadata=\"{metadata}\"")
            );
            let metadata: Value = dev.http.get(metadata).send().await.unwrap().json().await.unwrap();
            assert_eq!(metadata["resource"], format!("{door}{resource}"));
            assert_eq!(metadata["scopes_supported"], json!(["api://onedoor/mcp.access"]));
            let [server] = metadata["authorization_servers"].as_array().unwrap().as_slice() else {
                panic!("{metadata}")
            };
            let server = server.as_str().unwrap();
            let found = format!("{server}/.well-known/openid-configuration");
            let found: Value = dev.http.get(found).send().await.unwrap().json().await.unwrap();
            assert_eq!(found["issuer"], server);
        }
        let root = format!("{door}/.well-known/oauth-protected-resource");
        let root: Value = dev.http.get(root).send().await.unwrap().json().await.unwrap();
        assert_eq!(root["resource"], door.as_str());
    }
    let other = format!(
        "{}/.well-known/oauth-protected-resource/admin",
        dev.places.data_url
    );
    assert_eq!(dev.http.get(other).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_connection_outlives_the_challenge() {
    let dev = Dev::start().await;
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    let mut client = TcpStream::connect(dev.data_address()).await.unwrap();
    let host = format!("Host: {}\r\n", dev.data_address());
    let head = format!("POST /mcp HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    // Answered before its body has come, the connection would have to end after it.
    let early = tokio::time::timeout(Duration::from_millis(100), client.peek(&mut [0])).await;
    assert!(early.is_err(), "an answer before a small body");
    client.write_all(b"{}").await.unwrap();
    assert!(answer(&mut client).await.starts_with("HTTP/1.1 401"));
    let next = format!("GET {metadata} HTTP/1.1\r\n{host}\r\n");
    client.write_all(next.as_bytes()).await.unwrap();
    assert!(answer(&mut client).await.starts_with("HTTP/1.1 200"));
}

/// An answer, up to the end of its JSON.
async fn answer(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    wait::within("an answer", async {
        while !answer.ends_with(b"}") {
            answer.push(client.read_u8().await.unwrap());
        }
    })
    .await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_read_what_clients_need() {
    let dev = Dev::start().await;
    let endpoint = dev.endpoint("finance");
    let preflight = |origin: &str| -> RequestBuilder {
        dev.http
            .request(Method::OPTIONS, &endpoint)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,mcp-method,mcp-param-region",
            )
    };
    let answer = preflight(INSPECTOR).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "access-control-allow-origin"), INSPECTOR);
    assert_eq!(
        header(&answer, "access-control-allow-headers"),
        "authorization,mcp-method,mcp-param-region"
    );
    assert!(header(&answer, "access-control-allow-methods").contains("DELETE"));
    assert_eq!(header(&answer, "access-control-allow-credentials"), "");

    let answer = dev
        .http
        .post(&endpoint)
        .header("origin", INSPECTOR)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            header(&answer, "access-control-allow-origin")
        ),
        (401, INSPECTOR)
    );
    let exposed = header(&answer, "access-control-expose-headers");
    for name in [
        "WWW-Authenticate",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "Onedoor-Call-Id",
    ] {
        assert!(exposed.split(", ").any(|one| one == name), "{name} in {exposed}");
    }

    for origin in ["http://evil.example", "http://localhost:6275", "null"] {
        let call = dev.http.post(&endpoint).header("origin", origin);
        for request in [preflight(origin), call] {
            let answer = request.send().await.unwrap();
            assert_eq!(
                (
                    answer.status().as_u16(),
                    header(&answer, "access-control-allow-origin")
                ),
                (403, "")
            );
        }
    }
}

#[tokio::test]
async fn any_page_may_read_how_to_get_a_token() {
    let dev = Dev::start().await;
    for path in [
        "oauth-protected-resource/mcp",
        "oauth-protected-resource",
        "jwks.json",
    ] {
        let url = format!("{}/.well-known/{path}", dev.places.data_url);
        for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
            let request = dev
                .http
                .request(method, &url)
                .header("origin", "http://anywhere.example");
            let answer = request
                .header("access-control-request-method", "GET")
                .send()
                .await
                .unwrap();
            assert_eq!(
                (
                    answer.status().as_u16(),
                    header(&answer, "access-control-allow-origin")
                ),
                (status, "*"),
                "{path}"
            );
        }
    }
}
