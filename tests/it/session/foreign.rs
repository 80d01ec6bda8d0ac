//! A session is its principal's, at its endpoint, and nobody else's.

use onedoor_tests::{mcp::Answer, session::Session};
use serde_json::json;

use super::door;

/// What an answer tells.
fn told(answer: &Answer) -> (u16, String) {
    let mut body = answer.last().clone();
    body["id"] = json!(null);
    (answer.status, body.to_string())
}

#[tokio::test]
async fn a_session_of_someone_else_is_none_word_for_word() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let id = session.id.clone().unwrap();
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("other")).await;
    for slug in ["edge", "other"] {
        let everyone = onedoor_tests::admin::Holder {
            name: dev.places.groups.hr.clone(),
            ..dev.analysts()
        };
        admin.grant(&everyone, slug, None, "production").await;
    }
    admin.grant(&dev.analysts(), "other", None, "production").await;
    let manager = Session::open(&dev, "edge", "manager").await;
    assert!(manager.call("echo", json!({})).await.is_answered());
    let sent = upstream.received().len();

    // One that was never there, and one that was changed.
    let unknown = session.named("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let refused = told(&unknown.call("echo", json!({})).await);
    assert_eq!(refused.0, 404);
    let flipped = if id.ends_with('A') { "B" } else { "A" };
    let changed = session.named(&format!("{}{flipped}", &id[..id.len() - 1]));
    // Another user; the same through another client app; another endpoint of the same user; all servers at once.
    let apps = [&*dev.places.client_id, &*dev.places.rogue_client_id];
    admin.admit_only(&dev.places.issuer, &apps).await;
    let app = dev.token_for("analyst", apps[1], &dev.places.data_scope).await;
    let all = format!("{}/mcp", dev.places.data_url);
    let others = [
        manager.named(&id),
        session.by(&app),
        session.moved_to(&dev.endpoint("other")),
        session.moved_to(&dev.endpoint("edge/qa")),
        session.moved_to(&all),
        changed,
    ];
    for other in &others {
        assert_eq!(told(&other.call("echo", json!({})).await), refused);
        assert_eq!(told(&other.request("ping", json!({})).await), refused);
        assert_eq!(told(&other.end().await), refused);
        let notified = other
            .notify("notifications/cancelled", json!({ "requestId": 1 }))
            .await;
        assert_eq!(told(&notified), refused);
        let listened = Answer::of(other.get(None)).await;
        assert_eq!(told(&listened), refused);
    }
    assert_eq!(upstream.received().len(), sent, "something was sent on");
    assert!(session.call("echo", json!({})).await.is_answered());
}

#[tokio::test]
async fn a_session_does_not_outlive_its_grant() {
    let (dev, upstream, grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let admin = dev.admin("admin").await;
    admin.delete(&format!("/grants/{grant}")).await.expect(200);
    let sent = upstream.received().len();
    for answer in [
        session.call("echo", json!({})).await,
        session.request("tools/list", json!({})).await,
        session
            .request("logging/setLevel", json!({ "level": "info" }))
            .await,
    ] {
        assert_eq!(
            (answer.status, answer.error().1.as_str()),
            (200, "unknown_server")
        );
    }
    let again = session.named("x").initialize("2025-11-25", json!({})).await;
    assert_eq!((again.status, again.error().1.as_str()), (200, "unknown_server"));
    assert_eq!(upstream.received().len(), sent);
    // Each of them is on the record.
    let calls = dev.settled_calls(4).await;
    assert!(
        calls
            .iter()
            .all(|call| call["outcome"] == "denied" && call["cause"] == "server_not_granted"),
        "{calls:?}"
    );
}
