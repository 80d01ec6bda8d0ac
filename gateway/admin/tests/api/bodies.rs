//! Bodies that are not as they must be: everything that is wrong is told at once, each with its place and a hint.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, manifest};

#[tokio::test]
async fn a_manifest_has_all_its_faults_told_at_once() {
    let world = World::new().await;
    let mut wrong = manifest("finance", "team-a");
    let ours = &mut wrong["_meta"]["dev.onedoor/server"];
    ours["slug"] = json!("Finance");
    ours["audiance"] = ours["audience"].take();
    ours.as_object_mut().unwrap().remove("audience");
    ours["tools"][1]["inputSchema"] = json!({ "type": "objekt" });
    wrong["remotes"][0]["url"] = json!("ftp://finance.example.com");
    let registered = world.admin("POST", "/servers").json(&wrong).send().await;
    let problem = registered.problem(StatusCode::UNPROCESSABLE_ENTITY, "manifest_invalid");
    let pointers = registered.pointers();
    for place in ["/slug", "/audiance", "/tools/1/inputSchema"] {
        let found = pointers
            .iter()
            .any(|pointer| pointer.starts_with(&format!("/_meta/dev.onedoor~1server{place}")));
        assert!(found, "{place}: {pointers:?}");
    }
    assert!(pointers.contains(&"/remotes/0/url".to_owned()), "{pointers:?}");
    for fault in problem["errors"].as_array().unwrap() {
        assert!(!fault["hint"].as_str().unwrap().is_empty(), "{fault}");
    }
    // The check says what registration says.
    let checked = world
        .admin("POST", "/manifests/validate")
        .json(&wrong)
        .send()
        .await;
    assert_eq!(
        checked.problem(StatusCode::UNPROCESSABLE_ENTITY, "manifest_invalid"),
        problem
    );
    assert_eq!(world.registry.state().servers().count(), 0);
}

#[tokio::test]
async fn a_manifest_that_is_good_is_told_what_it_would_do() {
    let world = World::new().await;
    let check = async |body: &Value| {
        let answer = world.admin("POST", "/manifests/validate").json(body).send().await;
        assert_eq!(answer.header("onedoor-revision"), None);
        answer.expect(StatusCode::OK)
    };
    let body = manifest("finance", "team-a");
    let fresh =
        json!({ "valid": true, "slug": "finance", "tools": ["echo", "sleep"], "approvalNeeded": true });
    assert_eq!(check(&body).await, fresh);

    let version = world.register("finance", "team-a").await;
    assert_eq!(check(&body).await["approvalNeeded"], true);
    world
        .admin("POST", "/servers/finance/approve")
        .if_match(version)
        .send()
        .await
        .expect(StatusCode::OK);
    let same = check(&body).await;
    assert_eq!(same["approvalNeeded"], false);
    assert_eq!(
        same["changes"],
        json!({ "since": 1, "tie": [], "toolsAdded": [], "toolsRemoved": [], "toolsChanged": [] })
    );

    let mut other = manifest("finance", "team-a");
    let ours = &mut other["_meta"]["dev.onedoor/server"];
    ours["requiredScope"] = json!("tools.all");
    ours["tools"][0]["description"] = json!("Says it twice");
    ours["tools"][1]["name"] = json!("wait");
    let changes = check(&other).await;
    assert_eq!(changes["approvalNeeded"], true);
    assert_eq!(
        changes["changes"],
        json!({
            "since": 1,
            "tie": ["requiredScope"],
            "toolsAdded": ["wait"],
            "toolsRemoved": ["sleep"],
            "toolsChanged": ["echo"],
        })
    );
}

#[tokio::test]
async fn unknown_and_missing_members_and_wrong_values_are_told_together() {
    let world = World::new().await;
    let body =
        json!({ "isuer": "corp", "tenant": 7, "group": "g1", "server": "Finance", "stage": "production " });
    let answer = world.admin("POST", "/grants").json(&body).send().await;
    let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
    let mut pointers = answer.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        ["", "/isuer", "/server", "/stage", "/tenant"],
        "{problem}"
    );
    let fault = |pointer: &str| {
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .find(|fault| fault["pointer"] == pointer)
            .unwrap()
            .clone()
    };
    assert_eq!(fault("/isuer")["hint"], "did you mean `issuer`?");
    assert_eq!(fault("")["message"], "`issuer` is missing");
    assert_eq!(fault("/tenant")["message"], "must be text, not a whole number");
    assert_eq!(fault("/server")["message"], "\"Finance\" is not a slug");
    assert_eq!(fault("/stage")["hint"], "did you mean `production`?");
}

#[tokio::test]
async fn faults_deep_inside_have_their_pointers() {
    let world = World::new().await;
    let body = json!({
        "name": "partner", "urls": ["https://partner.example", 7], "tenants": ["a b"],
        "jwksUri": "https://partner.example/keys", "authorizationServer": "https://partner.example",
        "algorithms": ["RS256", "HS256", "none"],
        "data": { "audiences": [], "clients": ["app"], "scope": "x" },
    });
    let answer = world.admin("POST", "/issuers").json(&body).send().await;
    let mut pointers = answer.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/algorithms/1",
            "/algorithms/2",
            "/data/scope",
            "/tenants/0",
            "/urls/1"
        ]
    );
    // What can be judged only once it was read comes then.
    let body = json!({
        "name": "partner", "urls": [], "tenants": ["t"], "jwksUri": "keys",
        "authorizationServer": "https://partner.example", "algorithms": ["RS256"],
        "data": { "audiences": ["a"], "clients": [] }, "admin": { "audiences": ["a"], "clients": ["c"] },
    });
    let answer = world.admin("POST", "/issuers").json(&body).send().await;
    assert_eq!(
        answer.pointers(),
        ["/urls", "/jwksUri", "/data/clients", "/admin/audiences"]
    );
}

#[tokio::test]
async fn what_is_not_strict_json_is_refused() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    for bad in [
        "{",
        "[]",
        "null",
        "\"reason\"",
        "{} {}",
        "{\"reason\":\"a\",\"reason\":\"b\"}",
        "{\"reason\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"reason\":\"\"}",
        "{\"reason\":\"\\u001b[31m\"}",
        "{\"x\":1e999}",
    ] {
        let answer = world
            .admin("POST", "/servers/finance/disable")
            .body(bad)
            .send()
            .await;
        answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
        assert_eq!(answer.pointers().len(), 1, "{bad}");
    }
    let invalid_utf8 = world
        .admin("POST", "/servers/finance/disable")
        .body(b"{\"reason\":\"\xff\"}".to_vec())
        .send()
        .await;
    invalid_utf8.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
    assert!(
        world
            .registry
            .snapshot()
            .server("finance")
            .unwrap()
            .disabled
            .is_none()
    );
    // A verb needs no body.
    world
        .admin("POST", "/servers/finance/disable")
        .send()
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn bodies_have_limits() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(64 * 1024));
    let answer = world
        .admin("POST", "/servers/finance/disable")
        .body(large)
        .send()
        .await;
    let problem = answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    assert!(problem["detail"].as_str().unwrap().contains("65536"), "{problem}");
    for path in ["/servers", "/manifests/validate"] {
        let answer = world
            .admin("POST", path)
            .body(" ".repeat(512 * 1024 + 1))
            .send()
            .await;
        let problem = answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
        assert!(
            problem["detail"].as_str().unwrap().contains("524288"),
            "{problem}"
        );
    }
    let answer = world
        .admin("DELETE", "/issuers/corp")
        .json(&json!({ "reason": "x" }))
        .send()
        .await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
}

#[tokio::test]
async fn a_flood_of_faults_is_cut() {
    let world = World::new().await;
    let members: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("member{n}"), Value::Null)).collect();
    let answer = world
        .admin("POST", "/grants")
        .json(&Value::Object(members))
        .send()
        .await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid");
    assert_eq!(answer.pointers().len(), 101);
}

#[tokio::test]
async fn reasons_come_in_the_body_or_in_a_header() {
    let world = World::new().await;
    let reasoned = |body: &str| {
        let call = world
            .admin("POST", "/servers")
            .header("onedoor-reason", "f%C3%BCr%20die%20Buchhaltung");
        call.body(body.to_owned())
    };
    let view = reasoned(&manifest("finance", "team-a").to_string())
        .send()
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(view["changed"]["reason"], "für die Buchhaltung");
    let body = json!({ "reason": "in the body" });
    let disable = world
        .admin("POST", "/servers/finance/disable")
        .header("onedoor-reason", "in the header");
    assert_eq!(
        disable.json(&body).send().await.expect(StatusCode::OK)["disabled"]["reason"],
        "in the body"
    );
    let long = json!({ "reason": "x".repeat(1_001) });
    let answer = world
        .admin("POST", "/servers/finance/disable")
        .json(&long)
        .send()
        .await;
    assert_eq!(answer.pointers(), ["/reason"]);
    let answer = world
        .admin("POST", "/servers/finance/disable")
        .header("onedoor-reason", "%ff")
        .send()
        .await;
    answer.problem(StatusCode::BAD_REQUEST, "request_invalid");
    assert_eq!(answer.pointers(), ["Onedoor-Reason"]);
}
