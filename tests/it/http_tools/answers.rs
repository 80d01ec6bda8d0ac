//! Answers: the tool's own pass as they are, those that are not for clients do not, and none leads a client elsewhere.

use axum::body::Body;
use http::{Request, Version};

use super::Plain;

#[tokio::test]
async fn a_tools_own_status_passes_and_a_refused_token_does_not() {
    let plain = Plain::start().await;
    for status in [200, 201, 302, 400, 404, 418, 429, 500, 503] {
        let answer = plain.get(&format!("/http/plain/answer?status={status}")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().await.unwrap(), "here");
    }
    for (status, reason) in [
        (401, "upstream_unauthorized"),
        (403, "upstream_unauthorized"),
        (407, "upstream_status"),
    ] {
        let answer = plain
            .get(&format!(
                "/http/plain/answer?status={status}&h-www-authenticate=Bearer"
            ))
            .await;
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.reason().await, reason);
    }
    let unreachable = Plain::start().await;
    let Plain { dev, service, token } = unreachable;
    drop(service);
    let answer = dev
        .http
        .get(format!("{}/http/plain/items/7", dev.places.data_url))
        .bearer_auth(token.expose())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().contains("upstream_unreachable"));
}

#[tokio::test]
async fn a_redirect_is_passed_and_never_followed() {
    let plain = Plain::start().await;
    let base = format!("{}/base", plain.service.origin);
    let door = format!("{}/http/plain", plain.dev.places.data_url);
    for (location, through) in [
        (
            "/base/items/9?x=1".to_owned(),
            Some(format!("{door}/items/9?x=1")),
        ),
        ("items/9".to_owned(), Some(format!("{door}/items/9"))),
        (format!("{base}/items/9"), Some(format!("{door}/items/9"))),
        ("https://evil.example/base/items/9".to_owned(), None),
        ("//evil.example/".to_owned(), None),
        ("/elsewhere".to_owned(), None),
        ("/base/../elsewhere".to_owned(), None),
    ] {
        let before = plain.targets().len();
        let answer = plain
            .get(&format!("/http/plain/answer?status=302&h-location={location}"))
            .await;
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.header("location"), through.as_deref(), "{location}");
        assert_eq!(plain.targets().len(), before + 1);
    }
}

#[tokio::test]
async fn only_what_says_something_of_the_content_reaches_the_client() {
    let plain = Plain::start().await;
    let sent = [
        "h-set-cookie=a%3Db",
        "h-etag=%22a%22",
        "h-content-disposition=inline",
        "h-server=nginx",
        "h-alt-svc=clear",
        "h-access-control-allow-origin=*",
        "h-strict-transport-security=max-age%3D1",
        "h-cache-control=public",
        "h-onedoor-call-id=theirs",
        "h-x-internal=1",
    ];
    let answer = plain.get(&format!("/http/plain/answer?{}", sent.join("&"))).await;
    let mut names: Vec<_> = answer.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-disposition",
            "content-length",
            "content-type",
            "date",
            "etag",
            "onedoor-call-id",
            "x-content-type-options",
        ]
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_ne!(answer.header("onedoor-call-id"), Some("theirs"));
}

#[tokio::test]
async fn answers_without_body_have_their_outcome() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::head("/http/plain/answer").body(Body::empty()).unwrap();
            let answer = plain.send(version, request).await;
            assert_eq!(
                (answer.status().as_u16(), answer.header("content-length")),
                (200, Some("4"))
            );
            assert_eq!(answer.text().await.unwrap(), "");
            for status in [204, 304] {
                let target = format!("/http/plain/answer?status={status}");
                let request = Request::get(target).body(Body::empty()).unwrap();
                let answer = plain.send(version, request).await;
                assert_eq!(answer.status(), status);
                assert_eq!(answer.text().await.unwrap(), "");
            }
        }
        let calls = plain.dev.settled_calls(6).await;
        assert!(
            calls.iter().all(|call| call["outcome"] == "succeeded"),
            "{calls:?}"
        );
    }
}
