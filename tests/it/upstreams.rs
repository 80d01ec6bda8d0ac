//! Upstreams that misbehave: a clear error to the client, the right outcome on the record, and the door goes on.

use onedoor_tests::{
    dev::Dev,
    manifest::Manifest,
    mcp::Mcp,
    stack::ports,
    upstream::{Behaviour, Upstream},
};
use serde_json::{Value, json};

use crate::door;

/// What comes of a call: code and reason for the client (none: the tool's own answer), outcome and cause on the record.
type Expected = (Option<(i64, &'static str)>, &'static str, Option<&'static str>);

/// None for those that a test of its own treats.
fn expected(behaviour: Behaviour) -> Option<Expected> {
    let unreachable = (
        Some((5020, "upstream_unreachable")),
        "upstream_error",
        Some("unreachable"),
    );
    let unauthorized = (
        Some((5021, "upstream_unauthorized")),
        "upstream_error",
        Some("unauthorized"),
    );
    let status = (Some((5022, "upstream_status")), "upstream_error", Some("status"));
    let protocol = (
        Some((5023, "upstream_protocol")),
        "upstream_error",
        Some("protocol"),
    );
    let too_large = (
        Some((5024, "upstream_too_large")),
        "upstream_error",
        Some("too_large"),
    );
    let timed_out = (Some((5040, "upstream_timeout")), "timed_out", None);
    let succeeded = (None, "succeeded", None);
    Some(match behaviour {
        Behaviour::Echo | Behaviour::Stream | Behaviour::Chatters | Behaviour::LongBody => succeeded,
        Behaviour::Fails => (None, "tool_error", None),
        Behaviour::Resets | Behaviour::Closes => unreachable,
        Behaviour::Unauthorized => unauthorized,
        Behaviour::Redirects | Behaviour::ServerError | Behaviour::Accepted => status,
        Behaviour::ShortBody
        | Behaviour::CutChunks
        | Behaviour::CutStream
        | Behaviour::WebPage
        | Behaviour::WrongId
        | Behaviour::BrokenJson
        | Behaviour::TwoResults
        | Behaviour::ServerRequest
        | Behaviour::InputRequired => protocol,
        Behaviour::HugeEvent | Behaviour::HugeAnswer => too_large,
        Behaviour::HangsBeforeHead | Behaviour::HangsInBody => timed_out,
        Behaviour::Held | Behaviour::Endless | Behaviour::Long => return None,
    })
}

#[tokio::test]
async fn every_way_to_misbehave_has_its_error_and_its_outcome() {
    let (dev, upstream, elsewhere) = tokio::join!(Dev::start(), Upstream::start(), Upstream::start());
    upstream.redirect_to(&elsewhere.url);
    let admin = dev.admin("admin").await;
    let mut manifest = upstream.manifest("edge");
    manifest.timeouts = json!({ "connectMs": 1_000, "firstByteMs": 2_000, "totalMs": 3_000 });
    admin.open(&manifest).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let edge = dev.mcp("edge", "analyst").await;
    let mut calls = Vec::new();
    for (behaviour, expected) in Behaviour::ALL.into_iter().filter_map(|b| Some((b, expected(b)?))) {
        let answer = edge
            .call(behaviour.tool(), json!({ "who": behaviour.tool() }))
            .await;
        let told = if answer.is_answered() {
            None
        } else {
            Some(answer.error())
        };
        let told = told.as_ref().map(|(code, reason)| (*code, reason.as_str()));
        assert_eq!(
            (answer.status, told),
            (200, expected.0),
            "{behaviour:?}: {}",
            answer.text
        );
        assert_eq!(answer.last()["id"], 1, "{behaviour:?}");
        calls.push((behaviour, answer.call_id(), expected));
        // Nothing of it is left for the next call.
        let next = edge.call("echo", json!({ "after": behaviour.tool() })).await;
        let text = next.result()["content"][0]["text"].as_str().unwrap().to_owned();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({ "after": behaviour.tool() })
        );
    }
    assert_eq!(elsewhere.bytes().len(), 0, "a redirect was followed");
    let record = dev.settled_calls(2 * calls.len()).await;
    for (behaviour, call, (_, outcome, cause)) in calls {
        let of_it: Vec<_> = record.iter().filter(|row| row["call"] == call.as_str()).collect();
        assert_eq!(of_it.len(), 1, "{behaviour:?}");
        assert_eq!(
            (of_it[0]["outcome"].as_str(), of_it[0]["cause"].as_str()),
            (Some(outcome), cause),
            "{behaviour:?}"
        );
        let sent = upstream
            .requests()
            .iter()
            .filter(|request| request.header("onedoor-call-id") == Some(&call))
            .count();
        assert_eq!(sent, 1, "{behaviour:?} was sent {sent} times");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_gets_nothing() {
    let dev = Dev::start().await;
    let port = ports::free();
    let admin = dev.admin("admin").await;
    admin
        .open(&Manifest::new(
            "gone",
            &format!("http://127.0.0.1:{port}/mcp"),
            ["echo"],
        ))
        .await;
    admin.grant(&dev.analysts(), "gone", None, "production").await;
    let answer = dev.mcp("gone", "analyst").await.call("echo", json!({})).await;
    assert_eq!(answer.error(), (5020, "upstream_unreachable".to_owned()));
    let calls = dev.settled_calls(1).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["cause"]),
        (&json!("not_dispatched"), &json!("unreachable"))
    );
}

#[tokio::test]
async fn streams_carry_only_what_was_asked_for_and_come_as_they_are_sent() {
    let (dev, _upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    let mut stream = edge.stream("stream", json!({})).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    for step in [1, 2] {
        let progress = stream.next().await.unwrap();
        assert_eq!(
            (
                &progress["params"]["progress"],
                &progress["params"]["progressToken"]
            ),
            (&json!(step), &json!("progress"))
        );
    }
    assert!(stream.next().await.unwrap()["result"].is_object());
    assert_eq!(stream.next().await, None);
    // No log messages, no progress of others, no requests.
    let mut stream = edge.stream("chatters", json!({})).await;
    assert!(stream.next().await.unwrap()["result"].is_object());
    assert_eq!(stream.next().await, None);
    let mut stream = edge.stream("server_request", json!({})).await;
    let only = stream.next().await.unwrap();
    assert_eq!((&only["error"]["code"], &only["id"]), (&json!(5023), &json!(1)));
    assert_eq!(stream.next().await, None);
    // The first event of a stream without end is there before its end.
    let mut stream = edge.stream("endless", json!({})).await;
    for step in 1..5 {
        assert_eq!(stream.next().await.unwrap()["params"]["progress"], step);
    }
    drop(stream);
    let calls = dev.settled_calls(4).await;
    assert_eq!(
        (&calls[3]["outcome"], &calls[3]["cause"]),
        (&json!("cancelled"), &json!("client"))
    );
}

#[tokio::test]
async fn an_upstream_gets_a_request_of_our_own_making() {
    let (dev, upstream) = door().await;
    let token = dev.token("analyst").await;
    let edge = dev.mcp_with("edge", &token);
    let mut meta = Mcp::meta();
    meta["com.example/opaque"] = json!({ "kept": [1, 2.50, "é"] });
    meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "c", "version": "1" });
    meta["baggage"] = json!("secret=1");
    let body = Mcp::body(
        "tools/call",
        json!({ "name": "echo", "arguments": { "x": 1.0e2 }, "_meta": meta, "extra": 1 }),
    );
    let request = edge
        .post(&body)
        .header("X-Custom", "private")
        .header("Cookie", "session=1")
        .header("X-Forwarded-For", "10.0.0.1")
        .header("Proxy-Authorization", "Basic x");
    let answer = onedoor_tests::mcp::Answer::of(request).await;
    assert!(answer.is_answered());
    let [received] = upstream.requests().try_into().unwrap();
    assert_eq!(
        received.header("onedoor-call-id"),
        Some(answer.call_id().as_str())
    );
    assert_eq!(received.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(
        (received.header("mcp-method"), received.header("mcp-name")),
        (Some("tools/call"), Some("echo"))
    );
    for name in ["x-custom", "cookie", "x-forwarded-for", "proxy-authorization"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    let authorization = received
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let claims = onedoor_tests::token::Token::new(authorization).claims();
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!("api://edge"), &json!("edge.use"))
    );
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!(dev.places.data_url), &token.claims()["oid"])
    );
    assert_eq!(claims["jti"], answer.call_id().as_str());
    assert!(claims["exp"].as_i64() <= token.claims()["exp"].as_i64());
    assert_ne!(authorization, token.expose());
    let params = &received.body["params"];
    assert_eq!(
        params["_meta"]["com.example/opaque"],
        json!({ "kept": [1, 2.50, "é"] })
    );
    assert_eq!(params["arguments"], json!({ "x": 100.0 }));
    assert!(params["extra"].is_null());
}
