//! What a command's answer says.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use onedoor_log::{MemoryLog, Stream};
use onedoor_model::{
    decide::{DenialReason, Operation, Request, decide},
    ids::{BlockId, GrantId, ReplicaName, Slug, ToolName},
    lease::LEASE,
    principal::Principal,
    registry::{Algorithm, Block, BlockTarget, Command, Issuer, Plane, Stage, Subject},
};
use onedoor_registry::Rejected;
use uuid::Uuid;

use super::{
    faulty::{Way, memory},
    replica::{Replica, disable, in_time, until},
};
use crate::{Enforced, now};

fn names(replicas: &[ReplicaName]) -> Vec<&str> {
    replicas.iter().map(ReplicaName::as_str).collect()
}

/// Two replicas that know one server.
async fn two(log: &Arc<MemoryLog>) -> (Replica, Replica) {
    let (here, there) = (
        Replica::start("here", log).await,
        Replica::start("there", log).await,
    );
    here.register("finance").await;
    (here, there)
}

/// Disables the server.
async fn off(replica: &Replica) -> Enforced {
    let order = Replica::order("off", disable("finance"));
    let done = in_time(replica.control.execute(order)).await.unwrap();
    done.enforced.unwrap()
}

#[tokio::test]
async fn a_restrictive_command_is_answered_when_all_replicas_refuse() {
    let log = memory();
    let mut replicas = Vec::new();
    for name in ["a", "b", "c"] {
        replicas.push(Replica::start(name, &log).await);
    }
    for number in 0..20 {
        let slug = format!("server-{number}");
        replicas[0].register(&slug).await;
        let order = Replica::order(&format!("off-{number}"), disable(&slug));
        let taken = &replicas[number % 3];
        let done = in_time(taken.control.execute(order)).await.unwrap();
        for replica in &replicas {
            assert!(replica.refuses(&slug), "{} at the answer", replica.boot.replica);
        }
        let enforced = done.enforced.unwrap();
        assert_eq!(enforced.revision, done.applied.revision);
        assert_eq!(names(&enforced.confirmed), ["a", "b", "c"]);
        assert_eq!(names(&enforced.expired), [""; 0]);
        assert!(enforced.took < LEASE, "{:?}", enforced.took);
    }
}

#[tokio::test]
async fn any_command_is_answered_when_no_replica_serves_as_if_it_had_not_been_given() {
    let log = memory();
    let (here, there) = two(&log).await;
    assert!(there.knows("finance"), "at the answer");
    there.log.cut(Stream::Registry, Way::Read);
    assert!(there.control.lease().may_serve());
    here.register("hr").await;
    assert!(!there.knows("hr") && !there.control.lease().may_serve());
}

#[tokio::test]
async fn a_replica_that_is_cut_off_is_told_as_expired_within_a_second() {
    let log = memory();
    let (here, there) = two(&log).await;
    there.log.cut(Stream::Control, Way::Read);
    there.log.cut(Stream::Registry, Way::Read);
    let since = now();
    let enforced = off(&here).await;
    assert!(now().since(since) < Duration::from_secs(1));
    assert_eq!(names(&enforced.confirmed), ["here"]);
    assert_eq!(names(&enforced.expired), ["there"]);
    assert!(!there.control.lease().may_serve() && !there.refuses("finance"));
}

#[tokio::test]
async fn a_replica_that_reads_one_of_the_streams_refuses_or_serves_nothing() {
    for stream in [Stream::Control, Stream::Registry] {
        let log = memory();
        let (here, there) = two(&log).await;
        there.log.cut(stream, Way::Read);
        off(&here).await;
        let serves = there.control.lease().may_serve();
        assert!(there.refuses("finance") || !serves, "{stream}");
    }
}

#[tokio::test]
async fn a_stalled_registry_does_not_delay_a_hold() {
    let log = memory();
    let (here, there) = two(&log).await;
    here.log.cut(Stream::Registry, Way::Append);
    there.log.cut(Stream::Registry, Way::Append);
    let control = Arc::clone(&here.control);
    let given = tokio::spawn(async move { control.execute(Replica::order("off", disable("finance"))).await });
    until(|| here.refuses("finance") && there.refuses("finance")).await;
    assert!(there.control.lease().may_serve(), "what is not disabled goes on");
    let rejected = in_time(given).await.unwrap().unwrap_err();
    assert!(matches!(rejected, Rejected::Held), "{rejected}");
    assert!(here.refuses("finance") && there.refuses("finance"));
    // Either of them appends the event, and a retry is told.
    there.log.heal();
    until(|| there.is_disabled("finance")).await;
    let done = in_time(here.control.execute(Replica::order("off", disable("finance")))).await;
    assert!(done.unwrap().applied.retried);
    assert!(here.is_disabled("finance") && there.refuses("finance"));
}

#[tokio::test]
async fn a_replica_that_cannot_append_is_helped_by_the_others() {
    let log = memory();
    let (here, there) = two(&log).await;
    here.log.cut(Stream::Registry, Way::Append);
    let enforced = off(&here).await;
    assert_eq!(names(&enforced.confirmed), ["here", "there"]);
    assert!(here.is_disabled("finance") && there.is_disabled("finance"));
}

#[tokio::test]
async fn a_command_whose_replica_died_is_carried_out_by_another() {
    let log = memory();
    let (here, there) = two(&log).await;
    here.log.cut(Stream::Registry, Way::Append);
    let control = Arc::clone(&here.control);
    let given = tokio::spawn(async move { control.execute(Replica::order("off", disable("finance"))).await });
    until(|| there.refuses("finance")).await;
    given.abort();
    here.kill();
    until(|| there.is_disabled("finance")).await;
    // A retry at the other replica is answered as the first try would have been.
    let done = in_time(there.control.execute(Replica::order("off", disable("finance"))))
        .await
        .unwrap();
    assert!(done.applied.retried);
    let enforced = done.enforced.unwrap();
    assert!(names(&enforced.confirmed).contains(&"there"));
    assert!(!names(&enforced.confirmed).contains(&"here"));
}

#[tokio::test]
async fn without_control_a_restrictive_command_is_refused_and_others_work() {
    let log = memory();
    let replica = Replica::start("a", &log).await;
    replica.register("finance").await;
    replica.log.cut(Stream::Control, Way::Append);
    replica.serves_not().await;
    replica.register("hr").await;
    let rejected = in_time(replica.control.execute(Replica::order("off", disable("finance")))).await;
    assert!(matches!(rejected, Err(Rejected::Log(_))));
}

#[tokio::test]
async fn what_stands_on_an_earlier_decision_holds_up_the_answer_until_the_lease_has_run_out() {
    let log = memory();
    let (here, there) = two(&log).await;
    // A stream that does not react.
    let stream = there.control.registry().footing();
    let done = in_time(here.control.execute(Replica::order("off", disable("finance"))))
        .await
        .unwrap();
    let enforced = done.enforced.unwrap();
    assert_eq!(names(&enforced.expired), ["there"], "{enforced:?}");
    assert!(
        !there.control.lease().may_serve(),
        "what it goes on with cannot be told from what is stale"
    );
    drop(stream);
    there.serves().await;
}

/// A caller of the issuer that the test trusts.
fn caller() -> Principal {
    Principal {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: Some("ada".parse().unwrap()),
        display_name: None,
        client: "app".parse().unwrap(),
        groups: ["g".parse().unwrap()].into(),
        roles: [].into(),
        scopes: [].into(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::now(),
        expires_at: Timestamp::now() + Duration::from_secs(3_600),
    }
}

/// Every command that takes away is in force before the registry has it.
#[tokio::test]
async fn whatever_takes_away_is_held() {
    let log = memory();
    let (here, there) = (
        Replica::start("here", &log).await,
        Replica::start("there", &log).await,
    );
    let grant = GrantId(Uuid::now_v7());
    let give = async |id: &str, command: Command| {
        here.control.execute(Replica::order(id, command)).await.unwrap();
    };
    give("trust", Command::Trust(Box::new(issuer()))).await;
    for slug in ["finance", "hr"] {
        here.register(slug).await;
    }
    let (slug, tool) = ("hr".parse::<Slug>().unwrap(), "read".parse::<ToolName>().unwrap());
    let adds = Command::AddGrant {
        id: grant,
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        subject: Subject::Group("g".parse().unwrap()),
        slug: slug.clone(),
        tool: None,
        stage: Stage::Qa,
    };
    give("grant", adds).await;
    let revision = here.control.registry().snapshot().revision();
    there.control.registry().reached(revision).await.unwrap();
    for replica in [&here, &there] {
        replica.log.cut(Stream::Registry, Way::Append);
    }

    let caller = Arc::new(caller());
    let asks = |operation| Request {
        server: slug.clone(),
        stage: Stage::Qa,
        operation,
    };
    let denied = |operation| {
        let snapshot = there.control.registry().snapshot();
        decide(&snapshot, &caller, &asks(operation)).err()
    };
    let block = Block {
        id: BlockId(Uuid::now_v7()),
        target: BlockTarget::User {
            issuer: "idp".parse().unwrap(),
            tenant: "t".parse().unwrap(),
            user: "ada".parse().unwrap(),
        },
        not_before: Some(Timestamp::now() + Duration::from_secs(60)),
    };
    let call = || Operation::CallTool(tool.clone());
    let is_trusted = || there.control.registry().snapshot().issuers().next().is_some();
    let steps: [(&str, Command, &dyn Fn() -> bool); 5] = [
        (
            "tool",
            Command::DisableTool {
                slug: slug.clone(),
                tool: tool.clone(),
            },
            &|| {
                there
                    .control
                    .registry()
                    .snapshot()
                    .server("hr")
                    .unwrap()
                    .disabled_tools
                    .contains_key(&tool)
            },
        ),
        ("server", disable("finance"), &|| there.refuses("finance")),
        ("grant", Command::RemoveGrant { id: grant }, &|| {
            denied(call()) == Some(DenialReason::ServerNotGranted)
        }),
        ("block", Command::AddBlock(block), &|| {
            denied(call()) == Some(DenialReason::Blocked)
        }),
        (
            "issuer",
            Command::Distrust {
                name: "idp".parse().unwrap(),
            },
            &|| !is_trusted(),
        ),
    ];
    let mut given = Vec::new();
    for (name, command, in_force) in steps {
        assert!(!in_force(), "{name}");
        let (control, order) = (
            Arc::clone(&here.control),
            Replica::order(&format!("off-{name}"), command),
        );
        given.push(tokio::spawn(async move { control.execute(order).await }));
        until(in_force).await;
    }
    assert_eq!(
        there.control.registry().snapshot().revision(),
        revision,
        "the registry has none of it"
    );
    assert!(there.control.lease().may_serve());
    // With their events it is the same, and every command is answered.
    here.log.heal();
    for given in given {
        in_time(given).await.unwrap().unwrap();
    }
    assert!(!is_trusted() && there.refuses("finance"));
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
