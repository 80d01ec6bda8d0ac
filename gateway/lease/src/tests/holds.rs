//! A hold and its event, apart.

use std::sync::Arc;

use onedoor_log::{AppendError, MemoryLog, Stream};
use onedoor_model::{
    ids::ServerId,
    registry::{Command, Conflict},
};
use onedoor_registry::{Order, Rejected};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    faulty::{Way, memory},
    replica::{Replica, disable, in_time, manifest, until},
};
use crate::Executed;

/// Two replicas that know a server; the first one cannot append to the registry.
async fn two(log: &Arc<MemoryLog>) -> (Replica, Replica) {
    let (here, there) = (
        Replica::start("here", log).await,
        Replica::start("there", log).await,
    );
    here.register("finance").await;
    here.log.cut(Stream::Registry, Way::Append);
    (here, there)
}

/// Gives a command.
fn give(replica: &Replica, order: Order) -> JoinHandle<Result<Executed, Rejected>> {
    let control = Arc::clone(&replica.control);
    tokio::spawn(async move { control.execute(order).await })
}

/// A command for the version of the server that a replica knows.
fn for_now(replica: &Replica, id: &str, command: fn() -> Command) -> Order {
    let state = replica.control.registry().state();
    let server = state.server_named(&"finance".parse().unwrap()).unwrap();
    Order {
        expected: Some(server.changed.version()),
        ..Replica::order(id, command())
    }
}

fn enable() -> Command {
    Command::Enable {
        slug: "finance".parse().unwrap(),
    }
}

fn retire() -> Command {
    Command::Retire {
        slug: "finance".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_stalled_control_does_not_delay_the_event() {
    let log = memory();
    let (here, there) = two(&log).await;
    here.log.heal();
    here.log.cut(Stream::Control, Way::Append);
    let given = give(&here, Replica::order("off", disable("finance")));
    until(|| there.is_disabled("finance")).await;
    assert!(
        !given.is_finished(),
        "it is not known that it is enforced everywhere"
    );
    here.log.heal();
    let done = in_time(given).await.unwrap().unwrap();
    assert!(!done.applied.retried && done.enforced.is_some());
}

#[tokio::test]
async fn a_hold_ends_whose_command_is_refused_by_then() {
    let log = memory();
    let (here, there) = two(&log).await;
    let given = give(&here, Replica::order("off", disable("finance")));
    until(|| there.refuses("finance")).await;
    let retired = there.control.execute(for_now(&there, "retire", retire)).await;
    assert!(retired.is_ok(), "{retired:?}");
    here.log.heal();
    let refused = in_time(given).await.unwrap();
    assert!(
        matches!(refused, Err(Rejected::Conflict(Conflict::Missing(_)))),
        "{refused:?}"
    );
    let holds = |replica: &Replica| replica.control.rule.lock().as_ref().unwrap().holds().count();
    until(|| holds(&here) == 0 && holds(&there) == 0).await;
}

#[tokio::test]
async fn what_gives_back_does_not_pass_by_a_hold_that_it_has_not_seen() {
    let log = memory();
    let (here, there) = two(&log).await;
    let given = give(&here, Replica::order("off", disable("finance")));
    until(|| there.refuses("finance")).await;
    let enabled = there.control.execute(for_now(&there, "on", enable)).await;
    assert!(enabled.is_ok(), "{enabled:?}");
    assert!(there.refuses("finance") && here.refuses("finance"));
    here.log.heal();
    in_time(given).await.unwrap().unwrap();
    until(|| there.is_disabled("finance")).await;
    assert!(there.refuses("finance"));
    // Once it has, it does.
    let enabled = there.control.execute(for_now(&there, "on-again", enable)).await;
    assert!(enabled.is_ok(), "{enabled:?}");
    assert!(!there.refuses("finance") && !here.refuses("finance"));
}

#[tokio::test]
async fn a_hold_waits_for_what_it_takes_away() {
    let log = memory();
    let (here, there) = two(&log).await;
    here.log.heal();
    there.log.cut(Stream::Registry, Way::Read);
    here.register("hr").await;
    here.log.cut(Stream::Registry, Way::Append);
    give(&here, Replica::order("off", disable("hr")));
    let held = |replica: &Replica| {
        let rule = replica.control.rule.lock();
        rule.as_ref().unwrap().holds().count() == 1
    };
    until(|| held(&there)).await;
    assert!(!there.knows("hr"));
    there.log.heal();
    until(|| {
        let snapshot = there.control.registry().snapshot();
        let hr = snapshot.server("hr");
        hr.inspect(|hr| assert!(hr.disabled.is_some(), "it was there before it was taken away"));
        hr.is_some()
    })
    .await;
    assert!(!there.is_disabled("hr"), "the registry does not have it");
}

/// A caller has gone by the time that a registry is back which was away for long: nothing happens that nobody waits for.
#[tokio::test]
async fn what_waits_for_its_turn_is_not_carried_out_later() {
    let log = memory();
    let (here, there) = two(&log).await;
    let command = |slug: &str| Command::Register {
        server: ServerId(Uuid::now_v7()),
        manifest: manifest(slug),
    };
    let given = ["hr", "it"].map(|slug| give(&here, Replica::order(slug, command(slug))));
    for given in given {
        let rejected = in_time(given).await.unwrap();
        assert!(
            matches!(rejected, Err(Rejected::Log(AppendError::Unknown(_)))),
            "{rejected:?}"
        );
    }
    here.log.heal();
    here.register("sales").await;
    until(|| there.knows("sales")).await;
    assert!(!there.knows("hr") && !there.knows("it"));
}
