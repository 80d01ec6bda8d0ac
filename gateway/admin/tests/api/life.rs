//! The whole life of a server.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, manifest};

#[tokio::test]
async fn a_server_from_its_registration_to_its_end() {
    let world = World::new().await;
    let finance = "/servers/finance";

    let registered = world
        .admin("POST", "/servers")
        .json(&manifest("finance", "team-a"))
        .send()
        .await;
    let view = registered.expect(StatusCode::CREATED);
    assert_eq!(registered.header("location"), Some("/api/v1/servers/finance"));
    assert_eq!(
        registered.header("etag").unwrap(),
        format!("\"{}\"", view["version"])
    );
    assert_eq!(registered.revision(), view["version"]);
    assert_eq!(
        (&view["status"], &view["latest"], &view["production"]),
        (&json!("pending"), &json!(1), &Value::Null)
    );
    assert_eq!(view["registered"]["actor"]["user"], "root");
    let version = view["version"].as_u64().unwrap();

    let approve = json!({ "reason": "seen, INC-7" });
    let approved = world
        .admin("POST", &format!("{finance}/approve"))
        .if_match(version)
        .json(&approve)
        .send()
        .await;
    let view = approved.expect(StatusCode::OK);
    assert_eq!(view["status"], "qa");
    assert_eq!(view["versions"][0]["approvedBy"]["reason"], "seen, INC-7");
    let version = view["version"].as_u64().unwrap();

    let promoted = world
        .admin("POST", &format!("{finance}/promote"))
        .if_match(version)
        .send()
        .await;
    let view = promoted.expect(StatusCode::OK);
    assert_eq!(
        (&view["status"], &view["production"]),
        (&json!("live"), &json!(1))
    );
    let version = view["version"].as_u64().unwrap();

    // An update that keeps the tie keeps the approval; production keeps its version.
    let mut update = manifest("finance", "team-a");
    update["description"] = json!("Says more");
    let updated = world
        .admin("PUT", finance)
        .if_match(version)
        .json(&update)
        .send()
        .await;
    let view = updated.expect(StatusCode::OK);
    assert_eq!((&view["latest"], &view["production"]), (&json!(2), &json!(1)));
    assert_eq!(view["versions"][1]["approved"], true);
    assert_eq!(view["description"], "A server of a test");

    let disabled = world
        .admin("POST", &format!("{finance}/disable"))
        .json(&json!({ "reason": "leak" }))
        .send()
        .await;
    let view = disabled.expect(StatusCode::OK);
    assert_eq!(
        (&view["status"], &view["disabled"]["reason"]),
        (&json!("disabled"), &json!("leak"))
    );
    assert!(
        world
            .registry
            .snapshot()
            .server("finance")
            .unwrap()
            .disabled
            .is_some()
    );
    let version = view["version"].as_u64().unwrap();

    let enabled = world
        .admin("POST", &format!("{finance}/enable"))
        .if_match(version)
        .send()
        .await;
    let view = enabled.expect(StatusCode::OK);
    assert_eq!(
        (&view["status"], &view["disabled"]),
        (&json!("live"), &Value::Null)
    );

    let tool_off = world
        .admin("POST", &format!("{finance}/tools/echo/disable"))
        .send()
        .await;
    let view = tool_off.expect(StatusCode::OK);
    assert_eq!(
        view["tools"][0],
        json!({ "name": "echo", "description": "Says it again", "disabled": true,
        "digest": view["tools"][0]["digest"] })
    );
    let version = view["version"].as_u64().unwrap();
    let tool_on = world
        .admin("POST", &format!("{finance}/tools/echo/enable"))
        .if_match(version)
        .send()
        .await;
    assert_eq!(tool_on.expect(StatusCode::OK)["tools"][0]["disabled"], false);
    let unknown = world
        .admin("POST", &format!("{finance}/tools/nope/disable"))
        .send()
        .await;
    unknown.problem(StatusCode::NOT_FOUND, "not_found");

    let version = tool_on.value()["version"].as_u64().unwrap();
    let retired = world
        .admin("POST", &format!("{finance}/retire"))
        .if_match(version)
        .key("end")
        .send()
        .await;
    assert_eq!(retired.expect(StatusCode::OK)["status"], "retired");
    world
        .admin("GET", finance)
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");

    // Its slug is free. A retry of its end is still about the old one.
    world.register("finance", "team-b").await;
    let again = world
        .admin("POST", &format!("{finance}/retire"))
        .if_match(version)
        .key("end")
        .send()
        .await;
    assert_eq!(again.expect(StatusCode::OK), retired.value());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        world.admin("GET", finance).send().await.expect(StatusCode::OK)["status"],
        "pending"
    );
}

#[tokio::test]
async fn an_update_of_the_tie_needs_a_new_approval() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let approved = world
        .admin("POST", "/servers/finance/approve")
        .if_match(version)
        .send()
        .await;
    let version = approved.expect(StatusCode::OK)["version"].as_u64().unwrap();
    let mut update = manifest("finance", "team-a");
    update["remotes"][0]["url"] = json!("https://elsewhere.example.com/mcp");
    let updated = world
        .admin("PUT", "/servers/finance")
        .if_match(version)
        .json(&update)
        .send()
        .await;
    let view = updated.expect(StatusCode::OK);
    assert_eq!(view["versions"][1]["approved"], false);
    assert_eq!(
        view["versions"][1]["tie"]["url"],
        "https://elsewhere.example.com/mcp"
    );
    let version = view["version"].as_u64().unwrap();
    let promoted = world
        .admin("POST", "/servers/finance/promote")
        .if_match(version)
        .send()
        .await;
    promoted.problem(StatusCode::CONFLICT, "not_approved");
    // The version that is approved can be named.
    let body = json!({ "version": 1 });
    let promoted = world
        .admin("POST", "/servers/finance/promote")
        .if_match(version)
        .json(&body)
        .send()
        .await;
    assert_eq!(promoted.expect(StatusCode::OK)["production"], 1);
    let body = json!({ "version": 9 });
    let promoted = world
        .admin("POST", "/servers/finance/promote")
        .if_match(version + 1)
        .json(&body)
        .send()
        .await;
    promoted.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn an_update_cannot_rename() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let renamed = manifest("accounts", "team-a");
    let answer = world
        .admin("PUT", "/servers/finance")
        .if_match(version)
        .json(&renamed)
        .send()
        .await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "slug_differs");
    assert_eq!(answer.pointers(), ["/_meta/dev.onedoor~1server/slug"]);
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let answer = world
        .admin("POST", "/servers")
        .json(&manifest("finance", "team-b"))
        .send()
        .await;
    let problem = answer.problem(StatusCode::CONFLICT, "exists");
    assert_eq!(problem["won"]["revision"], version);
    assert_eq!(problem["won"]["actor"]["user"], "root");
}

#[tokio::test]
async fn manifests_come_back_byte_for_byte() {
    let world = World::new().await;
    let text = serde_json::to_string_pretty(&manifest("finance", "team-a")).unwrap() + "\n\n";
    world
        .admin("POST", "/servers")
        .body(text.clone())
        .send()
        .await
        .expect(StatusCode::CREATED);
    let answer = world
        .admin("GET", "/servers/finance/versions/1/manifest")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.bytes, text.as_bytes());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for missing in [
        "/servers/finance/versions/2/manifest",
        "/servers/finance/versions/x/manifest",
    ] {
        world
            .admin("GET", missing)
            .send()
            .await
            .problem(StatusCode::NOT_FOUND, "not_found");
    }
}
