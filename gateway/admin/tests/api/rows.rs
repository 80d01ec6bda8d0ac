//! What comes from the projection: histories and the audit.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::{
    audit::{AuditEvent, Caller, KeyedDigest, Outcome, ToolCallCompleted, ToolCalled},
    envelope::Producer,
    ids::{CallId, Digest, ServerId, VersionNumber},
    registry::Stage,
};
use onedoor_registry::Boot;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn a_history_has_what_was_done_and_what_was_refused() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let approve = || world.admin("POST", "/servers/finance/approve").if_match(version);
    let approved = approve().header("onedoor-reason", "seen").send().await;
    approved.expect(StatusCode::OK);
    world
        .admin("POST", "/servers/finance/disable")
        .key("off")
        .send()
        .await
        .expect(StatusCode::OK);

    let path = format!("/servers/finance/history?at_least={}", world.revision());
    let history = world.admin("GET", &path).send().await.expect(StatusCode::OK);
    let events = history["events"].as_array().unwrap();
    let types: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(
        types,
        [
            "dev.onedoor.ServerRegistered.v1",
            "dev.onedoor.VersionApproved.v1",
            "dev.onedoor.ServerDisabled.v1"
        ]
    );
    assert_eq!(events[1]["reason"], "seen");
    assert_eq!(events[1]["expected"], version);
    assert_eq!(events[1]["actor"]["user"], "root");
    assert_eq!(
        (&events[2]["command"], &events[2]["verdict"]),
        (&json!("off"), &json!("effective"))
    );
    assert_eq!(events[2]["route"], "POST /api/v1/servers/finance/disable");
}

#[tokio::test]
async fn a_history_comes_in_pages() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    for _ in 0..4 {
        world
            .admin("POST", "/servers/finance/disable")
            .send()
            .await
            .expect(StatusCode::OK);
    }
    world.projected().await;
    let mut revisions = Vec::new();
    let mut path = "/servers/finance/history?limit=2".to_owned();
    loop {
        let page = world.admin("GET", &path).send().await.expect(StatusCode::OK);
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 2);
        revisions.extend(events.iter().map(|event| event["revision"].as_u64().unwrap()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/servers/finance/history?limit=2&cursor={cursor}");
    }
    assert_eq!(revisions.len(), 5);
    assert!(revisions.is_sorted());
}

#[tokio::test]
async fn a_history_outlives_its_server() {
    let world = World::new().await;
    let version = world.register("finance", "team-a").await;
    let retired = world
        .admin("POST", "/servers/finance/retire")
        .if_match(version)
        .send()
        .await;
    let path = format!("/servers/finance/history?at_least={}", retired.revision());
    let history = world.admin("GET", &path).send().await.expect(StatusCode::OK);
    assert_eq!(history["events"].as_array().unwrap().len(), 2);
    let path = format!("/servers/nope/history?at_least={}", retired.revision());
    world
        .admin("GET", &path)
        .send()
        .await
        .problem(StatusCode::NOT_FOUND, "not_found");
    // To an owner it is gone.
    let owner = world
        .as_user("team-a", &["Tool.Owner"], "GET", "/servers/finance/history")
        .send()
        .await;
    owner.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn calls_are_found_and_come_in_pages() {
    let world = World::new().await;
    let log = world.log();
    for (user, tool, outcome) in [
        ("ann", "echo", Some(Outcome::Succeeded)),
        ("bob", "echo", Some(Outcome::ToolError)),
        ("ann", "sleep", None),
    ] {
        append_call(&log, user, tool, outcome).await;
    }
    let end = log.bounds(Stream::Audit, Partition(0)).await.unwrap().end;
    let last = onedoor_model::ids::Offset(end.0 - 1);
    let reached = world.store.reached(Stream::Audit, Partition(0), last);
    tokio::time::timeout(crate::world::PATIENCE, reached)
        .await
        .unwrap();

    let calls = async |query: &str| {
        let answer = world
            .as_user("eva", &["Auditor"], "GET", &format!("/audit/calls{query}"))
            .send()
            .await;
        answer.expect(StatusCode::OK)
    };
    let outcomes = |page: &Value| -> Vec<Value> {
        page["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["outcome"].clone())
            .collect()
    };
    let all = calls("").await;
    assert_eq!(outcomes(&all), ["open", "tool_error", "succeeded"]);
    let oldest = &all["calls"][2];
    assert_eq!(
        (&oldest["user"], &oldest["tool"], &oldest["server"]),
        (&json!("ann"), &json!("echo"), &json!("finance"))
    );
    assert_eq!(
        outcomes(&calls("?user=ann&since=1h").await),
        ["open", "succeeded"]
    );
    assert_eq!(
        outcomes(&calls("?tool=echo&outcome=tool_error").await),
        ["tool_error"]
    );
    assert_eq!(outcomes(&calls("?until=1h").await), [] as [&str; 0]);
    assert_eq!(outcomes(&calls("?server=hr").await), [] as [&str; 0]);

    let first = calls("?limit=2").await;
    assert_eq!(outcomes(&first), ["open", "tool_error"]);
    let second = calls(&format!(
        "?limit=2&cursor={}",
        first["nextCursor"].as_str().unwrap()
    ))
    .await;
    assert_eq!(outcomes(&second), ["succeeded"]);
    assert_eq!(second["nextCursor"], Value::Null);
}

async fn append_call(log: &Arc<dyn EventLog>, user: &str, tool: &str, outcome: Option<Outcome>) {
    let call = CallId(Uuid::now_v7());
    let called = AuditEvent::ToolCalled(Box::new(ToolCalled {
        call,
        operation: "tools/call".to_owned(),
        server: ServerId(Uuid::now_v7()),
        slug: "finance".parse().unwrap(),
        version: VersionNumber(1),
        stage: Stage::Production,
        tool: tool.parse().unwrap(),
        tool_digest: Digest::of(b"tool"),
        caller: Caller {
            issuer: "corp".parse().unwrap(),
            tenant: "t1".parse().unwrap(),
            user: Some(user.parse().unwrap()),
            user_name: None,
            client: "app".parse().unwrap(),
            token_id: "t".to_owned(),
        },
        required_scope: "tools.call".parse().unwrap(),
        audience: "api://finance".to_owned(),
        strategy: "gateway-issued".to_owned(),
        grants: Vec::new(),
        revision: onedoor_model::ids::Offset(1),
        arguments: KeyedDigest {
            key_id: "k".to_owned(),
            digest: Digest::of(b"{}"),
        },
        arguments_size: 2,
    }));
    let completed = outcome.map(|outcome| {
        AuditEvent::ToolCallCompleted(ToolCallCompleted {
            call,
            outcome,
            duration_us: 1_000,
            upstream_us: Some(500),
            answer_size: 10,
        })
    });
    let mut chain = Boot::new("test".parse().unwrap()).chain(Producer::Audit);
    for event in [Some(called), completed].into_iter().flatten() {
        let (bytes, after) = chain.seal(Boot::draft(event)).unwrap();
        log.append(Stream::Audit, Partition(0), vec![Bytes::from(bytes)])
            .await
            .unwrap();
        chain = after;
    }
}
