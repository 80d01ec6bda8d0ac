//! What a server asks of a client, and what comes back.

use onedoor_tests::session::Session;
use serde_json::{Value, json};

use super::door;

#[tokio::test]
async fn an_answer_goes_back_once_to_whoever_asked() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "asks").await;
    let asked = stream.next().await.unwrap();
    assert_eq!(asked["method"], "elicitation/create");
    // Not the server's own id.
    assert_ne!(asked["id"], 7);
    let (other, manager) = (
        Session::open(&dev, "edge", "analyst").await,
        session.by(&dev.token("manager").await),
    );
    let content = json!({ "action": "accept", "content": { "name": "Ada" } });
    // Neither in another session of the same user, nor by another user, nor under an id that is invented or the server's own.
    let refused = other.respond(&asked["id"], content.clone()).await;
    assert_eq!((refused.status, refused.error().1.as_str()), (400, "not_asked"));
    assert_eq!(manager.respond(&asked["id"], content.clone()).await.status, 404);
    for id in [json!(7), json!("7"), json!("AAAA"), json!("")] {
        let invented = session.respond(&id, content.clone()).await;
        assert_eq!((invented.status, &invented.text), (400, &refused.text));
    }
    assert_eq!(upstream.messages(None).len(), 0);

    let taken = session.respond(&asked["id"], content.clone()).await;
    assert_eq!((taken.status, taken.text.as_str()), (202, ""));
    let answer = stream.next().await.unwrap();
    let text: Value = serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, content);
    let told = upstream.message(None).await;
    assert_eq!((&told.body["id"], &told.body["result"]), (&json!(7), &content));
    let begun = upstream.messages(Some("initialize")).len();
    assert_eq!(begun, 2);

    // And not again.
    let again = session.respond(&asked["id"], content).await;
    assert_eq!((again.status, &again.text), (400, &refused.text));
    assert_eq!(upstream.messages(None).len(), 1);
}

#[tokio::test]
async fn a_request_that_was_given_up_is_told_under_the_id_that_the_client_knows() {
    let (dev, _upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "gives_up").await;
    let asked = stream.next().await.unwrap();
    let given_up = stream.next().await.unwrap();
    assert_eq!(given_up["method"], "notifications/cancelled");
    assert_eq!(given_up["params"]["requestId"], asked["id"]);
    assert_eq!(stream.next().await.unwrap()["id"], 1);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn only_what_the_client_declared_reaches_it() {
    let (dev, upstream, _grant) = door().await;
    let token = dev.token("analyst").await;
    let nobody = Session::at(&dev.http, &dev.endpoint("edge"), Some(token));
    // It declares sampling, and neither roots nor what nobody knows; a ping the door answers.
    let session = nobody.begun(json!({ "sampling": {}, "experimental": {} })).await;
    let sent = upstream.message(Some("initialize")).await;
    assert_eq!(sent.body["params"]["capabilities"], json!({ "sampling": {} }));
    let mut stream = session.stream(1, "asks_all").await;
    let asked = stream.next().await.unwrap();
    assert_eq!(asked["method"], "sampling/createMessage");
    let sampled = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "x" } });
    assert_eq!(session.respond(&asked["id"], sampled.clone()).await.status, 202);
    let answer = stream.next().await.unwrap();
    let told: Value = serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(told, json!([{}, -32601, sampled, -32601]));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn nothing_is_answered_once_the_grant_is_gone() {
    let (dev, upstream, grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "asks").await;
    let asked = stream.next().await.unwrap();
    dev.admin("admin")
        .await
        .delete(&format!("/grants/{grant}"))
        .await
        .expect(200);
    // The stream is cut with what it was granted by.
    let last = stream.next().await.unwrap();
    assert_eq!(last["error"]["data"]["reason"], "unknown_server", "{last}");
    assert_eq!(stream.next().await, None);
    let refused = session
        .respond(&asked["id"], json!({ "action": "decline" }))
        .await;
    assert_eq!(refused.status, 404, "{}", refused.text);
    assert_eq!(upstream.messages(None).len(), 0);
    let calls = dev.settled_calls(2).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["cause"]),
        (&json!("cancelled"), &json!("revoked"))
    );
}
