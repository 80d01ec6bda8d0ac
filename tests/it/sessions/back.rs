//! What still holds of a call whose client lost its stream, and for one that came back for it.

use onedoor_tests::{dev::Dev, mcp::Events, session::Session, session_upstream::SessionUpstream, wait};
use serde_json::{Value, json};

use super::door;

/// A call of `resumable` whose client knows the id of the last event.
struct Broken {
    dev: Dev,
    upstream: SessionUpstream,
    session: Session,
    stream: Events,
    last: String,
}

impl Broken {
    /// `total_ms` is how long the call may take.
    async fn begin(total_ms: u64) -> Self {
        let upstream = SessionUpstream::start().await;
        let mut manifest = upstream.manifest("edge");
        manifest.timeouts = json!({ "connectMs": 1_000, "firstByteMs": 1_000, "totalMs": total_ms });
        let dev = door(&manifest).await;
        let session = Session::open(&dev, "edge", "analyst").await;
        let mut stream = session.stream(1, "resumable").await;
        let progress = wait::until("an event with an id and progress", async || {
            stream.next_event().await.filter(|event| event.message.is_some())
        })
        .await;
        let last = progress.id.unwrap();
        Self {
            dev,
            upstream,
            session,
            stream,
            last,
        }
    }

    /// The client is gone, and the door knows it.
    async fn lost(total_ms: u64) -> (Dev, SessionUpstream, Session, String) {
        let broken = Self::begin(total_ms).await;
        drop(broken.stream);
        broken.upstream.open_streams(0).await;
        (broken.dev, broken.upstream, broken.session, broken.last)
    }
}

async fn cancel(session: &Session) {
    let told = session
        .notify("notifications/cancelled", json!({ "requestId": 1 }))
        .await;
    assert_eq!(told.status, 202, "{}", told.text);
}

/// Outcome and cause of the only call.
async fn outcome(dev: &Dev) -> (String, Value) {
    let call = dev.settled_calls(1).await.pop().unwrap();
    (
        call["outcome"].as_str().unwrap().to_owned(),
        call["cause"].clone(),
    )
}

#[tokio::test]
async fn it_may_be_cancelled_while_nobody_reads_its_stream() {
    let (dev, upstream, session, _last) = Broken::lost(60_000).await;
    cancel(&session).await;
    let told = upstream.message(Some("notifications/cancelled")).await;
    assert_eq!(told.body["params"], json!({ "requestId": 1 }));
    assert_eq!(outcome(&dev).await, ("cancelled".to_owned(), json!("client")));
}

#[tokio::test]
async fn it_may_be_cancelled_by_a_client_that_came_back() {
    let (dev, upstream, session, last) = Broken::lost(60_000).await;
    let mut rest = session.listen(Some(&last)).await;
    cancel(&session).await;
    upstream.message(Some("notifications/cancelled")).await;
    assert_eq!(rest.next().await, None);
    assert_eq!(outcome(&dev).await, ("cancelled".to_owned(), json!("client")));
}

#[tokio::test]
async fn it_has_no_more_time_than_it_had() {
    let (dev, _upstream, session, last) = Broken::lost(3_000).await;
    let mut rest = session.listen(Some(&last)).await;
    let told = rest.next().await.unwrap();
    assert_eq!(told["error"]["data"]["reason"], "upstream_timeout", "{told}");
    assert_eq!(rest.next().await, None);
    assert_eq!(outcome(&dev).await.0, "timed_out");
}

#[tokio::test]
async fn its_client_may_go_and_come_back_again() {
    let (dev, upstream, session, last) = Broken::lost(60_000).await;
    for _ in 0..2 {
        let rest = session.listen(Some(&last)).await;
        upstream.open_streams(1).await;
        drop(rest);
        upstream.open_streams(0).await;
    }
    let mut rest = session.listen(Some(&last)).await;
    upstream.release();
    assert!(rest.next().await.unwrap()["result"].is_object());
    assert_eq!(outcome(&dev).await.0, "succeeded");
}

/// A client may be back before anybody notices that it was gone.
#[tokio::test]
async fn its_answer_counts_on_whichever_stream_it_comes() {
    let broken = Broken::begin(60_000).await;
    let mut rest = broken.session.listen(Some(&broken.last)).await;
    broken.upstream.release();
    assert!(rest.next().await.unwrap()["result"].is_object());
    assert_eq!(rest.next().await, None);
    drop(broken.stream);
    assert_eq!(outcome(&broken.dev).await.0, "succeeded");
}
