//! A session from its first message to its end.

use onedoor_tests::{dev::Dev, session::Session, session_upstream::SessionUpstream};
use serde_json::json;

use super::door;

#[tokio::test]
async fn it_is_begun_with_the_server_and_told_from_the_manifest() {
    let (dev, upstream, _grant) = door().await;
    let token = dev.token("analyst").await;
    let nobody = Session::at(&dev.http, &dev.endpoint("edge"), Some(token.clone()));
    for (asked, given) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
    ] {
        let answer = nobody.initialize(asked, json!({ "elicitation": {} })).await;
        assert_eq!(
            answer.result(),
            json!({
                "protocolVersion": given,
                "capabilities": { "tools": { "listChanged": true }, "logging": {} },
                "serverInfo": { "name": "edge", "version": "1.0.0" },
                "instructions": "A server of the end-to-end tests",
            })
        );
        let sent = upstream.messages(Some("initialize")).pop().unwrap();
        let params = &sent.body["params"];
        assert_eq!(params["protocolVersion"], given);
        assert_eq!(params["capabilities"], json!({ "elicitation": {} }));
        assert_eq!(params["clientInfo"]["name"], "onedoor");
        // Token B, and not the client's.
        let authorization = sent.header("authorization").unwrap();
        assert!(authorization.starts_with("Bearer ") && !authorization.contains(token.signature()));
    }
    // No two ids are the same, and none shows the server's.
    let (one, other) = (
        nobody.clone().begun(json!({})).await,
        nobody.begun(json!({})).await,
    );
    assert_ne!(one.id, other.id);
    let told = upstream.message(Some("notifications/initialized")).await;
    let theirs = told.header("mcp-session-id").unwrap();
    assert_eq!(told.header("mcp-protocol-version"), Some("2025-11-25"));
    assert!(
        ![one.id.unwrap(), other.id.unwrap()]
            .iter()
            .any(|id| id.contains(theirs))
    );
}

#[tokio::test]
async fn it_lists_calls_and_ends() {
    let (dev, upstream, _grant) = door().await;
    dev.admin("admin")
        .await
        .set(|settings| settings["limits"]["page"] = json!(2))
        .await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let tools = session.tools().await;
    assert_eq!(tools.len(), upstream.manifest("edge").tools.len());
    // Nothing of the other era in it.
    let page = session.request("tools/list", json!({})).await.result();
    assert_eq!(
        page.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["nextCursor", "tools"]
    );
    assert_eq!(session.request("ping", json!({})).await.result(), json!({}));
    assert_eq!(
        session.request("resources/list", json!({})).await.error().0,
        -32601
    );

    let answer = session.call("echo", json!({ "text": "hi" })).await;
    assert_eq!(answer.result()["content"][0]["text"], r#"{"text":"hi"}"#);
    let sent = upstream.message(Some("tools/call")).await;
    let begun = upstream.message(Some("notifications/initialized")).await;
    assert_eq!(sent.header("mcp-session-id"), begun.header("mcp-session-id"));
    assert_eq!(sent.header("mcp-protocol-version"), Some("2025-11-25"));
    assert_eq!(sent.header("mcp-method"), None);
    assert_eq!(sent.header("onedoor-call-id"), Some(answer.call_id().as_str()));

    let level = session
        .request("logging/setLevel", json!({ "level": "debug" }))
        .await;
    assert_eq!(level.result(), json!({}));
    let level = upstream.message(Some("logging/setLevel")).await;
    assert_eq!(level.body["params"], json!({ "level": "debug" }));

    assert_eq!(session.end().await.status, 200);
    let ended = upstream.received().pop().unwrap();
    assert_eq!(
        (ended.method.as_str(), ended.header("mcp-session-id")),
        ("DELETE", begun.header("mcp-session-id"))
    );
    // Only what called a tool is on the record, and it says in which way.
    let calls = dev.settled_calls(1).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(
        (&calls[0]["tool"], &calls[0]["outcome"], &calls[0]["call"]),
        (&json!("echo"), &json!("succeeded"), &json!(answer.call_id()))
    );
}

#[tokio::test]
async fn it_goes_on_after_a_restart_of_the_door() {
    let (mut dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.stream(1, "resumable").await;
    stream.next_event().await.unwrap();
    let last = stream.next_event().await.unwrap().id.unwrap();
    drop(stream);
    assert_eq!(dev.stop().await.code(), Some(0));

    let dev = dev.restart().await;
    let session = session.moved_to(&dev.endpoint("edge"));
    assert!(session.call("echo", json!({})).await.is_answered());
    assert_eq!(upstream.messages(Some("initialize")).len(), 1);
    // What was streaming, too.
    upstream.release();
    let rest = session.listen(Some(&last)).await.next().await.unwrap();
    assert_eq!(rest["result"]["content"][0]["text"], "\"resumed\"");
}

#[tokio::test]
async fn it_is_of_the_version_it_was_begun_with() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    assert!(session.call("echo", json!({})).await.is_answered());
    let admin = dev.admin("admin").await;
    let mut next = upstream.manifest("edge");
    next.version = "2.0.0".to_owned();
    admin.update(&next).await;
    admin.act("edge", "approve").await.expect(200);
    assert!(session.call("echo", json!({})).await.is_answered());
    admin.act("edge", "promote").await.expect(200);
    // Clients begin another one after a 404.
    assert_eq!(session.call("echo", json!({})).await.status, 404);
    assert_eq!(session.request("tools/list", json!({})).await.status, 404);
    assert_eq!(session.end().await.status, 404);
    let next = Session::open(&dev, "edge", "analyst").await;
    assert!(next.call("echo", json!({})).await.is_answered());
}

#[tokio::test]
async fn a_server_that_forgot_it_ends_it() {
    let (dev, _upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let answer = session.call("forgets", json!({})).await;
    assert_eq!(
        (answer.status, answer.error().1.as_str()),
        (404, "unknown_session")
    );
    let calls = dev.settled_calls(1).await;
    assert_eq!(calls[0]["outcome"], "upstream_error");
}

#[tokio::test]
async fn what_a_request_must_say_of_it() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let call = async |change: &dyn Fn(&mut Session)| {
        let mut changed = session.clone();
        change(&mut changed);
        changed.call("echo", json!({})).await
    };
    assert_eq!(call(&|_| {}).await.status, 200);
    // A client of 2025-03-26 says no revision.
    assert_eq!(call(&|session| session.revision = None).await.status, 200);
    let told = upstream.messages(Some("tools/call")).len();
    for (status, change) in [
        (
            400,
            (&|session: &mut Session| session.id = None) as &dyn Fn(&mut Session),
        ),
        (400, &|session| session.revision = Some("2025-06-18".to_owned())),
        (400, &|session| session.revision = Some("2024-11-05".to_owned())),
        (404, &|session| session.id = Some("x".repeat(200))),
        (400, &|session| session.id = Some("x".repeat(5_000))),
    ] {
        let refused = call(change).await;
        assert_eq!(refused.status, status, "{}", refused.text);
        assert!(refused.last()["error"].is_object(), "{}", refused.text);
    }
    assert_eq!(upstream.messages(Some("tools/call")).len(), told);
}

#[tokio::test]
async fn an_answer_to_another_request_is_no_answer() {
    let (dev, _upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let answer = session.call("wrong_id", json!({})).await;
    assert_eq!(answer.error().1, "upstream_protocol", "{}", answer.text);
}

#[tokio::test]
async fn a_client_hears_from_its_server_and_when_its_tools_change() {
    let (dev, upstream, _grant) = door().await;
    let session = Session::open(&dev, "edge", "analyst").await;
    let mut stream = session.listen(None).await;
    // What the server has to say, and to ask.
    let event = stream.next_event().await.unwrap();
    assert_eq!(event.message.unwrap()["params"]["data"], "listening");
    assert_ne!(event.id.as_deref(), Some("listened"));
    let asked = stream.next().await.unwrap();
    assert_eq!(asked["method"], "roots/list");
    let roots = json!({ "roots": [] });
    assert_eq!(session.respond(&asked["id"], roots.clone()).await.status, 202);
    let told = upstream.message(None).await.body;
    assert_eq!((&told["id"], &told["result"]), (&json!(7), &roots));
    // Only what changes its tools.
    let admin = dev.admin("admin").await;
    admin.set(|settings| settings["limits"]["page"] = json!(50)).await;
    admin.stop("hr", "disable").await;
    admin.stop("edge", "tools/held/disable").await;
    let changed = stream.next().await.unwrap();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    let names = session.tools().await;
    assert!(!names.iter().any(|tool| tool["name"] == "held"), "{names:?}");
    // The server's stream has gone when the client has.
    upstream.open_streams(1).await;
    drop(stream);
    upstream.open_streams(0).await;
}

#[tokio::test]
async fn a_server_need_not_name_it() {
    let upstream = SessionUpstream::start_plain().await;
    let dev = Dev::start().await;
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let session = Session::open(&dev, "edge", "analyst").await;
    assert!(session.call("echo", json!({})).await.is_answered());
    assert_eq!(
        upstream
            .message(Some("tools/call"))
            .await
            .header("mcp-session-id"),
        None
    );
    // The door has something to say even where the server has no stream of its own.
    let mut stream = session.listen(None).await;
    admin.stop("edge", "tools/held/disable").await;
    let changed = stream.next().await.unwrap();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    // It forgets no session, so this is a failure as any other.
    let failed = session.call("forgets", json!({})).await;
    assert_eq!(
        (failed.status, failed.error().1.as_str()),
        (200, "upstream_status")
    );
}
