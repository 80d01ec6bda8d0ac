//! A log that was restored from a backup.

use bytes::Bytes;
use http::StatusCode;
use onedoor_log::{EventLog as _, Partition, Stream};
use onedoor_model::{
    envelope::Producer,
    ids::{AggregateVersion, Digest, LogId, Offset},
    registry::{Change, CommandStamp, Ends, LogRestored, RegistryEvent},
};
use onedoor_registry::Boot;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

/// Restores the log of a world, and gives its new id.
async fn restore(world: &World) -> LogId {
    let ends = |registry, audit| Ends {
        registry: Offset(registry),
        audit: Offset(audit),
    };
    let log = LogId(Uuid::now_v7());
    let event = RegistryEvent {
        command: CommandStamp {
            id: log.to_string().parse().unwrap(),
            route: "onedoor restore".to_owned(),
            digest: Digest::of(b""),
        },
        expected: Some(AggregateVersion::NONE),
        change: Change::LogRestored(LogRestored {
            log,
            from: world.registry.state().log().unwrap(),
            restored: ends(3, 10),
            known: Some(ends(5, 14)),
        }),
    };
    let chain = Boot::new("restore".parse().unwrap()).chain(Producer::Registry);
    let (bytes, _) = chain.seal(Boot::draft(event)).unwrap();
    let appended = world
        .log
        .append(Stream::Registry, Partition(0), vec![Bytes::from(bytes)])
        .await;
    world.registry.reached(appended.unwrap()).await.unwrap();
    log
}

#[tokio::test]
async fn a_restored_log_is_shown_with_what_it_lost_and_accepted_by_its_id() {
    let world = World::new().await;
    let before = world.admin("GET", "/log").send().await.expect(StatusCode::OK);
    assert!(before["unacceptedRestore"].is_null(), "{before}");
    let nothing = world
        .admin("POST", "/log/accept-restore")
        .json(&json!({ "log": before["id"] }));
    nothing.send().await.problem(StatusCode::NOT_FOUND, "not_found");

    let log = restore(&world).await.to_string();
    let shown = world.admin("GET", "/log").send().await.expect(StatusCode::OK);
    assert_eq!(
        (&shown["id"], &shown["unacceptedRestore"]["from"]),
        (&json!(log), &before["id"])
    );
    assert_eq!(
        shown["unacceptedRestore"]["lost"],
        json!({ "registry": 2, "audit": 4 })
    );

    let accept = |role, log: &str, key| {
        world
            .as_user("sec", &[role], "POST", "/log/accept-restore")
            .json(&json!({ "log": log, "reason": "INC-9" }))
            .key(key)
    };
    let registry_admin = accept("Registry.Admin", &log, "a").send().await;
    registry_admin.problem(StatusCode::FORBIDDEN, "forbidden");
    let other = accept("Security.Admin", &LogId(Uuid::nil()).to_string(), "b")
        .send()
        .await;
    other.problem(StatusCode::NOT_FOUND, "not_found");
    let first = accept("Security.Admin", &log, "c").send().await;
    assert!(first.expect(StatusCode::OK)["unacceptedRestore"].is_null());
    let again = accept("Security.Admin", &log, "c").send().await;
    again.expect(StatusCode::OK);
    assert_eq!(again.revision(), first.revision());
}
