//! A session with all of the caller's servers.

use onedoor_tests::session::Session;
use serde_json::{Value, json};

use super::door;

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn each_server_has_one_session_with_it_once_it_is_called() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open_with_all(&dev, "analyst").await;
    let names: Vec<Value> = session.tools().await;
    assert!(names.iter().any(|tool| tool["name"] == "edge__echo"), "{names:?}");
    assert!(upstream.received().is_empty(), "spoken to before it was called");
    let calls = (0..8).map(|id| {
        let call = json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "edge__echo", "arguments": { "id": id } },
        });
        let session = session.clone();
        async move { session.send(&call).await }
    });
    for (id, answer) in futures_util::future::join_all(calls).await.iter().enumerate() {
        assert_eq!(text(answer.last()), json!({ "id": id }).to_string());
    }
    for method in ["initialize", "notifications/initialized"] {
        assert_eq!(upstream.messages(Some(method)).len(), 1, "{method}");
    }
    // Another client is another one to the server, too.
    let other = Session::open_with_all(&dev, "analyst").await;
    assert!(other.call("edge__echo", json!({})).await.is_answered());
    assert_eq!(upstream.messages(Some("initialize")).len(), 2);
}

#[tokio::test]
async fn a_server_that_forgot_its_session_does_not_end_the_clients() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open_with_all(&dev, "analyst").await;
    let forgot = session.call("edge__forgets", json!({})).await;
    assert_eq!(forgot.status, 200, "{}", forgot.text);
    assert!(session.call("edge__echo", json!({})).await.is_answered());
    assert_eq!(upstream.messages(Some("initialize")).len(), 2);
    assert!(
        session
            .call("finance__get_balance", json!({ "account": "reserve" }))
            .await
            .is_answered()
    );
}

#[tokio::test]
async fn what_a_server_asks_and_streams_leads_back_to_it() {
    let (dev, upstream, grant) = door().await;
    let session = Session::open_with_all(&dev, "analyst").await;
    let other = Session::open_with_all(&dev, "analyst").await;
    let mut stream = session.stream(1, "edge__asks").await;
    let asked = stream.next().await.unwrap();
    let content = json!({ "action": "decline" });
    assert_eq!(other.respond(&asked["id"], content.clone()).await.status, 400);
    assert_eq!(session.respond(&asked["id"], content.clone()).await.status, 202);
    assert_eq!(text(&stream.next().await.unwrap()), content.to_string());
    assert_eq!(session.respond(&asked["id"], content.clone()).await.status, 400);
    assert_eq!(upstream.messages(None).len(), 1);

    let mut stream = session.stream(2, "edge__resumable").await;
    stream.next_event().await.unwrap();
    let last = stream.next_event().await.unwrap().id.unwrap();
    drop(stream);
    upstream.release();
    assert_eq!(other.get(Some(&last)).send().await.unwrap().status(), 404);
    let answer = session.listen(Some(&last)).await.next().await.unwrap();
    assert_eq!((&answer["id"], text(&answer)), (&json!(2), "\"resumed\""));

    // Nothing of it leads there once the grant is gone.
    let mut stream = session.stream(3, "edge__asks").await;
    let asked = stream.next().await.unwrap();
    let mut listening = session.listen(None).await;
    let received = upstream.received().len();
    let admin = dev.admin("admin").await;
    admin.delete(&format!("/grants/{grant}")).await.expect(200);
    let cut = stream.next().await.unwrap();
    assert_eq!(
        (&cut["id"], &cut["error"]["data"]["reason"]),
        (&json!(3), &json!("unknown_server"))
    );
    let changed = listening.next().await.unwrap();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert!(session.respond(&asked["id"], content).await.status >= 400);
    assert_eq!(session.get(Some(&last)).send().await.unwrap().status(), 404);
    let call = session.call("edge__echo", json!({})).await;
    assert_eq!((call.status, call.error().1.as_str()), (200, "unknown_tool"));
    assert_eq!(upstream.received().len(), received);
    let calls = dev.settled_calls(4).await;
    let outcomes: Vec<&str> = calls
        .iter()
        .map(|call| call["outcome"].as_str().unwrap())
        .collect();
    assert!(
        outcomes.starts_with(&["succeeded", "succeeded", "cancelled"]),
        "{outcomes:?}"
    );
}
