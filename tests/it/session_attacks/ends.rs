//! What ends a stream, whatever its client does.

use onedoor_tests::{
    manifest::{Manifest, route},
    mcp::{Answer, Mcp, REVISION},
    raw::RawRequest,
    scripted::{PLAY, Script, done, event},
    session::Session,
    wait,
};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{Scene, log, notification, opened, pair, play};

#[tokio::test]
async fn what_an_administrator_does_cuts_every_stream() {
    let scene = Scene::new().await;
    let tool = format!("edge__{PLAY}");
    scene.upstream.answers("GET", Script::events(&[log()]).held());
    let script = Script::events(&[log()]).held();
    for (number, cause) in [(1, "server_disabled"), (2, "blocked")] {
        let session = scene.session().await;
        let all = scene.session_at(&scene.all(), json!({})).await;
        let (mut own, mut every) = (session.listen(None).await, all.listen(None).await);
        let mut call = opened(&session, 1, PLAY, &script).await;
        let mut federated = opened(&all, 1, &tool, &script).await;
        for stream in [&mut own, &mut call, &mut federated] {
            stream.next().await.unwrap();
        }
        scene.upstream.open(3).await;
        if number == 1 {
            scene.admin.stop("edge", "disable").await;
        } else {
            scene.block().await;
        }
        for stream in [&mut call, &mut federated] {
            let last = stream.next().await.unwrap();
            assert_eq!(last["error"]["data"]["reason"], cause, "{last}");
            assert_eq!(stream.next().await, None);
        }
        assert_eq!(own.next().await, None);
        scene.upstream.open(0).await;
        if number == 1 {
            // All servers are more than the one.
            assert_eq!(
                every.next().await.unwrap()["method"],
                "notifications/tools/list_changed"
            );
            scene.admin.act("edge", "enable").await.expect(200);
        } else {
            assert_eq!(every.next().await, None);
            let sent = scene.upstream.received().len();
            for session in [&session, &all] {
                assert_eq!(Answer::of(session.get(None)).await.status, 404);
                let told = session.notify("notifications/progress", json!({ "progressToken": 1 }));
                assert_ne!(told.await.status, 200);
            }
            assert_eq!(scene.upstream.received().len(), sent);
        }
        let outcomes = scene.outcomes(2).await;
        let cut = outcomes
            .iter()
            .filter(|one| **one == pair("cancelled", "revoked"));
        assert_eq!(cut.count(), 2 * number, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nothing() {
    let scene = Scene::new().await;
    let mut service = Manifest::new("service", &scene.upstream.url, []);
    (service.http, service.tools) = (true, vec![route("loud", "GET", "/loud")]);
    scene.admin.open(&service).await;
    scene
        .admin
        .grant(&scene.idp.group("g"), "service", None, "production")
        .await;
    let session = scene.session().await;
    // More than all the buffers on the way take.
    let progress = json!({ "progressToken": "progress", "progress": 1, "message": "x".repeat(500_000) });
    let loud = event(None, &notification("notifications/progress", &progress));
    let script = Script::events(&[loud]).repeated(100).held();
    scene.upstream.answers("GET", script.clone());
    let host = scene.dev.data_address();
    let request = |start: &str| {
        RawRequest::new(start, host)
            .with("Authorization", &format!("Bearer {}", scene.token.expose()))
            .with("Content-Type", "application/json")
            .with("Accept", "application/json, text/event-stream")
    };
    let call = play(1, PLAY, &script);
    let mut stateless = call.clone();
    let meta = Mcp::meta().as_object().unwrap().clone();
    stateless["params"]["_meta"].as_object_mut().unwrap().extend(meta);
    let requests = [
        request("POST /servers/edge/mcp")
            .with("Mcp-Session-Id", session.id.as_ref().unwrap())
            .with("MCP-Protocol-Version", session.revision.as_ref().unwrap())
            .body(call.to_string()),
        request("POST /servers/edge/mcp")
            .with("MCP-Protocol-Version", REVISION)
            .with("Mcp-Method", "tools/call")
            .with("Mcp-Name", PLAY)
            .body(stateless.to_string()),
        request("GET /http/service/loud"),
    ];
    let mut clients = Vec::new();
    for request in &requests {
        let mut client = TcpStream::connect(host).await.unwrap();
        client.write_all(&request.head()).await.unwrap();
        client.write_all(&request.body).await.unwrap();
        client.readable().await.unwrap();
        clients.push(client);
        scene.upstream.open(clients.len()).await;
    }
    wait::until("open calls", async || {
        let calls = scene.dev.calls(&["--outcome", "open"]).await;
        (calls.len() == requests.len()).then_some(())
    })
    .await;
    scene.block().await;
    scene.upstream.open(0).await;
    let revoked = pair("cancelled", "revoked");
    assert_eq!(
        scene.outcomes(requests.len()).await,
        vec![revoked; requests.len()]
    );
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let mut scene = Scene::new().await;
    scene.upstream.answers("GET", Script::events(&[log()]).held());
    let long = scene.session().await;
    let mut claims = scene.idp.claims("u", &["g"]);
    let now = jiff::Timestamp::now().as_second();
    claims["exp"] = json!(now + 4);
    scene.token = scene.idp.sign(&claims);
    let session = scene.session().await;
    let (mut kept, mut own) = (long.listen(None).await, session.listen(None).await);
    let mut call = opened(&session, 1, PLAY, &Script::events(&[log()]).held()).await;
    for stream in [&mut kept, &mut own, &mut call] {
        stream.next().await.unwrap();
    }
    let last = call.next().await.unwrap();
    assert_eq!(last["error"]["data"]["reason"], "token_expired", "{last}");
    assert_eq!(own.next().await, None);
    // Those of a longer token go on.
    scene.upstream.open(1).await;
    assert_eq!(scene.outcomes(1).await, [pair("cancelled", "token_expired")]);
}

#[tokio::test]
async fn a_drain_waits_for_no_idle_stream_and_records_every_outcome() {
    let mut scene = Scene::new().await;
    let session = scene.session().await;
    scene.upstream.answers("GET", Script::events(&[log()]).held());
    let mut own = session.listen(None).await;
    own.next().await.unwrap();
    // One whose client may come back, one whose rest is read without its client.
    let resumable = Script::events(&[log()]).held();
    let other = Script::events(&[log().replace("id: log\n", "")]).held();
    for (id, script, open) in [(1, &resumable, 1), (2, &other, 2)] {
        let mut stream = opened(&session, id, PLAY, script).await;
        stream.next().await.unwrap();
        drop(stream);
        scene.upstream.open(open).await;
    }
    let begun = std::time::Instant::now();
    scene.dev.signal("TERM").await;
    assert_eq!(own.next().await, None);
    assert_eq!(scene.dev.ended().await.code(), Some(0));
    assert!(
        begun.elapsed().as_secs() < 8,
        "the drain waited for an idle stream"
    );
    scene.dev = scene.dev.restart().await;
    assert_eq!(
        scene.outcomes(2).await,
        [pair("cancelled", "drained"), pair("cancelled", "drained")]
    );
}

#[tokio::test]
async fn resumption_after_the_grant_is_gone_is_refused_and_recorded() {
    let scene = Scene::new().await;
    let grant = scene
        .admin
        .grant(&scene.idp.group("h"), "edge", None, "production")
        .await;
    let token = scene.idp.token("v", &["h"]);
    let session = Session::at(&scene.dev.http, &scene.dev.endpoint("edge"), Some(token));
    let session = session.begun(json!({})).await;
    let mut stream = opened(&session, 1, PLAY, &Script::events(&[log()]).held()).await;
    let place = stream.next_event().await.unwrap().id.unwrap();
    drop(stream);
    scene.upstream.open(0).await;
    scene
        .upstream
        .answers("GET", Script::events(&[done().replace("$ID", "1")]).held());
    scene.admin.delete(&format!("/grants/{grant}")).await.expect(200);
    let sent = scene.upstream.received().len();
    let refused = Answer::of(session.get(Some(&place))).await;
    assert_eq!(
        (refused.status, refused.error().1.as_str()),
        (404, "unknown_session")
    );
    assert_eq!(scene.upstream.received().len(), sent);
    let denied = wait::until("the denial", async || {
        let calls = scene.dev.calls(&["--outcome", "denied"]).await;
        calls.first().cloned()
    })
    .await;
    assert_eq!(denied["cause"], "server_not_granted", "{denied}");
    // With another grant, the rest is theirs.
    scene
        .admin
        .grant(&scene.idp.group("h"), "edge", None, "production")
        .await;
    assert_eq!(session.listen(Some(&place)).await.next().await.unwrap()["id"], 1);
}
