//! What servers say that they must not, and what they must not get.

use onedoor_tests::{
    mcp::Mcp,
    scripted::{PLAY, Script, done, event},
    session::Session,
    wait,
};
use reqwest::Method;
use serde_json::json;

use super::{Scene, ask, log, notification, pair, play};

#[tokio::test]
async fn what_a_server_must_not_say_in_answer_to_a_call() {
    let scene = Scene::new().await;
    let session = scene.session().await;
    let progress = |token: &str| {
        let params = json!({ "progressToken": token, "progress": 1 });
        event(None, &notification("notifications/progress", &params))
    };
    let foreign = event(None, r#"{"jsonrpc":"2.0","id":"another","result":{}}"#);
    let twice = event(None, r#"{"jsonrpc":"2.0","id":$ID,"result":{},"result":{}}"#);
    let nameless = event(
        None,
        r#"{"jsonrpc":"2.0","id":null,"method":"elicitation/create"}"#,
    );
    let huge = event(None, &"x".repeat(2 << 20));
    let far = event(Some(&"x".repeat(1_025)), "{}");
    let good = pair("succeeded", "");
    let protocol = (pair("upstream_error", "protocol"), "upstream_protocol");
    let too_large = (pair("upstream_error", "too_large"), "upstream_too_large");
    // What the client gets before the last message, and that one's reason if it is an error.
    let cases = [
        (vec![done()], 0, (good.clone(), "")),
        (vec![progress("progress"), done()], 1, (good.clone(), "")),
        (vec![progress("another"), done()], 0, (good.clone(), "")),
        // What follows the response is never read.
        (vec![done(), done()], 0, (good, "")),
        (vec![foreign, done()], 0, protocol.clone()),
        (vec![twice], 0, protocol.clone()),
        (vec![event(None, "{")], 0, protocol.clone()),
        (vec![nameless], 0, protocol.clone()),
        (vec![progress("progress")], 1, protocol),
        (vec![huge], 0, too_large.clone()),
        (vec![far, done()], 0, too_large),
    ];
    let mut outcomes = Vec::new();
    for (events, before, (outcome, reason)) in cases {
        let answer = session.send(&play(1, PLAY, &Script::events(&events))).await;
        assert_eq!(answer.messages.len(), before + 1, "{events:?}: {}", answer.text);
        assert_eq!(answer.last()["id"], 1, "{}", answer.text);
        let told = answer.last()["error"]["data"]["reason"].as_str();
        assert_eq!(told.unwrap_or_default(), reason, "{}", answer.text);
        outcomes.push(outcome);
    }
    assert_eq!(scene.outcomes(outcomes.len()).await, outcomes);
}

#[tokio::test]
async fn what_a_server_must_not_say_on_its_own_stream() {
    let scene = Scene::new().await;
    let session = scene.session().await;
    let response = event(Some("1"), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    for bad in [response, event(None, "{"), event(Some(&"x".repeat(1_025)), "")] {
        scene
            .upstream
            .answers("GET", Script::events(&[log(), bad, log()]).held());
        let mut stream = session.listen(None).await;
        assert_eq!(stream.next().await.unwrap()["method"], "notifications/message");
        assert_eq!(stream.next().await, None);
        scene.upstream.open(0).await;
    }
}

#[tokio::test]
async fn a_session_id_that_is_too_long_is_no_session() {
    let scene = Scene::new().await;
    let nobody = Session::at(
        &scene.dev.http,
        &scene.dev.endpoint("edge"),
        Some(scene.token.clone()),
    );
    for (length, reason) in [(1_024, ""), (1_025, "upstream_protocol")] {
        scene.upstream.names_sessions(&"s".repeat(length));
        let answer = nobody.initialize("2025-11-25", json!({})).await;
        let told = answer.last()["error"]["data"]["reason"].as_str();
        assert_eq!(told.unwrap_or_default(), reason, "{}", answer.text);
        assert_eq!(answer.headers.contains_key("mcp-session-id"), reason.is_empty());
    }
    // The longest that is one can be used.
    scene.upstream.names_sessions(&"s".repeat(1_024));
    assert_eq!(scene.session().await.end().await.status, 200);
}

#[tokio::test]
async fn one_client_cannot_spoil_a_server_for_others() {
    let scene = Scene::new().await;
    // A server that minds what this client declares.
    let error = r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"no"}}"#;
    for script in [Script::json(400, error), Script::json(200, error)] {
        scene.upstream.answers("initialize", script);
        let nobody = Session::at(
            &scene.dev.http,
            &scene.dev.endpoint("edge"),
            Some(scene.token.clone()),
        );
        let refused = nobody
            .initialize("2025-11-25", json!({ "sampling": { "x": {} } }))
            .await;
        assert_eq!(refused.error().1, "upstream_status", "{}", refused.text);
        scene.upstream.recovers("initialize");
        assert_eq!(scene.session().await.end().await.status, 200);
    }
}

#[tokio::test]
async fn a_client_is_asked_only_what_it_declared_whichever_way() {
    let scene = Scene::new().await;
    let asked = [
        "elicitation/create",
        "sampling/createMessage",
        "roots/list",
        "x/y",
    ];
    let mut events: Vec<String> = asked
        .iter()
        .map(|method| event(None, &ask(&json!(method), method)))
        .collect();
    events.push(done());
    let script = Script::events(&events).held();
    for (url, tool) in [
        (scene.dev.endpoint("edge"), PLAY.to_owned()),
        (scene.all(), format!("edge__{PLAY}")),
    ] {
        let before = scene.upstream.responses().len();
        let session = scene.session_at(&url, json!({})).await;
        let answer = session.send(&play(1, &tool, &script)).await;
        assert_eq!(answer.messages.len(), 1, "{}", answer.text);
        let begun: Vec<_> = scene.upstream.received();
        let begun = begun
            .iter()
            .rev()
            .find(|one| one.body["method"] == "initialize")
            .unwrap();
        assert_eq!(begun.body["params"]["capabilities"], json!({}));
        // The door says no in its stead.
        let told = wait::until("the door's answers", async || {
            let told = scene.upstream.responses().split_off(before);
            (told.len() == asked.len()).then_some(told)
        })
        .await;
        assert!(
            told.iter().all(|told| told["error"]["code"] == -32601),
            "{told:?}"
        );
        // One that declared it is asked.
        let session = scene.session_at(&url, json!({ "elicitation": {} })).await;
        let answer = session.send(&play(1, &tool, &script)).await;
        assert_eq!(
            answer.messages[0]["method"], "elicitation/create",
            "{}",
            answer.text
        );
        assert_eq!(answer.messages.len(), 2);
        wait::until("the door's other answers", async || {
            let told = scene.upstream.responses().len() - before;
            (told == 2 * asked.len() - 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_clients_token_goes_nowhere() {
    let scene = Scene::new().await;
    scene.upstream.answers("GET", Script::events(&[log()]));
    let script = Script::events(&[log(), event(None, &ask(&json!(7), "elicitation/create")), done()]);
    // A question about its eras, a session of its own, one with all servers.
    let mcp = Mcp::new(&scene.dev.http, &scene.dev.endpoint("edge"), &scene.token);
    mcp.request("server/discover", json!({})).await;
    let all = scene.session_at(&scene.all(), json!({ "elicitation": {} })).await;
    all.send(&play(1, &format!("edge__{PLAY}"), &script)).await;
    let session = scene.session().await;
    let answer = session.send(&play(1, PLAY, &script)).await;
    let asked = answer
        .messages
        .iter()
        .find(|one| one["method"] == "elicitation/create")
        .unwrap();
    assert_eq!(
        session
            .respond(&asked["id"], json!({ "action": "cancel" }))
            .await
            .status,
        202
    );
    let told = session
        .notify(
            "notifications/progress",
            json!({ "progressToken": 1, "progress": 1 }),
        )
        .await;
    assert_eq!(told.status, 202);
    session.listen(None).await.next().await.unwrap();
    session.end().await;
    let received = scene.upstream.received();
    let kinds = [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "notifications/progress",
        "tools/call",
    ];
    for kind in kinds {
        assert!(received.iter().any(|one| one.body["method"] == kind), "{kind}");
    }
    for method in [Method::GET, Method::DELETE] {
        assert!(received.iter().any(|one| one.method == method), "{method}");
    }
    assert_eq!(scene.upstream.responses().len(), 1);
    for one in &received {
        let heads: String = one
            .headers
            .values()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert!(one.headers.contains_key("authorization"), "{}", one.text);
        assert!(!heads.contains(scene.token.signature()) && !one.text.contains(scene.token.signature()));
        for ours in [&session.id, &all.id] {
            assert!(
                !heads.contains(ours.as_deref().unwrap()),
                "the door's session id went upstream"
            );
        }
    }
}
