//! The live registry over a real log in memory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use onedoor_log::{EventLog, MemoryLog, Options, Stream};
use onedoor_model::{
    envelope::Envelope,
    ids::{AggregateVersion, BlockId, CommandId, Digest, Offset, ServerId, Slug},
    principal::Actor,
    registry::{Algorithm, Command, CommandStamp, Conflict, Issuer, Plane, RegistryEvent, Settings},
};
use uuid::Uuid;

use crate::{Applied, Boot, FollowError, Kept, Order, Registry, Rejected, Stopped, follow::PARTITION};

fn log() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new(Options::default()))
}

async fn open(log: &Arc<dyn EventLog>) -> Arc<Registry> {
    let boot = Boot::new("test".parse().unwrap());
    let (registry, follower) = Registry::open(Arc::clone(log), &boot).await.unwrap();
    tokio::spawn(follower);
    registry
}

fn order(id: &str, expected: u64, command: Command) -> Order {
    Order {
        command,
        expected: Some(AggregateVersion(expected)),
        stamp: CommandStamp {
            id: CommandId::new(id).unwrap(),
            route: "test".to_owned(),
            digest: Digest::of(id.as_bytes()),
        },
        actor: Actor::System {
            name: "test".to_owned(),
        },
        reason: None,
        traceparent: None,
    }
}

fn settings(seconds: u64) -> Command {
    Command::Set(Box::new(Settings {
        clock_leeway_seconds: seconds,
        ..Settings::default()
    }))
}

fn register(slug: &str) -> Command {
    let manifest = serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
        "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
            "strategy": "gateway-issued",
            "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
        }},
    });
    Command::Register {
        server: ServerId(Uuid::now_v7()),
        manifest: manifest.to_string(),
    }
}

async fn end(log: &Arc<dyn EventLog>) -> u64 {
    log.bounds(Stream::Registry, PARTITION).await.unwrap().end.0
}

#[tokio::test]
async fn an_answer_comes_when_the_snapshot_enforces_it() {
    let log = log();
    let registry = open(&log).await;
    let applied = registry.execute(order("a", 0, settings(7))).await.unwrap();
    assert_eq!(registry.snapshot().settings().clock_leeway_seconds, 7);
    assert_eq!(registry.snapshot().revision(), applied.revision);
}

#[tokio::test]
async fn a_log_is_begun_once_and_read_whole_by_the_next() {
    let log = log();
    let first = open(&log).await;
    first.execute(order("a", 0, settings(7))).await.unwrap();
    let second = open(&log).await;
    assert_eq!(second.state().digest().unwrap(), first.state().digest().unwrap());
    assert_eq!(end(&log).await, 2);
}

#[tokio::test]
async fn a_change_by_another_replica_is_followed() {
    let log = log();
    let (here, there) = (open(&log).await, open(&log).await);
    let applied = there.execute(order("a", 0, settings(7))).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), here.reached(applied.revision))
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(here.snapshot().settings().clock_leeway_seconds, 7);
}

#[tokio::test]
async fn of_many_commands_for_one_version_one_applies() {
    let log = log();
    let replicas = [open(&log).await, open(&log).await];
    let ids: Vec<String> = (0..50).map(|n| format!("c{n}")).collect();
    let orders = ids
        .iter()
        .enumerate()
        .map(|(n, id)| replicas[n % 2].execute(order(id, 0, settings(n as u64 + 1))));
    let results = join_all(orders).await;
    let applied: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(applied.len(), 1);
    for result in &results {
        if let Err(error) = result {
            assert!(
                matches!(error, Rejected::Conflict(Conflict::VersionPassed { .. })),
                "{error}"
            );
        }
    }
    let last = Offset(end(&log).await - 1);
    for replica in &replicas {
        replica.reached(last).await.unwrap();
    }
    assert_eq!(
        replicas[0].state().digest().unwrap(),
        replicas[1].state().digest().unwrap()
    );
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_and_writes_nothing() {
    let log = log();
    let registry = open(&log).await;
    let first = registry.execute(order("a", 0, settings(7))).await.unwrap();
    let before = end(&log).await;
    let again = registry.execute(order("a", 0, settings(7))).await.unwrap();
    assert_eq!(
        again,
        Applied {
            revision: first.revision,
            retried: true
        }
    );
    let mut other = order("a", 0, settings(8));
    other.stamp.digest = Digest::of(b"another body");
    let reused = registry.execute(other).await.unwrap_err();
    assert!(
        matches!(reused, Rejected::Conflict(Conflict::CommandReused)),
        "{reused}"
    );
    assert_eq!(end(&log).await, before);
}

#[tokio::test]
async fn the_same_command_at_two_replicas_at_once_applies_once() {
    let log = log();
    let replicas = [open(&log).await, open(&log).await];
    let results = join_all(
        replicas
            .iter()
            .map(|replica| replica.execute(order("a", 0, settings(7)))),
    )
    .await;
    let revisions: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap().revision)
        .collect();
    assert_eq!(revisions[0], revisions[1]);
}

#[tokio::test]
async fn what_is_refused_at_once_is_not_written() {
    let log = log();
    let registry = open(&log).await;
    let before = end(&log).await;
    let unknown = registry
        .execute(order(
            "a",
            0,
            Command::Disable {
                slug: Slug::new("none").unwrap(),
            },
        ))
        .await;
    assert!(matches!(unknown, Err(Rejected::NotFound(_))));
    let missing = registry
        .execute(order(
            "b",
            0,
            Command::RemoveBlock {
                id: BlockId(Uuid::nil()),
            },
        ))
        .await;
    assert!(matches!(missing, Err(Rejected::Conflict(Conflict::Missing(_)))));
    assert_eq!(end(&log).await, before);
}

#[tokio::test]
async fn a_restrictive_command_needs_no_version() {
    let log = log();
    let registry = open(&log).await;
    registry
        .execute(order("issuer", 0, Command::Trust(Box::new(issuer()))))
        .await
        .unwrap();
    registry
        .execute(order("server", 0, register("finance")))
        .await
        .unwrap();
    let slug = Slug::new("finance").unwrap();
    registry
        .execute(order("off", 99, Command::Disable { slug: slug.clone() }))
        .await
        .unwrap();
    assert!(registry.state().server_named(&slug).unwrap().disabled.is_some());
}

/// A command whose caller stopped waiting half-way, or that another replica has appended meanwhile.
#[tokio::test]
async fn a_command_that_is_dropped_half_way_breaks_no_chain() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().display());
    let log = onedoor_log::open(&url).await.unwrap();
    let registry = open(&log).await;
    {
        let dropped = registry.execute(order("a", 0, settings(7)));
        tokio::pin!(dropped);
        assert!(futures_util::poll!(&mut dropped).is_pending());
    }
    registry
        .execute(order("b", 0, register("finance")))
        .await
        .unwrap();
    let records = log
        .read(Stream::Registry, PARTITION, Offset(0), 10)
        .await
        .unwrap();
    let events = records
        .iter()
        .map(|record| Envelope::<RegistryEvent>::read(&record.bytes).unwrap());
    let events: Vec<_> = events.collect();
    let links: Vec<_> = events.iter().map(|event| (event.seq, event.prevhash)).collect();
    let hash = |place: usize| Some(Digest::of(&records[place].bytes));
    assert_eq!(links, [(0, None), (1, hash(0)), (2, hash(1))]);
    log.close().await;
}

/// What a projection keeps of a log that is a server longer than an empty one.
async fn kept(log: &Arc<dyn EventLog>) -> Kept {
    let registry = open(log).await;
    registry
        .execute(order("kept", 0, register("kept")))
        .await
        .unwrap();
    let last = log.read(Stream::Registry, PARTITION, Offset(1), 1).await.unwrap();
    Kept {
        state: registry.state(),
        record: Digest::of(&last[0].bytes),
    }
}

#[tokio::test]
async fn a_replica_goes_on_from_what_the_projection_has_kept() {
    let log = log();
    let mut kept = kept(&log).await;
    let first = open(&log).await;
    first.execute(order("a", 0, settings(7))).await.unwrap();
    let boot = Boot::new("test".parse().unwrap());
    let from = async |kept| {
        let opened = Registry::open_from(Arc::clone(&log), &boot, Some(kept)).await;
        opened.unwrap().0.state().digest().unwrap()
    };
    assert_eq!(from(kept.clone()).await, first.state().digest().unwrap());
    // What was folded is not folded again: where it is another state, it stays another one.
    let elsewhere = self::log();
    kept.state = self::kept(&elsewhere).await.state;
    assert_ne!(from(kept).await, first.state().digest().unwrap());
}

/// Among what is gone may be that a server was disabled.
#[tokio::test]
async fn a_log_without_what_the_projection_has_seen_is_refused() {
    let kept = kept(&log()).await;
    let boot = Boot::new("test".parse().unwrap());
    let (grown, begun, empty) = (log(), log(), log());
    open(&grown)
        .await
        .execute(order("kept", 0, register("kept")))
        .await
        .unwrap();
    open(&begun).await;
    for log in [grown, begun, empty] {
        let before = end(&log).await;
        let opened = Registry::open_from(Arc::clone(&log), &boot, Some(kept.clone())).await;
        let error = opened.err().unwrap();
        assert!(
            matches!(error, FollowError::NotProjected { revision: Offset(1) }),
            "{error}"
        );
        assert_eq!(end(&log).await, before);
    }
}

/// A newer Onedoor has written to the log: this one must not serve on what it does not understand.
#[tokio::test]
async fn an_unknown_event_stops_everything() {
    let log = log();
    let boot = Boot::new("test".parse().unwrap());
    let (registry, follower) = Registry::open(Arc::clone(&log), &boot).await.unwrap();
    let follower = tokio::spawn(follower);
    assert!(!registry.is_stopped());
    let known = log.read(Stream::Registry, PARTITION, Offset(0), 1).await.unwrap();
    let unknown = String::from_utf8(known[0].bytes.to_vec())
        .unwrap()
        .replace("LogCreated.v1", "LogCreated.v9");
    log.append(Stream::Registry, PARTITION, vec![Bytes::from(unknown)])
        .await
        .unwrap();
    let error = tokio::time::timeout(Duration::from_secs(5), follower)
        .await
        .expect("in time")
        .unwrap();
    assert!(matches!(error, FollowError::Unreadable { .. }), "{error}");
    assert!(registry.is_stopped());
    let next = Offset(1);
    assert_eq!(registry.reached(next).await, Err(Stopped));
    let refused = registry.execute(order("a", 0, settings(7))).await;
    assert!(matches!(refused, Err(Rejected::Stopped(_))));
}

fn issuer() -> Issuer {
    Issuer {
        name: "idp".parse().unwrap(),
        urls: vec!["https://idp.example".to_owned()],
        tenants: ["t".parse().unwrap()].into(),
        jwks_uri: "https://idp.example/keys".to_owned(),
        authorization_server: "https://idp.example".to_owned(),
        algorithms: [Algorithm::ES256].into(),
        data: Plane {
            audiences: ["data".to_owned()].into(),
            clients: ["app".parse().unwrap()].into(),
            required_scope: None,
            advertised_scopes: Vec::new(),
        },
        admin: None,
        on_behalf_of: None,
    }
}
