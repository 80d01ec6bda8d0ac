//! What an administrator does takes effect on the next call, and on open streams.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use onedoor_tests::{
    admin::Admin,
    idp::{CLIENT, Idp, TENANT},
    mcp::Answer,
    token::Token,
};
use serde_json::{Value, json};

use crate::door;

fn error(code: i64, reason: &str) -> (i64, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn what_is_hidden_looks_like_what_does_not_exist() {
    let (dev, upstream) = door().await;
    let admin = dev.admin("admin").await;
    admin
        .open(&onedoor_tests::manifest::Manifest::new(
            "other",
            &upstream.url,
            ["echo", "fails"],
        ))
        .await;
    let analyst = dev.token("analyst").await;
    let same = |answer: &Answer, name: &str| {
        let mut message = answer.last().clone();
        message["error"]["data"]["callId"] = Value::Null;
        (answer.status, message.to_string().replace(name, "NAME"))
    };
    // A server nobody granted, one that is not there, one of another user.
    for method in ["server/discover", "tools/list"] {
        let mut seen = Vec::new();
        for slug in ["other", "nowhere", "hr", "edge/qa", "Not-A-Slug"] {
            let answer = dev.mcp_with(slug, &analyst).request(method, json!({})).await;
            assert_eq!(
                (answer.status, answer.error()),
                (200, error(4004, "unknown_server")),
                "{slug}"
            );
            seen.push(same(&answer, slug));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    }
    // A tool that was not granted, and one that is not there.
    admin
        .grant(&dev.analysts(), "other", Some("fails"), "production")
        .await;
    let other = dev.mcp_with("other", &analyst);
    assert_eq!(other.tools().await, ["fails"]);
    let (hidden, missing) = (
        other.call("echo", json!({})).await,
        other.call("absent", json!({})).await,
    );
    assert_eq!(hidden.error(), error(-32602, "unknown_tool"));
    assert_eq!(same(&hidden, "echo"), same(&missing, "absent"));
    // The record has the true reasons.
    let calls = dev.settled_calls(12).await;
    let causes: Vec<&str> = calls.iter().map(|call| call["cause"].as_str().unwrap()).collect();
    assert_eq!(causes[..5], causes[5..10]);
    assert_eq!(
        causes[5..],
        [
            "server_not_granted",
            "unknown_server",
            "server_not_granted",
            "server_not_granted",
            "unknown_server",
            "tool_not_granted",
            "unknown_tool"
        ]
    );
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_blocked_caller_is_out_at_once() {
    let (dev, upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    admin.grant(&idp.group("g"), "edge", None, "production").await;
    let issued = |ago: i64| {
        let mut claims = idp.claims("u", &["g"]);
        let time = Timestamp::now().as_second() - ago;
        (claims["iat"], claims["nbf"]) = (json!(time), json!(time));
        idp.sign(&claims)
    };
    let (old, new) = (issued(1_000), issued(0));
    let call = async |token: &Token| dev.mcp_with("edge", token).call("echo", json!({})).await;
    assert!(call(&old).await.is_answered());

    let user = json!({ "issuer": "tests", "tenant": TENANT, "user": "u" });
    let block = admin
        .post("/blocks", json!({ "user": user, "reason": "lost laptop" }))
        .await
        .expect(201)
        .text("id");
    for token in [&old, &new] {
        assert_eq!(call(token).await.error(), error(4003, "blocked"));
    }
    let listed = dev
        .http
        .get(format!("{}/tools", dev.places.data_url))
        .bearer_auth(new.expose())
        .send()
        .await
        .unwrap();
    assert_eq!(listed.status(), 403);
    assert_eq!(listed.json::<Value>().await.unwrap()["reason"], "blocked");
    // Another user of the same app is not meant.
    assert!(call(&idp.token("v", &["g"])).await.is_answered());

    // Once the password is new, new tokens pass.
    let time = Timestamp::now()
        .checked_sub(SignedDuration::from_secs(500))
        .unwrap();
    admin
        .post("/blocks", json!({ "user": user, "notBefore": time }))
        .await
        .expect(201);
    admin.delete(&format!("/blocks/{block}")).await.expect(204);
    assert_eq!(call(&old).await.error(), error(4003, "blocked"));
    assert!(call(&new).await.is_answered());

    // An app, for all its users.
    admin
        .post(
            "/blocks",
            json!({ "client": { "issuer": "tests", "client": CLIENT } }),
        )
        .await
        .expect(201);
    assert_eq!(call(&new).await.error(), error(4003, "blocked"));
    assert_eq!(
        call(&idp.token("v", &["g"])).await.error(),
        error(4003, "blocked")
    );
    // Users of another issuer are not meant.
    assert!(call(&dev.token("analyst").await).await.is_answered());
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn a_disabled_server_is_refused_and_its_streams_are_cut() {
    let (dev, _upstream) = door().await;
    let admin = dev.admin("admin").await;
    let edge = dev.mcp("edge", "analyst").await;
    let mut stream = edge.stream("endless", json!({})).await;
    assert_eq!(stream.next().await.unwrap()["params"]["progress"], 1);

    let begin = Instant::now();
    admin.stop("edge", "disable").await;
    let last = loop {
        let message = stream.next().await.expect("an error before the end");
        if message["method"].is_null() {
            break message;
        }
    };
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(
        (&last["id"], &last["error"]["code"]),
        (&json!(1), &json!(4010)),
        "{last}"
    );
    assert_eq!(last["error"]["data"]["reason"], "server_disabled");
    assert_eq!(stream.next().await, None);

    assert_eq!(
        edge.call("echo", json!({})).await.error(),
        error(4010, "server_disabled")
    );
    assert_eq!(
        edge.request("tools/list", json!({})).await.error(),
        error(4010, "server_disabled")
    );
    assert!(
        dev.mcp("finance", "analyst")
            .await
            .call("get_balance", json!({}))
            .await
            .is_answered()
    );
    // Who has no grant does not learn that there is such a server.
    assert_eq!(
        dev.mcp("edge", "manager")
            .await
            .call("echo", json!({}))
            .await
            .error(),
        error(4004, "unknown_server")
    );

    admin.act("edge", "enable").await.expect(200);
    assert!(edge.call("echo", json!({})).await.is_answered());
    let calls = dev.settled_calls(6).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["cause"]),
        (&json!("cancelled"), &json!("revoked"))
    );
}

#[tokio::test]
async fn the_command_line_disables_a_server() {
    let (dev, _upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    let output = dev
        .cli(&["server", "disable", "edge", "--reason", "compromised"])
        .await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(
        edge.call("echo", json!({})).await.error(),
        error(4010, "server_disabled")
    );
    let history = dev.cli(&["server", "history", "edge", "--format", "json"]).await;
    assert!(history.stdout.contains("compromised"), "{}", history.stdout);
    let output = dev.cli(&["server", "enable", "edge"]).await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(edge.call("echo", json!({})).await.is_answered());
}

#[tokio::test]
async fn one_tool_is_disabled_and_enabled() {
    let (dev, upstream) = door().await;
    let admin = dev.admin("admin").await;
    let edge = dev.mcp("edge", "analyst").await;
    let all = edge.tools().await;
    assert!(all.contains(&"echo".to_owned()));

    admin.stop("edge", "tools/echo/disable").await;
    assert_eq!(
        edge.call("echo", json!({})).await.error(),
        error(4011, "tool_disabled")
    );
    assert_eq!(edge.tools().await.len(), all.len() - 1);
    assert!(edge.call("stream", json!({})).await.is_answered());
    assert_eq!(upstream.requests().len(), 1);

    admin.act("edge", "tools/echo/enable").await.expect(200);
    assert!(edge.call("echo", json!({})).await.is_answered());
    assert_eq!(edge.tools().await, all);
}

#[tokio::test]
async fn a_removed_grant_is_gone_on_the_next_call() {
    let (dev, upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    let edge = dev.mcp_with("edge", &idp.token("u", &["g"]));
    for round in 1..=20 {
        let grant = admin
            .grant(&idp.group("g"), "edge", Some("echo"), "production")
            .await;
        assert!(edge.call("echo", json!({})).await.is_answered(), "round {round}");
        remove(&admin, &grant).await;
        assert_eq!(
            edge.call("echo", json!({})).await.error(),
            error(4004, "unknown_server"),
            "round {round}"
        );
        assert_eq!(upstream.requests().len(), round);
    }
}

#[tokio::test]
async fn a_call_under_way_ends_with_its_grant() {
    let (dev, upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    let grant = admin.grant(&idp.group("g"), "edge", None, "production").await;
    let edge = dev.mcp_with("edge", &idp.token("u", &["g"]));
    let call = tokio::spawn(async move { edge.call("held", json!({})).await });
    onedoor_tests::wait::until("the call at the upstream", async || upstream.requests().pop()).await;
    remove(&admin, &grant).await;
    assert_eq!(call.await.unwrap().error(), error(4004, "unknown_server"));
    let calls = dev.settled_calls(1).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["cause"]),
        (&json!("cancelled"), &json!("revoked"))
    );
}

/// Whether the token ends before the first byte is due, or after it and long before the answer is.
#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let (dev, upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    let mut quick = upstream.manifest("quick");
    quick.timeouts = json!({ "connectMs": 900, "firstByteMs": 1_000, "totalMs": 60_000 });
    admin.open(&quick).await;
    for slug in ["edge", "quick"] {
        admin.grant(&idp.group("g"), slug, None, "production").await;
        let mut claims = idp.claims("u", &["g"]);
        claims["exp"] = json!(Timestamp::now().as_second() + 3);
        let mut stream = dev
            .mcp_with(slug, &idp.sign(&claims))
            .stream("endless", json!({}))
            .await;
        let mut last = Value::Null;
        while let Some(message) = stream.next().await {
            last = message;
        }
        assert_eq!(last["error"]["data"]["reason"], "token_expired", "{slug}: {last}");
    }
    for call in dev.settled_calls(2).await {
        assert_eq!(
            (&call["outcome"], &call["cause"]),
            (&json!("cancelled"), &json!("token_expired"))
        );
    }
}

async fn remove(admin: &Admin, grant: &str) {
    admin.delete(&format!("/grants/{grant}")).await.expect(200);
}
