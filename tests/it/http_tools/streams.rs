//! Bodies: they stream both ways at once, whatever the protocols, within bounds, and end with what let them begin.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Version};
use onedoor_tests::wait;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Plain;

/// A body that is written piece by piece.
fn written() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel::<&'static str>(1);
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(piece)), receiver))
    });
    (sender, Body::from_stream(pieces))
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let (sender, body) = written();
            let request = Request::post("/http/plain/echo").body(body).unwrap();
            let (mut answer, ()) = tokio::join!(plain.send(version, request), async {
                sender.send("one").await.unwrap();
            });
            assert_eq!(answer.status(), 200);
            // The answer to a piece is there before the next one is written.
            assert_eq!(answer.piece().await.unwrap().unwrap(), "one");
            for piece in ["two", "three"] {
                sender.send(piece).await.unwrap();
                assert_eq!(answer.piece().await.unwrap().unwrap(), piece);
            }
            drop(sender);
            assert_eq!(answer.text().await.unwrap(), "");
        }
        let upstream = if plain.service.authority.is_some() {
            Version::HTTP_2
        } else {
            Version::HTTP_11
        };
        assert!(
            plain
                .service
                .asked()
                .iter()
                .all(|asked| asked.version == upstream)
        );
        let calls = plain.dev.settled_calls(2).await;
        assert!(
            calls.iter().all(|call| call["outcome"] == "succeeded"),
            "{calls:?}"
        );
        assert!(calls.iter().all(|call| call["answerSize"] == 11), "{calls:?}");
    }
}

#[tokio::test]
async fn ten_megabytes_pass_both_ways() {
    const SIZE: usize = 10 << 20;
    for plain in [Plain::start().await, Plain::start_http2().await] {
        let admin = plain.dev.admin("admin").await;
        admin
            .set(|settings| settings["limits"]["bodyBytes"] = json!(SIZE))
            .await;
        let before = peak_memory(&plain).await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let pieces =
                (0..160).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 64 << 10])));
            let request = Request::put("/http/plain/count")
                .body(Body::from_stream(stream::iter(pieces)))
                .unwrap();
            let answer = plain.send(version, request).await;
            assert_eq!(answer.text().await.unwrap(), format!("{SIZE} 0"));
            let request = Request::get("/http/plain/big").body(Body::empty()).unwrap();
            let answer = plain.send(version, request).await;
            assert_eq!(answer.text().await.unwrap().len(), SIZE);
        }
        // None of it was held.
        let grown = peak_memory(&plain).await - before;
        assert!(grown < 8 << 10, "{grown} KiB");
    }
}

/// The most memory that the door has had, in KiB.
async fn peak_memory(plain: &Plain) -> i64 {
    let status = tokio::fs::read_to_string(format!("/proc/{}/status", plain.dev.places.pid)).await;
    let status = status.unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_is_not_the_services_fault() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        let admin = plain.dev.admin("admin").await;
        admin
            .set(|settings| settings["limits"]["bodyBytes"] = json!(2_000))
            .await;
        // Announced: nothing is sent.
        let put = || Request::put("/http/plain/count");
        let answer = plain
            .send(
                Version::HTTP_11,
                put().body(Body::from(vec![b'x'; 2_001])).unwrap(),
            )
            .await;
        assert_eq!(answer.status(), 413);
        assert_eq!(answer.reason().await, "body_too_large");
        assert_eq!(plain.targets(), [""; 0]);
        // Not announced: broken off.
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let pieces = (0..21).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 100])));
            let request = put().body(Body::from_stream(stream::iter(pieces))).unwrap();
            let answer = plain.send(version, request).await;
            assert_eq!(answer.status(), 413);
            assert_eq!(answer.reason().await, "body_too_large");
        }
        let exact = put().body(Body::from(vec![b'x'; 2_000])).unwrap();
        assert_eq!(
            plain.send(Version::HTTP_2, exact).await.text().await.unwrap(),
            "2000 0"
        );
        let outcomes: Vec<Value> = plain.dev.settled_calls(3).await;
        let outcomes: Vec<_> = outcomes
            .iter()
            .map(|call| call["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["cancelled", "cancelled", "succeeded"]);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_call() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::get("/http/plain/endless").body(Body::empty()).unwrap();
            let mut answer = plain.send(version, request).await;
            assert_eq!(answer.piece().await.unwrap().unwrap(), "beat\n");
            plain.service.open_answers(1).await;
            drop(answer);
            plain.service.open_answers(0).await;
        }
        // Before there is an answer, too.
        let (sender, body) = written();
        let request = Request::post("/http/plain/hangs").body(body).unwrap();
        let waiting = plain.send(Version::HTTP_11, request);
        tokio::select! {
            _ = waiting => panic!("it has answered"),
            () = async {
                sender.send("one").await.unwrap();
                plain.service.open_answers(1).await;
            } => {}
        }
        plain.service.open_answers(0).await;
        let calls = plain.dev.settled_calls(3).await;
        assert!(
            calls.iter().all(|call| call["outcome"] == "cancelled"),
            "{calls:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_ends_with_what_let_it_begin() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        let admin = plain.dev.admin("admin").await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::get("/http/plain/endless").body(Body::empty()).unwrap();
            let mut answer = plain.send(version, request).await;
            assert_eq!(answer.piece().await.unwrap().unwrap(), "beat\n");
            admin.stop("plain", "tools/endless/disable").await;
            let end = wait::within("the end", async {
                loop {
                    match answer.piece().await {
                        Some(Ok(_)) => {}
                        other => return other,
                    }
                }
            });
            // Broken off: half an answer must not look like a whole one.
            assert!(matches!(end.await, Some(Err(_))));
            plain.service.open_answers(0).await;
            let refused = plain.get("/http/plain/endless").await;
            assert_eq!(refused.status(), 503);
            assert_eq!(refused.reason().await, "tool_disabled");
            admin.act("plain", "tools/endless/enable").await.expect(200);
        }
        let calls = plain.dev.settled_calls(4).await;
        let outcomes: Vec<_> = calls
            .iter()
            .map(|call| call["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["cancelled", "denied", "cancelled", "denied"]);
    }
}

#[tokio::test]
async fn half_an_answer_does_not_look_like_a_whole_one() {
    for plain in [Plain::start().await, Plain::start_http2().await] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::get("/http/plain/broken").body(Body::empty()).unwrap();
            let answer = plain.send(version, request).await;
            assert_eq!(answer.status(), 200);
            assert!(answer.text().await.is_err());
        }
        let calls = plain.dev.settled_calls(2).await;
        assert!(
            calls.iter().all(|call| call["outcome"] == "upstream_error"),
            "{calls:?}"
        );
    }
}
