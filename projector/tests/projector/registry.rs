//! The registry's tables say what the fold says.

use std::{collections::BTreeSet, sync::Arc};

use onedoor_log::{EventLog, Stream};
use onedoor_model::{
    envelope::Envelope,
    ids::{Offset, Revision, ServerId},
    registry::{Change, ManifestSubmitted, RegistryEvent, ServerChosen, State},
};
use onedoor_projector::Store;

use crate::{
    story,
    support::{Engine, P0, Projector, Room, Writer, caught_up, manifest, memory},
};

on_both! {
    the_tables_are_the_state,
    the_state_is_there_again_after_a_restart,
}

pub(crate) async fn folded(log: &Arc<dyn EventLog>) -> State {
    let mut state = State::default();
    for record in log
        .read(Stream::Registry, P0, Offset(0), usize::MAX)
        .await
        .unwrap()
    {
        let event = Envelope::<RegistryEvent>::read(&record.bytes).unwrap();
        state.apply(record.offset, &event).unwrap();
    }
    state
}

async fn the_tables_are_the_state(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    story::registry(&mut writer).await;
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();

    let state = folded(&log).await;
    servers(&room, &state, &server_ids(&log).await).await;
    let grants = "SELECT grant_id || '|' || subject_kind || ' ' || subject || '|' || server_id || '|'
        || coalesce(tool, '') || '|' || stage || '|' || changed_revision FROM grants";
    let expected: BTreeSet<_> = state
        .grants()
        .map(|grant| {
            let (value, revision) = (&grant.value, grant.changed.revision);
            let tool = value.tool.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{}|{}|{}|{tool}|{}|{revision}",
                value.id, value.subject, value.server, value.stage
            )
        })
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(room.rows(grants).await, expected);

    let blocks = "SELECT block_id || '|' || target || '|' || changed_revision FROM blocks";
    let expected: BTreeSet<_> = state
        .blocks()
        .map(|block| {
            let target = serde_json::to_value(&block.value.target).unwrap();
            format!(
                "{}|{}|{}",
                block.value.id,
                target["target"].as_str().unwrap(),
                block.changed.revision
            )
        })
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(room.rows(blocks).await, expected);

    let issuers = "SELECT document || '|' || changed_revision FROM issuers";
    let expected: BTreeSet<_> = state
        .issuers()
        .map(|issuer| {
            format!(
                "{}|{}",
                serde_json::to_string(&issuer.value).unwrap(),
                issuer.changed.revision
            )
        })
        .collect();
    assert_eq!(expected.len(), 1);
    assert_eq!(room.rows(issuers).await, expected);

    let settings = "SELECT document || '|' || changed_revision FROM settings";
    let set = state.settings().unwrap();
    let expected = format!(
        "{}|{}",
        serde_json::to_string(&set.value).unwrap(),
        set.changed.revision
    );
    assert_eq!(room.rows(settings).await, BTreeSet::from([expected]));
}

/// Every server there ever was: the state names only those that live.
async fn server_ids(log: &Arc<dyn EventLog>) -> Vec<ServerId> {
    let records = log
        .read(Stream::Registry, P0, Offset(0), usize::MAX)
        .await
        .unwrap();
    let registered = |bytes: &[u8]| {
        let event = Envelope::<RegistryEvent>::read(bytes).unwrap();
        if let Change::ServerRegistered(submitted) = event.data.change {
            Some(submitted.server)
        } else {
            None
        }
    };
    records
        .iter()
        .filter_map(|record| registered(&record.bytes))
        .collect()
}

async fn servers(room: &Room, state: &State, ids: &[ServerId]) {
    let servers: BTreeSet<_> = ids
        .iter()
        .filter_map(|id| state.server(*id))
        .map(|server| server.id)
        .collect();
    let servers: Vec<_> = servers.into_iter().filter_map(|id| state.server(id)).collect();
    assert_eq!(servers.len(), 3);
    let revision = |revision: Option<Revision>| revision.map(|r| r.to_string()).unwrap_or_default();
    let expected: BTreeSet<_> = servers
        .iter()
        .map(|server| {
            let [disabled, retired] =
                [&server.disabled, &server.retired].map(|touch| revision(touch.as_ref().map(|t| t.revision)));
            let production = server
                .production
                .map(|number| number.to_string())
                .unwrap_or_default();
            let latest = server.latest().unwrap().number;
            let (id, slug, changed) = (server.id, &server.slug, server.changed.revision);
            format!("{id}|{slug}|{latest}|{production}|{changed}|{disabled}|{retired}")
        })
        .collect();
    let sql = "SELECT server_id || '|' || slug || '|' || latest_version || '|' || coalesce(CAST(production_version AS TEXT), '')
        || '|' || changed_revision || '|' || coalesce(CAST(disabled_revision AS TEXT), '') || '|' || coalesce(CAST(retired_revision AS TEXT), '')
        FROM servers";
    assert_eq!(room.rows(sql).await, expected);

    let versions = || {
        servers
            .iter()
            .flat_map(|server| server.versions.values().map(|v| (server.id, v)))
    };
    let expected: BTreeSet<_> = versions()
        .map(|(id, version)| {
            let approved = revision(version.approved.as_ref().map(|touch| touch.revision));
            let (number, digest) = (version.number, version.manifest.digest);
            format!("{id}|{number}|{digest}|{approved}|{}", version.manifest_text)
        })
        .collect();
    let sql = "SELECT server_id || '|' || version || '|' || digest || '|' || coalesce(CAST(approved_revision AS TEXT), '')
        || '|' || manifest FROM server_versions";
    assert_eq!(room.rows(sql).await, expected);

    let expected: BTreeSet<_> = versions()
        .flat_map(|(id, version)| {
            let tools = version.manifest.tools.values();
            tools.map(move |tool| format!("{id}|{}|{}|{}", version.number, tool.name, tool.digest))
        })
        .collect();
    let sql = "SELECT server_id || '|' || version || '|' || tool || '|' || digest FROM tools";
    assert_eq!(room.rows(sql).await, expected);

    let expected: BTreeSet<_> = servers
        .iter()
        .flat_map(|server| {
            let tools = server.disabled_tools.iter();
            tools.map(move |(tool, touch)| format!("{}|{tool}|{}", server.id, touch.revision))
        })
        .collect();
    assert_eq!(expected.len(), 1);
    let sql = "SELECT server_id || '|' || tool || '|' || disabled_revision FROM disabled_tools";
    assert_eq!(room.rows(sql).await, expected);
}

/// Started again, it folds from the beginning, but writes only what is new.
async fn the_state_is_there_again_after_a_restart(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let (server, registered) = writer.register("finance").await;
    let room = Room::of(engine, &log).await;
    let update = ManifestSubmitted {
        server,
        manifest: manifest("finance", "1.1.0"),
    };
    writer
        .change(Change::ServerUpdated(update), Some(registered.0))
        .await;
    writer
        .change(Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    project(&log, &room.store).await;
    assert_eq!(
        room.store.digest().await.unwrap(),
        Room::of(engine, &log).await.store.digest().await.unwrap()
    );
    let sql = "SELECT latest_version || ' ' || disabled_revision FROM servers";
    assert_eq!(room.rows(sql).await, BTreeSet::from(["2 3".to_owned()]));
}

async fn project(log: &Arc<dyn EventLog>, store: &Store) {
    let projector = Projector::start(log, store);
    caught_up(log, store).await;
    projector.stop().await.unwrap();
}
