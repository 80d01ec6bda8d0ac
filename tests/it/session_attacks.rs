//! Sessions under attack, by clients and by servers: what must not pass does not, and what must be on the record is.

use onedoor_tests::{
    admin::Admin,
    dev::Dev,
    idp::{CLIENT, Idp, TENANT},
    manifest::{Manifest, route},
    mcp::{Answer, Events, Mcp, REVISION},
    raw::RawRequest,
    scripted::{PLAY, Script, Scripted, done, event},
    session::Session,
    token::Token,
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// A door with a scripted server behind `edge`, which those of the group `g` may use.
struct Scene {
    dev: Dev,
    admin: Admin,
    idp: Idp,
    upstream: Scripted,
    token: Token,
}

impl Scene {
    async fn new() -> Self {
        let (dev, upstream, idp) = tokio::join!(Dev::start(), Scripted::start(), Idp::start("tests"));
        let admin = dev.admin("admin").await;
        idp.register(&admin).await;
        admin.open(&upstream.manifest("edge")).await;
        admin.grant(&idp.group("g"), "edge", None, "production").await;
        let token = idp.token("u", &["g"]);
        Self {
            dev,
            admin,
            idp,
            upstream,
            token,
        }
    }

    fn all(&self) -> String {
        format!("{}/mcp", self.dev.places.data_url)
    }

    async fn session_at(&self, url: &str, capabilities: Value) -> Session {
        let session = Session::at(&self.dev.http, url, Some(self.token.clone()));
        session.begun(capabilities).await
    }

    async fn session(&self) -> Session {
        let capabilities = json!({ "elicitation": {} });
        self.session_at(&self.dev.endpoint("edge"), capabilities).await
    }

    /// Outcome and cause of every call, in order.
    async fn outcomes(&self, number: usize) -> Vec<(String, String)> {
        let calls = self.dev.settled_calls(number).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        calls
            .iter()
            .map(|call| (text(&call["outcome"]), text(&call["cause"])))
            .collect()
    }

    async fn block(&self) -> String {
        let user = json!({ "issuer": "tests", "tenant": TENANT, "user": "u" });
        let block = self.admin.post("/blocks", json!({ "user": user })).await;
        block.expect(201).text("id")
    }
}

fn play(id: u64, tool: &str, script: &Script) -> Value {
    let meta = json!({ "progressToken": "progress" });
    let params = json!({ "name": tool, "arguments": script.arguments(), "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

/// The answer to a call, as it comes.
async fn opened(session: &Session, id: u64, tool: &str, script: &Script) -> Events {
    let request = session
        .builder(Method::POST)
        .header("Accept", "application/json, text/event-stream")
        .json(&play(id, tool, script));
    let sent = wait::within("the head of an answer", request.send()).await;
    Events::new(sent.unwrap())
}

fn notification(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

fn ask(id: &Value, method: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} }).to_string()
}

fn log() -> String {
    event(
        Some("log"),
        &notification("notifications/message", &json!({ "level": "info", "data": 1 })),
    )
}

fn pair(outcome: &str, cause: &str) -> (String, String) {
    (outcome.to_owned(), cause.to_owned())
}

#[tokio::test]
async fn a_session_is_of_one_app_and_one_registration_and_needs_a_token() {
    let scene = Scene::new().await;
    scene
        .admin
        .change_issuer("tests", |issuer| {
            issuer["data"]["clients"] = json!([CLIENT, "other"])
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
    scene.admin.delete(&format!("/grants/{grant}")).await.expect(204);
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
