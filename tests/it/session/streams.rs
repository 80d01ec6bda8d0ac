//! Streams that are cancelled, lost, and gone on with.

use onedoor_tests::{dev::Dev, mcp::Events, session::Session, wait};
use serde_json::{Value, json};

use super::door;

/// Outcome and cause of the only call.
async fn outcome(dev: &Dev) -> (String, String) {
    let calls = dev.settled_calls(1).await;
    let text = |name: &str| calls[0][name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("cause"))
}

async fn open_calls(dev: &Dev, number: usize) {
    wait::until("the number of open calls", async || {
        let calls = dev.calls(&["--outcome", "open"]).await;
        (calls.len() == number).then_some(())
    })
    .await;
}

/// The id of the last event that says where this stream of `resumable` is.
async fn place(stream: &mut Events) -> String {
    let first = stream.next_event().await.unwrap();
    assert!(first.message.is_none() && first.id.is_some());
    let progress = stream.next_event().await.unwrap();
    assert_eq!(progress.message.unwrap()["method"], "notifications/progress");
    progress.id.unwrap()
}

#[tokio::test]
async fn a_call_is_cancelled_by_saying_so() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(5, "until_cancelled").await;
    stream.next().await.unwrap();
    // Not by another session, nor under another id: no error, and nothing is told to the server.
    let other = Session::open(&dev, "edge", "analyst").await;
    for (session, id) in [(&other, 5), (&session, 6)] {
        let told = session
            .notify("notifications/cancelled", json!({ "requestId": id }))
            .await;
        assert_eq!(told.status, 202);
    }
    assert_eq!(upstream.messages(Some("notifications/cancelled")).len(), 0);
    let told = session
        .notify(
            "notifications/cancelled",
            json!({ "requestId": 5, "reason": "enough" }),
        )
        .await;
    assert_eq!(told.status, 202);
    assert_eq!(stream.next().await, None);
    let sent = upstream.message(Some("notifications/cancelled")).await;
    assert_eq!(sent.body["params"], json!({ "requestId": 5, "reason": "enough" }));
    assert_eq!(outcome(&dev).await, ("cancelled".to_owned(), "client".to_owned()));
}

#[tokio::test]
async fn a_client_that_is_gone_has_not_cancelled() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "held").await;
    stream.next().await.unwrap();
    drop(stream);
    open_calls(&dev, 1).await;
    upstream.open_streams(1).await;
    upstream.release();
    assert_eq!(outcome(&dev).await.0, "succeeded");
    assert_eq!(upstream.messages(Some("notifications/cancelled")).len(), 0);
}

#[tokio::test]
async fn a_lost_stream_is_gone_on_with() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "resumable").await;
    let last = place(&mut stream).await;
    drop(stream);
    // The server must not take its stream for one that is still read.
    upstream.open_streams(0).await;
    open_calls(&dev, 1).await;
    let mut rest = session.listen(Some(&last)).await;
    upstream.release();
    let event = rest.next_event().await.unwrap();
    let message = event.message.unwrap();
    assert_eq!((&message["id"], event.id.is_some()), (&json!(1), true));
    assert_eq!(message["result"]["content"][0]["text"], "\"resumed\"");
    assert_eq!(rest.next().await, None);
    let asked = upstream.received().pop().unwrap();
    assert!(asked.header("last-event-id").unwrap().ends_with("/1"));
    assert_eq!(outcome(&dev).await.0, "succeeded");
}

#[tokio::test]
async fn a_stream_that_nobody_came_back_for_says_so() {
    let (dev, upstream, _grant) = door().await;
    let mut manifest = upstream.manifest("brief");
    manifest.timeouts = json!({ "connectMs": 1_000, "firstByteMs": 1_000, "totalMs": 1_500 });
    let admin = dev.admin("admin").await;
    admin.open(&manifest).await;
    admin.grant(&dev.analysts(), "brief", None, "production").await;
    let session = Session::open(&dev, "brief", "analyst").await;
    let mut stream = session.stream(1, "resumable").await;
    place(&mut stream).await;
    drop(stream);
    assert_eq!(
        outcome(&dev).await,
        ("cancelled".to_owned(), "disconnected".to_owned())
    );
}

#[tokio::test]
async fn nobody_goes_on_with_a_stream_that_is_not_theirs() {
    let (dev, upstream, grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "resumable").await;
    let last = place(&mut stream).await;
    drop(stream);
    upstream.release();
    let refused = async |session: &Session, last: &str| {
        let answer = session.get(Some(last)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let invented = refused(&session, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(invented.0, 404);
    let other = Session::open(&dev, "edge", "analyst").await;
    assert_eq!(refused(&other, &last).await, invented);
    let manager = session.by(&dev.token("manager").await);
    assert_eq!(refused(&manager, &last).await, invented);
    let gets = || {
        let mut received = upstream.received();
        received.retain(|one| one.method == "GET");
        received.len()
    };
    assert_eq!(gets(), 0);
    // Nor with one's own, once it is no longer granted.
    let admin = dev.admin("admin").await;
    admin.delete(&format!("/grants/{grant}")).await.expect(200);
    assert_eq!(refused(&session, &last).await, invented);
    assert_eq!(gets(), 0);
    // With the grant it would have been good: the check can fail.
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    assert_eq!(refused(&session, &last).await.0, 200);
    assert_eq!(gets(), 1);
}

#[tokio::test]
async fn a_stream_ends_with_its_grant_and_with_the_door() {
    let (mut dev, _upstream, grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.listen(None).await;
    for _said in 0..2 {
        stream.next().await.unwrap();
    }
    let admin = dev.admin("admin").await;
    admin.delete(&format!("/grants/{grant}")).await.expect(200);
    assert_eq!(stream.next().await, None);
    let refused = session.get(None).send().await.unwrap();
    assert_eq!(refused.status(), 404);

    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let mut stream = session.listen(None).await;
    for _said in 0..2 {
        stream.next().await.unwrap();
    }
    dev.signal("TERM").await;
    assert_eq!(stream.next().await, None);
    assert_eq!(dev.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_id_is_not_used_twice_at_once() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "held").await;
    stream.next().await.unwrap();
    let twice: Value = session.call("echo", json!({})).await.last().clone();
    assert_eq!(twice["error"]["code"], -32600, "{twice}");
    upstream.release();
    stream.next().await.unwrap();
    assert_eq!(stream.next().await, None);
    wait::until("the id to be free again", async || {
        session.call("echo", json!({})).await.is_answered().then_some(())
    })
    .await;
}
