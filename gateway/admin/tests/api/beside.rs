//! What is registered beside servers: grants, blocks, issuers, settings; and what is only known of servers.

use http::StatusCode;
use onedoor_admin::Health;
use serde_json::{Value, json};

use crate::world::{World, grant};

#[tokio::test]
async fn grants_come_and_go() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    world.register("hr", "team-b").await;
    let added = world
        .admin("POST", "/grants")
        .json(&grant("finance", "g1"))
        .send()
        .await;
    let view = added.expect(StatusCode::CREATED);
    assert_eq!(
        (&view["server"], &view["group"], &view["stage"]),
        (&json!("finance"), &json!("g1"), &json!("qa"))
    );
    let mut other = grant("hr", "g2");
    other["tool"] = json!("echo");
    world
        .admin("POST", "/grants")
        .json(&other)
        .send()
        .await
        .expect(StatusCode::CREATED);

    let listed = async |query: &str| {
        let answer = world
            .admin("GET", &format!("/grants{query}"))
            .send()
            .await
            .expect(StatusCode::OK);
        answer["grants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["group"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["g1", "g2"]);
    assert_eq!(listed("?server=hr").await, ["g2"]);
    assert_eq!(listed("?group=g1&issuer=corp").await, ["g1"]);
    assert_eq!(listed("?role=g1").await, [] as [&str; 0]);

    let path = format!("/grants/{}", view["id"].as_str().unwrap());
    let removed = world
        .admin("DELETE", &path)
        .header("onedoor-reason", "left%20the%20team")
        .send()
        .await;
    assert_eq!(
        removed.expect(StatusCode::OK)["enforced"]["confirmed"],
        json!(["test"])
    );
    assert_eq!(listed("").await, ["g2"]);
    world
        .admin("DELETE", &path)
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn a_grant_must_hold_together() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let mut nothing_there = grant("nope", "g1");
    nothing_there["issuer"] = json!("elsewhere");
    let answer = world.admin("POST", "/grants").json(&nothing_there).send().await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
    assert_eq!(answer.pointers(), ["/issuer", "/server"]);
    let mut no_tool = grant("finance", "g1");
    no_tool["tool"] = json!("nope");
    assert_eq!(
        world
            .admin("POST", "/grants")
            .json(&no_tool)
            .send()
            .await
            .pointers(),
        ["/tool"]
    );
    let mut both = grant("finance", "g1");
    both["role"] = json!("r1");
    assert_eq!(
        world.admin("POST", "/grants").json(&both).send().await.pointers(),
        ["/role"]
    );
    let mut neither = grant("finance", "g1");
    neither.as_object_mut().unwrap().remove("group");
    assert_eq!(
        world
            .admin("POST", "/grants")
            .json(&neither)
            .send()
            .await
            .pointers(),
        [""]
    );
}

#[tokio::test]
async fn a_block_keeps_its_user_out_of_the_admin_plane_too() {
    let world = World::new().await;
    let before = world.as_user("eve", &["Auditor"], "GET", "/servers").send().await;
    before.expect(StatusCode::OK);
    let block = json!({ "user": { "issuer": "corp", "tenant": crate::issuer::TENANT, "user": "eve" }, "reason": "left" });
    let added = world.admin("POST", "/blocks").json(&block).send().await;
    let view = added.expect(StatusCode::CREATED);
    assert_eq!(
        (&view["user"]["user"], &view["changed"]["reason"]),
        (&json!("eve"), &json!("left"))
    );
    world.refused.take();
    let kept_out = world.as_user("eve", &["Auditor"], "GET", "/servers").send().await;
    kept_out.problem(StatusCode::FORBIDDEN, "blocked");
    assert_eq!(
        world.refused.take(),
        ["GET /api/v1/servers eve 192.0.2.7 blocked"]
    );

    let path = format!("/blocks/{}", view["id"].as_str().unwrap());
    world
        .admin("DELETE", &path)
        .key("d")
        .send()
        .await
        .expect(StatusCode::NO_CONTENT);
    let again = world.admin("DELETE", &path).key("d").send().await;
    again.expect(StatusCode::NO_CONTENT);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    world
        .admin("DELETE", &path)
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
    world
        .as_user("eve", &["Auditor"], "GET", "/servers")
        .send()
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn a_block_is_of_one_target_of_a_trusted_issuer() {
    let world = World::new().await;
    let client = json!({ "issuer": "corp", "client": "app" });
    let user = json!({ "issuer": "nope", "tenant": "t", "user": "u" });
    for (body, pointers) in [
        (json!({}), [""]),
        (json!({ "client": client, "user": user }), ["/client"]),
        (json!({ "user": user }), ["/user/issuer"]),
        (json!({ "client": client, "notBefore": "soon" }), ["/notBefore"]),
    ] {
        let answer = world.admin("POST", "/blocks").json(&body).send().await;
        answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    let body = json!({ "client": client, "notBefore": "2026-01-01T00:00:00Z" });
    let view = world
        .admin("POST", "/blocks")
        .json(&body)
        .send()
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(
        (&view["client"]["client"], &view["notBefore"]),
        (&json!("app"), &json!("2026-01-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn issuers_are_trusted_changed_and_distrusted() {
    let world = World::new().await;
    let mut issuer = json!({
        "name": "partner",
        "urls": ["https://partner.example"],
        "tenants": ["p1"],
        "jwksUri": "https://partner.example/keys",
        "authorizationServer": "https://partner.example",
        "algorithms": ["ES256", "EdDSA"],
        "data": { "audiences": ["api://onedoor"], "clients": ["app"], "requiredScope": "Tools.Call" },
    });
    let trusted = world.admin("POST", "/issuers").json(&issuer).send().await;
    let view = trusted.expect(StatusCode::CREATED);
    for (name, value) in issuer.as_object().unwrap() {
        assert_eq!(view[name], *value, "{name}");
    }
    let version = view["version"].as_u64().unwrap();
    let again = world.admin("POST", "/issuers").json(&issuer).send().await;
    assert_eq!(
        again.problem(StatusCode::CONFLICT, "exists")["won"]["revision"],
        version
    );

    issuer["tenants"] = json!(["p1", "p2"]);
    let put = |path: &str| world.admin("PUT", path).json(&issuer);
    put("/issuers/partner")
        .send()
        .await
        .problem(StatusCode::PRECONDITION_REQUIRED, "precondition_required");
    put("/issuers/partner")
        .if_match(1)
        .send()
        .await
        .problem(StatusCode::CONFLICT, "version_passed");
    assert_eq!(
        put("/issuers/other").if_match(version).send().await.pointers(),
        ["/name"]
    );
    let changed = put("/issuers/partner").if_match(version).send().await;
    assert_eq!(changed.expect(StatusCode::OK)["tenants"], json!(["p1", "p2"]));

    world
        .admin("DELETE", "/issuers/partner")
        .send()
        .await
        .expect(StatusCode::OK);
    put("/issuers/partner")
        .if_match(0)
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
    let names = world.admin("GET", "/issuers").send().await.expect(StatusCode::OK);
    assert_eq!(names["issuers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn settings_are_what_is_sent() {
    let world = World::new().await;
    let shown = world.admin("GET", "/settings").send().await;
    let view = shown.expect(StatusCode::OK);
    assert_eq!(view["internalNetworks"], json!(["127.0.0.0/8"]));
    let version = view["version"].as_u64().unwrap();
    assert_eq!(shown.header("etag").unwrap(), format!("\"{version}\""));

    let rates = json!({ "perUser": { "perMinute": 60 }, "perServer": { "perMinute": 600, "burst": 50 } });
    let body = json!({
        "limits": { "page": 5 }, "internalNetworks": ["127.0.0.0/8", "10.0.0.0/8"], "tokenBSeconds": 60, "rateLimits": rates,
    });
    world
        .admin("PUT", "/settings")
        .json(&body)
        .send()
        .await
        .problem(StatusCode::PRECONDITION_REQUIRED, "precondition_required");
    let changed = world
        .admin("PUT", "/settings")
        .if_match(version)
        .json(&body)
        .send()
        .await;
    let view = changed.expect(StatusCode::OK);
    assert_eq!(
        (&view["limits"]["page"], &view["limits"]["pageMax"]),
        (&json!(5), &json!(1000))
    );
    assert_eq!(
        (&view["tokenBSeconds"], &view["clockLeewaySeconds"]),
        (&json!(60), &json!(60))
    );
    assert_eq!(
        view["rateLimits"],
        json!({ "perUser": { "perMinute": 60, "burst": 60 }, "perServer": { "perMinute": 600, "burst": 50 } })
    );
    assert_eq!(world.registry.snapshot().settings().token_b_seconds, 60);

    let rates = json!({ "perClient": { "perMinute": 0, "burst": 1 } });
    let wrong = json!({ "limits": { "page": 0, "bodyBytes": 1 }, "tokenBSeconds": 1, "rateLimits": rates });
    let answer = world
        .admin("PUT", "/settings")
        .if_match(version)
        .json(&wrong)
        .send()
        .await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
    assert_eq!(
        answer.pointers(),
        [
            "/limits/bodyBytes",
            "/limits/page",
            "/tokenBSeconds",
            "/rateLimits/perClient/perMinute"
        ]
    );
}

#[tokio::test]
async fn servers_are_shown_with_what_probes_say() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let health = async || {
        let shown = world.admin("GET", "/servers/finance").send().await;
        let listed = world.admin("GET", "/servers").send().await;
        let shown = shown.expect(StatusCode::OK)["health"].clone();
        assert_eq!(shown, listed.expect(StatusCode::OK)["servers"][0]["health"]);
        shown
    };
    assert_eq!(health().await, Value::Null, "not probed");
    for (up, state) in [(true, "up"), (false, "down")] {
        let since = "2026-11-24T10:00:00Z".parse().unwrap();
        *world.probed.0.lock() = Some(Health { up, since });
        assert_eq!(
            health().await,
            json!({ "state": state, "since": "2026-11-24T10:00:00Z" })
        );
    }
}
