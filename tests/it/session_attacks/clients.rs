//! What clients carry, and how they write it.

use onedoor_tests::{
    idp::CLIENT,
    mcp::{Answer, Events, Mcp},
    scripted::{PLAY, Received, Script, Scripted, done, event},
    wait,
};
use reqwest::Method;
use serde_json::json;

use super::{Scene, ask, log, opened, play};

#[tokio::test]
async fn a_session_is_of_one_app_and_one_registration_and_needs_a_token() {
    let scene = Scene::new().await;
    scene
        .admin
        .change_issuer("tests", |issuer| {
            issuer["data"]["clients"] = json!([CLIENT, "other"]);
        })
        .await;
    let session = scene.session().await;
    let with = |app: &str| {
        let mut claims = scene.idp.claims("u", &["g"]);
        claims["azp"] = json!(app);
        scene.idp.sign(&claims)
    };
    assert!(
        session
            .by(&with(CLIENT))
            .call(PLAY, Script::events(&[done()]).arguments())
            .await
            .is_answered()
    );
    let sent = scene.upstream.received().len();
    let refused = session.named("nonsense").request("ping", json!({})).await;
    assert_eq!(
        (refused.status, refused.error().1.as_str()),
        (404, "unknown_session")
    );
    let other = session.by(&with("other")).request("ping", json!({})).await;
    assert_eq!((other.status, &other.text), (404, &refused.text));
    let mut nobody = session.clone();
    nobody.token = None;
    for answer in [
        nobody.request("ping", json!({})).await,
        nobody.end().await,
        Answer::of(nobody.get(None)).await,
    ] {
        assert_eq!(answer.status, 401);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    // Its server goes, and another one comes by its name.
    scene.admin.act("edge", "retire").await.expect(200);
    assert_eq!(session.request("ping", json!({})).await.text, refused.text);
    scene.admin.open(&scene.upstream.manifest("edge")).await;
    scene
        .admin
        .grant(&scene.idp.group("g"), "edge", None, "production")
        .await;
    assert_eq!(session.request("ping", json!({})).await.text, refused.text);
    assert_eq!(scene.upstream.received().len(), sent);
    assert_eq!(scene.session().await.request("ping", json!({})).await.status, 200);
}

#[tokio::test]
async fn what_is_sealed_leads_back_to_where_it_came_from_and_nowhere_else() {
    let scene = Scene::new().await;
    let far = Scripted::start().await;
    scene.admin.open(&far.manifest("far")).await;
    scene
        .admin
        .grant(&scene.idp.group("g"), "far", None, "production")
        .await;
    let capabilities = json!({ "elicitation": {} });
    let all = scene.session_at(&scene.all(), capabilities.clone()).await;
    let again = scene.session_at(&scene.all(), capabilities).await;
    let script = Script::events(&[event(Some("place"), &ask(&json!(7), "elicitation/create"))]).held();
    let mut asked = Vec::new();
    for (session, tool) in [(&all, "edge__play"), (&all, "far__play"), (&again, "far__play")] {
        let mut stream = opened(session, asked.len() as u64, tool, &script).await;
        let event = stream.next_event().await.unwrap();
        asked.push((event.message.unwrap()["id"].clone(), event.id.unwrap(), stream));
    }
    // Of one id of the servers', each session and server makes another.
    for (one, two) in [(0, 1), (1, 2), (0, 2)] {
        assert_ne!(asked[one].0, asked[two].0);
        assert_ne!(asked[one].1, asked[two].1);
    }
    // Another session of the same user is not who was asked, nor whose stream it is.
    let content = json!({ "action": "decline" });
    assert_eq!(again.respond(&asked[1].0, content.clone()).await.status, 400);
    assert_eq!(Answer::of(again.get(Some(&asked[1].1))).await.status, 404);
    // An event id is no request's id, and the other way round.
    assert_eq!(all.respond(&json!(asked[1].1), content.clone()).await.status, 400);
    let id = asked[1].0.as_str().unwrap();
    assert_eq!(Answer::of(all.get(Some(id))).await.status, 404);
    assert_eq!(far.responses().len() + scene.upstream.responses().len(), 0);
    // No other type of id is one.
    for id in [
        json!(7),
        json!(null),
        json!(1.5),
        json!([asked[1].0]),
        json!(true),
    ] {
        assert_eq!(all.respond(&id, content.clone()).await.status, 400, "{id}");
    }
    assert_eq!(all.respond(&asked[1].0, content.clone()).await.status, 202);
    assert_eq!(all.respond(&asked[1].0, content).await.status, 400);
    assert_eq!((far.responses().len(), scene.upstream.responses().len()), (1, 0));
    assert_eq!(far.responses()[0]["id"], 7);
    // The rest of a stream comes from the server that broke it off.
    let (_, place, stream) = asked.swap_remove(1);
    drop(stream);
    far.open(1).await;
    far.answers("GET", Script::events(&[done().replace("$ID", "1")]));
    let rest = all.listen(Some(&place)).await.next().await.unwrap();
    assert_eq!(rest["id"], 1, "{rest}");
    let got = far.received().pop().unwrap();
    assert_eq!(
        (
            got.method.as_str(),
            got.headers["last-event-id"].to_str().unwrap()
        ),
        ("GET", "place")
    );
    assert!(
        scene
            .upstream
            .received()
            .iter()
            .all(|one| one.method == Method::POST)
    );
}

#[tokio::test]
async fn headers_must_agree_with_the_message_and_batches_are_none() {
    let scene = Scene::new().await;
    let session = scene.session().await;
    let sent = scene.upstream.received().len();
    let message = play(1, PLAY, &Script::events(&[done()]));
    let with = async |name: &str, value: &str| {
        let request = session
            .builder(Method::POST)
            .header("Accept", "application/json, text/event-stream")
            .header(name, value)
            .json(&message);
        Answer::of(request).await.status
    };
    for (name, value) in [
        ("Mcp-Method", "tools/list"),
        ("Mcp-Name", "another"),
        ("Mcp-Session-Id", "another"),
        ("MCP-Protocol-Version", "2025-06-18"),
        ("Content-Encoding", "gzip"),
    ] {
        let status = with(name, value).await;
        assert!(matches!(status, 400 | 415), "{name}: {status}");
    }
    let batch = json!([message, { "jsonrpc": "2.0", "id": 2, "method": "ping" }]);
    for batch in [&batch, &json!([])] {
        assert_eq!(session.send(batch).await.status, 400);
    }
    assert_eq!(scene.upstream.received().len(), sent);
    for (name, value) in [("Mcp-Method", "tools/call"), ("Mcp-Name", PLAY)] {
        assert_eq!(with(name, value).await, 200, "{name}");
    }
}

#[tokio::test]
async fn a_header_that_mirrors_an_argument_must_agree_if_it_comes() {
    let scene = Scene::new().await;
    let mut manifest = scene.upstream.manifest("mapped");
    manifest.tools[0]["inputSchema"]["properties"] =
        json!({ "region": { "type": "string", "x-mcp-header": "Region" } });
    scene.admin.open(&manifest).await;
    scene
        .admin
        .grant(&scene.idp.group("g"), "mapped", None, "production")
        .await;
    let session = scene.session_at(&scene.dev.endpoint("mapped"), json!({})).await;
    let mut message = play(1, PLAY, &Script::events(&[done()]));
    message["params"]["arguments"]["region"] = json!("west");
    let calls = |received: Vec<Received>| {
        received
            .iter()
            .filter(|one| one.body["method"] == "tools/call")
            .count()
    };
    for (header, status, called) in [
        (None, 200, 1),
        (Some("west"), 200, 2),
        (Some("east"), 400, 2),
        (Some(""), 400, 2),
    ] {
        let mut request = session
            .builder(Method::POST)
            .header("Accept", "application/json, text/event-stream")
            .json(&message);
        if let Some(header) = header {
            request = request.header("Mcp-Param-Region", header);
        }
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{header:?}: {}", answer.text);
        assert_eq!(calls(scene.upstream.received()), called, "{header:?}");
    }
}

#[tokio::test]
async fn the_other_era_knows_no_sessions() {
    let scene = Scene::new().await;
    let session = scene.session().await;
    let mut plain = session.clone();
    (plain.id, plain.revision) = (None, None);
    for stateless in [None, Some("2026-07-28")] {
        for method in [Method::GET, Method::DELETE] {
            let mut request = plain.builder(method).header("Accept", "text/event-stream");
            if let Some(version) = stateless {
                request = request
                    .header("MCP-Protocol-Version", version)
                    .header("Mcp-Session-Id", session.id.as_ref().unwrap());
            }
            let answer = Answer::of(request).await;
            assert_eq!(
                (answer.status, &answer.headers["allow"]),
                (405, &"POST".parse().unwrap())
            );
        }
    }
    // A session's id says nothing there, be it good or bad.
    let mcp = Mcp::new(&scene.dev.http, &scene.dev.endpoint("edge"), &scene.token);
    let body = Mcp::body("tools/list", json!({}));
    let list = Answer::of(mcp.post(&body)).await.result();
    for id in [session.id.as_deref().unwrap(), "nonsense"] {
        let answer = Answer::of(mcp.post(&body).header("Mcp-Session-Id", id)).await;
        assert_eq!(answer.result(), list);
    }
}

#[tokio::test]
async fn an_id_is_one_however_it_is_written() {
    let scene = Scene::new().await;
    let session = scene.session().await;
    let script = Script::events(&[log()]).held();
    let raw = |id: &str| {
        let body = play(1, PLAY, &script)
            .to_string()
            .replace("\"id\":1", &format!("\"id\":{id}"));
        session
            .builder(Method::POST)
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .body(body)
    };
    let response = wait::within("a head", raw(r#""a""#).send()).await.unwrap();
    let mut first = Events::new(response);
    first.next().await.unwrap();
    let again = Answer::of(raw(r#""\u0061""#)).await;
    assert_eq!(again.status, 400, "{}", again.text);
    // Another one is another one, and it is cancelled alone.
    let response = wait::within("a head", raw("2").send()).await.unwrap();
    let mut second = Events::new(response);
    second.next().await.unwrap();
    let told = session
        .notify("notifications/cancelled", json!({ "requestId": 2 }))
        .await;
    assert_eq!(told.status, 202);
    assert_eq!(second.next().await, None);
    scene.upstream.open(1).await;
}
