//! Commands that are given again.

use http::StatusCode;
use serde_json::json;

use crate::world::{World, grant, manifest};

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_and_does_nothing() {
    let world = World::new().await;
    let register = || {
        world
            .admin("POST", "/servers")
            .key("k1")
            .json(&manifest("finance", "team-a"))
    };
    let first = register().send().await;
    let view = first.expect(StatusCode::CREATED);
    assert_eq!(first.header("idempotent-replayed"), None);
    let end = world.revision();
    let second = register().send().await;
    assert_eq!(second.expect(StatusCode::CREATED), view);
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.revision(), first.revision());
    assert_eq!(world.revision(), end);

    // Without a key it is another command.
    let other = world
        .admin("POST", "/servers")
        .json(&manifest("finance", "team-a"))
        .send()
        .await;
    other.problem(StatusCode::CONFLICT, "exists");
}

#[tokio::test]
async fn a_key_is_for_one_command_of_one_caller_at_one_route() {
    let world = World::new().await;
    let send = |user: &str, slug: &str| {
        world
            .as_user(user, &["Registry.Admin"], "POST", "/servers")
            .key("k1")
            .json(&manifest(slug, "team-a"))
    };
    send("ann", "finance").send().await.expect(StatusCode::CREATED);
    send("ann", "hr")
        .send()
        .await
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "command_reused");
    send("bob", "hr").send().await.expect(StatusCode::CREATED);
    let elsewhere = world
        .as_user("ann", &["Registry.Admin"], "POST", "/servers/hr/disable")
        .key("k1")
        .send()
        .await;
    elsewhere.expect(StatusCode::OK);
}

#[tokio::test]
async fn another_if_match_is_another_command() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let approve = |version| {
        world
            .admin("POST", "/servers/finance/approve")
            .key("k1")
            .if_match(version)
    };
    let first = approve(version).send().await;
    first.expect(StatusCode::OK);
    approve(version + 1)
        .send()
        .await
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "command_reused");
    assert_eq!(approve(version).send().await.revision(), first.revision());
}

#[tokio::test]
async fn a_retry_is_recognised_although_the_world_has_changed() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let add = || {
        world
            .admin("POST", "/grants")
            .key("k1")
            .json(&grant("finance", "g1"))
    };
    let first = add().send().await.expect(StatusCode::CREATED);
    world
        .admin("POST", "/grants")
        .json(&grant("finance", "g2"))
        .send()
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(add().send().await.expect(StatusCode::CREATED), first);
    // What it was given for is gone: the retry says so, and makes nothing anew.
    let version = world
        .registry
        .state()
        .server_named(&"finance".parse().unwrap())
        .unwrap()
        .changed
        .version();
    let retired = world
        .admin("POST", "/servers/finance/retire")
        .if_match(version.0)
        .send()
        .await;
    retired.expect(StatusCode::OK);
    let gone = add().send().await.problem(StatusCode::GONE, "gone");
    assert_eq!(gone["revision"], first["version"]);
    assert_eq!(world.registry.state().grants().count(), 0);
}

#[tokio::test]
async fn a_registration_is_recognised_after_its_server_has_gone() {
    let world = World::new().await;
    let register = || {
        world
            .admin("POST", "/servers")
            .key("k1")
            .json(&manifest("finance", "team-a"))
    };
    let first = register().send().await.expect(StatusCode::CREATED);
    let version = first["version"].as_u64().unwrap();
    world
        .admin("POST", "/servers/finance/retire")
        .if_match(version)
        .send()
        .await
        .expect(StatusCode::OK);
    let again = register().send().await;
    let view = again.expect(StatusCode::CREATED);
    assert_eq!((&view["id"], &view["status"]), (&first["id"], &json!("retired")));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn keys_that_cannot_name_a_command_are_refused() {
    let world = World::new().await;
    for bad in ["", "two words", &"x".repeat(257)] {
        let answer = world
            .admin("POST", "/servers")
            .key(bad)
            .json(&manifest("finance", "team-a"))
            .send()
            .await;
        answer.problem(StatusCode::BAD_REQUEST, "request_invalid");
        assert_eq!(answer.pointers(), ["Idempotency-Key"]);
    }
}
