//! What was done to a server.

use onedoor_log::Stream;
use onedoor_model::{
    principal::Actor,
    registry::{Change, ManifestSubmitted, ServerChosen},
};
use onedoor_projector::{Aggregate, HistoryQuery, ServerSelector, VerdictKind};

use crate::{
    scene::{Scene, limit},
    support::{Engine, manifest},
};

on_both! {
    a_history_says_what_lost_and_to_what,
}

async fn a_history_says_what_lost_and_to_what(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let writer = &mut scene.writer;
    let (server, registered) = writer.register("finance").await;
    writer.register("hr").await;
    let update = |version| {
        Change::ServerUpdated(ManifestSubmitted {
            server,
            manifest: manifest("finance", version),
        })
    };
    let winner = writer.change(update("1.1.0"), Some(registered.0)).await;
    let loser = writer.change(update("1.2.0"), Some(registered.0)).await;
    let disable = Change::ServerDisabled(ServerChosen { server });
    let disabled = writer.command("c-9", disable.clone(), None).await;
    let retried = writer.command("c-9", disable, None).await;
    writer.again(Stream::Registry, retried).await;
    let (_, taken) = writer.register("finance").await;

    let by_id = scene.history(&server.to_string()).await;
    let verdicts: Vec<_> = by_id
        .iter()
        .map(|row| (row.revision, row.verdict, row.won))
        .collect();
    assert_eq!(
        verdicts,
        [
            (registered, VerdictKind::Effective, None),
            (winner, VerdictKind::Effective, None),
            (loser, VerdictKind::Refused, Some(winner)),
            (disabled, VerdictKind::Effective, None),
            (retried, VerdictKind::Duplicate, Some(disabled)),
        ]
    );
    let lost = &by_id[2];
    assert_eq!(
        lost.conflict.as_deref(),
        Some("version 3 has come since version 1, which the command was given for")
    );
    assert_eq!(lost.expected.unwrap().0, registered.0);
    assert_eq!(lost.kind, "dev.onedoor.ServerUpdated.v1");
    assert_eq!(
        (lost.aggregate, &lost.aggregate_id),
        (Aggregate::Server, &server.to_string())
    );
    assert_eq!(lost.server.as_deref(), Some("finance"));
    assert_eq!(lost.reason.as_deref(), Some("as agreed"));
    assert!(
        matches!(&lost.actor, Some(Actor::Caller { user: Some(user), .. }) if user.as_str() == "u-admin")
    );
    assert_eq!(lost.change["server"], server.to_string());
    assert_eq!(lost.change["manifestDigest"].as_str().unwrap().len(), 64);
    let json = serde_json::to_value(lost).unwrap();
    assert_eq!(json["time"], "2026-11-24T06:00:00.500Z");
    assert_eq!(
        (&json["type"], &json["verdict"]),
        (&"dev.onedoor.ServerUpdated.v1".into(), &"refused".into())
    );

    let by_slug = scene.history("finance").await;
    let last = by_slug.last().unwrap();
    assert_eq!(
        (by_slug.len(), last.revision, last.verdict),
        (6, taken, VerdictKind::Refused)
    );
    assert_eq!(
        last.conflict.as_deref(),
        Some("there is already a server finance")
    );

    let mut query = HistoryQuery {
        server: ServerSelector::Id(server),
        limit: limit(2),
        cursor: None,
    };
    let mut paged = Vec::new();
    loop {
        let page = scene.store().await.history(&query).await.unwrap();
        assert!(page.items.len() <= 2);
        paged.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, by_id);
}
