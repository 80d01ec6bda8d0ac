//! Who wins.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::world::{PATIENCE, World, manifest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_updates_of_one_version_exactly_one_takes_effect() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let updates = (0..16).map(|number| {
        let mut update = manifest("finance", "team-a");
        update["version"] = json!(format!("2.0.{number}"));
        let user = format!("user-{number}");
        let call = world
            .as_user(&user, &["Registry.Admin"], "PUT", "/servers/finance")
            .if_match(version)
            .json(&update);
        async move { (user, call.send().await) }
    });
    let answers = join_all(updates).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|(_, answer)| answer.status == StatusCode::OK);
    let [(winner, applied)] = won[..] else {
        panic!("{} took effect", won.len())
    };
    for (_, answer) in lost {
        let problem = answer.problem(StatusCode::CONFLICT, "version_passed");
        assert_eq!(problem["won"]["actor"]["user"], *winner);
        assert_eq!(problem["won"]["revision"], applied.revision());
        assert_eq!(problem["currentVersion"], applied.revision());
    }
    let view = world
        .admin("GET", "/servers/finance")
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(view["latest"], 2);
}

#[tokio::test]
async fn what_only_takes_away_always_wins() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    for _ in 0..2 {
        // A version that has passed does not matter to it, were it named.
        let path = "/servers/finance/disable";
        world
            .admin("POST", path)
            .if_match(version)
            .send()
            .await
            .expect(StatusCode::OK);
        world
            .admin("POST", "/servers/finance/tools/echo/disable")
            .send()
            .await
            .expect(StatusCode::OK);
    }
    // What gives must have seen it.
    let late = world
        .admin("POST", "/servers/finance/enable")
        .if_match(version)
        .json(&json!({ "reason": "x" }))
        .send()
        .await;
    let problem = late.problem(StatusCode::CONFLICT, "version_passed");
    assert_eq!(problem["won"]["actor"]["kind"], "caller");
    let current = problem["currentVersion"].as_u64().unwrap();
    world
        .admin("POST", "/servers/finance/enable")
        .if_match(current)
        .send()
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn what_gives_must_name_a_version() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    for path in ["approve", "promote", "enable", "retire", "tools/echo/enable"] {
        let answer = world
            .admin("POST", &format!("/servers/finance/{path}"))
            .send()
            .await;
        let problem = answer.problem(StatusCode::PRECONDITION_REQUIRED, "precondition_required");
        assert_eq!(answer.pointers(), ["If-Match"]);
        assert!(
            problem["errors"][0]["hint"].as_str().unwrap().contains("GET"),
            "{problem}"
        );
    }
    let put = world
        .admin("PUT", "/servers/finance")
        .json(&manifest("finance", "team-a"))
        .send()
        .await;
    put.problem(StatusCode::PRECONDITION_REQUIRED, "precondition_required");
    let weak = world
        .admin("POST", "/servers/finance/approve")
        .header("if-match", "W/\"3\"")
        .send()
        .await;
    weak.problem(StatusCode::BAD_REQUEST, "request_invalid");
}

/// It may have been read at another replica, which is ahead.
#[tokio::test]
async fn a_command_waits_for_the_version_that_it_is_given_for() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let next = world.revision().next();
    world.log.hold();
    let update = world
        .admin("PUT", "/servers/finance")
        .if_match(version)
        .json(&manifest("finance", "team-a"))
        .send();
    let approve = async {
        let approve = world
            .admin("POST", "/servers/finance/approve")
            .if_match(next.0)
            .send();
        tokio::pin!(approve);
        let early = tokio::time::timeout(Duration::from_millis(200), &mut approve).await;
        world.log.release();
        match early {
            Ok(answer) => answer,
            Err(_) => approve.await,
        }
    };
    let (updated, approved) = futures_util::join!(update, approve);
    assert_eq!(updated.revision(), next.0);
    approved.expect(StatusCode::OK);
    // One that never comes is not waited for for ever.
    let never = world
        .admin("POST", "/servers/finance/approve")
        .if_match(1_000_000)
        .send()
        .await;
    never.problem(StatusCode::CONFLICT, "version_passed");
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_stop_a_command() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let (before, appends) = (world.revision(), world.log.waiting());
    world.log.hold();
    {
        let call = world.admin("POST", "/servers/finance/disable").send();
        tokio::pin!(call);
        let under_way = async {
            while world.log.waiting() == appends {
                assert!(futures_util::poll!(&mut call).is_pending());
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, under_way).await.unwrap();
        // Dropped here while its append is under way, as when a client disconnects.
    }
    world.log.release();
    let reached = world.registry.reached(before.next());
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("the command was stopped half-way")
        .unwrap();
    assert!(
        world
            .registry
            .snapshot()
            .server("finance")
            .unwrap()
            .disabled
            .is_some()
    );
}
