//! Following the log, by one projector at a time.

mod follower;
mod keeper;
mod recognise;

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::select_all;
use onedoor_log::{EventLog, Partition, Stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

pub(crate) use self::{follower::Follower, recognise::recognise};
use crate::{error::ProjectorError, postgres::LEASE, status::Activity, store::Store};

/// How long to wait before going on after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is said again that something is away.
const REMIND: Duration = Duration::from_mins(1);
/// How often the active projector says that it is, and the others ask whether there is none.
const TURN: Duration = Duration::from_millis(250);
const _: () = assert!(
    TURN.as_millis() * 3 < LEASE.as_millis(),
    "a late answer costs no turn"
);
/// How often the ends of the log are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the days of the audit are looked after.
const HOUSEKEEPING: Duration = Duration::from_mins(10);
/// How soon they are looked after again where that failed, as it does while somebody reads a day that is to be dropped.
const HOUSEKEEPING_AGAIN: Duration = Duration::from_secs(10);

/// Another projector is the active one.
struct Superseded;

/// Projects every partition of every projected stream into the store, and goes on as the log grows, until `shutdown`.
///
/// Of several projectors of one PostgreSQL schema one is active; the others stand by, and one of them takes over about a second after
/// that one fell silent. Dropping the future at any point loses nothing: what is not committed is projected again. A failure that may
/// pass (no room, a busy or failing disk, a database or a log that is away) is waited out. Any other one stops the projection with an
/// error, which is logged here: somebody has to act.
///
/// # Errors
/// [`ProjectorError`]
pub async fn run(
    log: Arc<dyn EventLog>,
    store: Store,
    shutdown: CancellationToken,
) -> Result<(), ProjectorError> {
    let me = Uuid::now_v7();
    let project = Box::pin(async {
        tokio::select! {
            error = take_turns(&log, &store, me) => error,
            never = look(&log, &store) => match never {},
        }
    });
    let halted = shutdown.run_until_cancelled(project).await;
    if store.status().activity == Activity::Active
        && let Err(error) = store.release(me).await
    {
        warn!(
            error = &error as &dyn std::error::Error,
            "others take over a second later"
        );
    }
    let Some(error) = halted else {
        store.progress.note(Activity::Ended);
        return Ok(());
    };
    error!(
        error = &error as &dyn std::error::Error,
        "the projection has stopped"
    );
    store.progress.note(Activity::Halted { reason: told(&error) });
    Err(error)
}

/// Ends with what does not pass.
async fn take_turns(log: &Arc<dyn EventLog>, store: &Store, me: Uuid) -> ProjectorError {
    let mut said: Option<(String, Instant)> = None;
    loop {
        let error = match take_turn(log, store, me).await {
            Ok(Superseded) => {
                info!("another projector has taken over");
                continue;
            }
            Err(error) if error.may_pass() => error,
            Err(error) => return error,
        };
        let reason = told(&error);
        let new = |(before, when): &(String, Instant)| *before != reason || when.elapsed() > REMIND;
        if said.as_ref().is_none_or(new) {
            warn!(error = &error as &dyn std::error::Error, "the projection waits");
            said = Some((reason.clone(), Instant::now()));
        }
        store.progress.note(Activity::Waiting { reason });
        tokio::time::sleep(PAUSE).await;
    }
}

async fn take_turn(log: &Arc<dyn EventLog>, store: &Store, me: Uuid) -> Result<Superseded, ProjectorError> {
    store.migrate().await?;
    stand_by(store, me).await?;
    store.progress.note(Activity::Active);
    tokio::select! {
        error = follow_log(log, store) => error.map(|never| match never {}),
        superseded = stay_active(store, me) => superseded,
        never = keep_house(store) => match never {},
    }
}

/// Completes when this projector is the active one.
async fn stand_by(store: &Store, me: Uuid) -> Result<(), ProjectorError> {
    let mut told = false;
    while !store.hold(me).await? {
        if !told {
            info!("another projector is active: this one stands by");
            told = true;
        }
        store.progress.note(Activity::Standby);
        tokio::time::sleep(TURN).await;
    }
    Ok(())
}

async fn stay_active(store: &Store, me: Uuid) -> Result<Superseded, ProjectorError> {
    loop {
        tokio::time::sleep(TURN).await;
        if !store.hold(me).await? {
            return Ok(Superseded);
        }
    }
}

/// What goes wrong here is tried again, and told: nothing depends on it at once.
async fn keep_house(store: &Store) -> Infallible {
    loop {
        let pause = match store.keep_house().await {
            Ok(()) => HOUSEKEEPING,
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the days of the audit were not looked after"
                );
                HOUSEKEEPING_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Ends with the first partition that cannot go on.
async fn follow_log(log: &Arc<dyn EventLog>, store: &Store) -> Result<Infallible, ProjectorError> {
    let mut recognised = recognise(log.as_ref(), store).await?;
    let mut followers = Vec::new();
    for (stream, partition) in partitions(log.as_ref()) {
        if let Some(projection) = recognised.start(stream) {
            let follower = Follower::begin(log, store, stream, partition, projection).await?;
            followers.push(Box::pin(follower.follow()));
        }
    }
    info!(log = %recognised.log, "the projection follows the log");
    select_all(followers).await.0
}

/// Every partition that is projected.
pub(crate) fn partitions(log: &dyn EventLog) -> impl Iterator<Item = (Stream, Partition)> {
    Stream::FACTS.into_iter().flat_map(|stream| {
        let partitions = 0..log.partitions(stream);
        partitions.map(move |partition| (stream, Partition(partition)))
    })
}

/// Sees where the log ends and, while another one projects, how far it is. What cannot be seen stays as it was.
async fn look(log: &Arc<dyn EventLog>, store: &Store) -> Infallible {
    loop {
        for (stream, partition) in partitions(log.as_ref()) {
            if let Ok(bounds) = log.bounds(stream, partition).await {
                store.progress.note_end(stream, partition, bounds.end);
            }
        }
        if let Ok(positions) = store.positions().await {
            for (stream, partition, position) in positions {
                store.progress.publish(stream, partition, position);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// An error with all that is behind it, in one line.
fn told(error: &ProjectorError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
