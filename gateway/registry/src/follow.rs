//! Following the log.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use onedoor_log::{AppendError, EventLog, Partition, ReadError, Record, Stream, Tail};
use onedoor_model::{
    decide::Snapshot,
    envelope::{Chain, Envelope, Producer, Unreadable},
    ids::{CommandId, Digest, LogId, Offset, Revision},
    principal::Actor,
    registry::{Change, CommandStamp, FoldError, LogCreated, RegistryEvent, State},
};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use crate::{
    Boot,
    footing::{Footing, Generations},
};

/// The partition that `registry` has.
pub(crate) const PARTITION: Partition = Partition(0);

/// First and longest wait before a log that cannot be read is read again.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The registry as this replica knows it. Reading takes no lock.
#[derive(Debug)]
pub struct Registry {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) chain: Mutex<Chain>,
    /// What is folded.
    folded: ArcSwap<State>,
    /// What decisions are made on.
    snapshot: ArcSwap<Snapshot>,
    generations: Generations,
    progress: watch::Sender<Progress>,
}

/// Follows the stream. What it has folded is in force once it is published.
#[derive(Debug)]
pub struct Follower {
    registry: Arc<Registry>,
    tail: Tail,
    state: State,
    wait: Duration,
}

/// A state that the projection has kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The state.
    pub state: State,
    /// Digest of the bytes of the last event that it has folded.
    pub record: Digest,
}

/// How far the registry is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last event that the snapshot holds.
    pub revision: Revision,
    /// How many snapshots there were: holds change what may be done, too.
    pub edition: u64,
    /// Set for good when following ended: changes may have been missed, and nothing may be served.
    pub stopped: bool,
}

/// Why following ended: nothing may be served from then on.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be read, or is not the one that was read before.
    #[error("cannot read the registry stream")]
    Read(#[from] ReadError),
    /// The log could not be begun.
    #[error("cannot begin the registry stream")]
    Begin(#[from] AppendError),
    /// A newer Onedoor has written to this log, or it is damaged. This version must not serve.
    #[error("cannot understand event {offset} of the registry stream")]
    Unreadable {
        /// Where it stands.
        offset: Offset,
        /// What is wrong.
        #[source]
        source: Unreadable,
    },
    /// The stream is not a registry.
    #[error("the registry stream does not follow from its beginning")]
    Fold(#[from] FoldError),
    /// The log was cut or made anew, or the projection is of another one: a disabled server may be among what is gone. It must be found out
    /// which, before anything is served.
    #[error(
        "event {revision} of the registry is not the one that the projection has seen: the log has lost events, or the database is another log's"
    )]
    NotProjected {
        /// The last event that the projection has seen.
        revision: Revision,
    },
    /// The first event could not be written as JSON.
    #[error("cannot write an event")]
    Write(#[from] serde_json::Error),
}

/// The registry is no longer followed, so that a change may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the registry is no longer followed")]
pub struct Stopped;

impl Registry {
    /// Reads the whole stream, beginning it where it is empty, and gives the registry and the task that keeps it up to date: run it
    /// until the process ends, and stop serving when it ends.
    ///
    /// # Errors
    /// [`FollowError`]
    pub async fn open(
        log: Arc<dyn EventLog>,
        boot: &Boot,
    ) -> Result<(Arc<Self>, impl Future<Output = FollowError> + Send + use<>), FollowError> {
        let (registry, follower) = Self::open_from(log, boot, None).await?;
        Ok((registry, follower.run()))
    }

    /// The same, reading on from what the projection has kept, for whoever publishes what is followed.
    ///
    /// # Errors
    /// [`FollowError`]
    pub async fn open_from(
        log: Arc<dyn EventLog>,
        boot: &Boot,
        kept: Option<Kept>,
    ) -> Result<(Arc<Self>, Follower), FollowError> {
        // Before anything is written: a log that a projection knows is not begun anew.
        let mut state = match kept {
            Some(kept) => kept.in_log(&*log).await?,
            None => State::default(),
        };
        let mut chain = boot.chain(Producer::Registry);
        if log.bounds(Stream::Registry, PARTITION).await?.end == Offset(0) {
            chain = begin(&*log, chain).await?;
        }
        let from = state.revision().map_or(Offset(0), Offset::next);
        let mut tail = Tail::new(Arc::clone(&log), Stream::Registry, PARTITION, from);
        let end = log.bounds(Stream::Registry, PARTITION).await?.end;
        while tail.position() < end {
            fold(&mut state, &tail.next().await?)?;
        }
        let read = end.0.saturating_sub(from.0);
        tracing::info!(
            known = from.0,
            read,
            "the registry is read: what the projection knew, and the rest from the log"
        );
        let registry = Arc::new(Self {
            log,
            chain: Mutex::new(chain),
            snapshot: ArcSwap::from_pointee(Snapshot::of(&state)),
            generations: Generations::default(),
            progress: watch::Sender::new(Progress {
                revision: state.revision().unwrap_or_default(),
                edition: 0,
                stopped: false,
            }),
            folded: ArcSwap::from_pointee(state.clone()),
        });
        let follower = Follower {
            registry: Arc::clone(&registry),
            tail,
            state,
            wait: RETRY.0,
        };
        Ok((registry, follower))
    }

    /// What decisions are made on now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Everything that is known now.
    #[must_use]
    pub fn state(&self) -> State {
        State::clone(&self.folded.load())
    }

    /// What something stands on that goes on after its decision: taken before the snapshot that is decided on, held as long as it goes
    /// on, exchanged whenever it is decided anew.
    #[must_use]
    pub fn footing(&self) -> Footing {
        self.generations.footing()
    }

    /// The edition that is enforced: nothing goes on that was decided on an earlier snapshot.
    #[must_use]
    pub fn enforced(&self) -> u64 {
        self.generations.enforced()
    }

    /// Completes when more may be enforced than before. For one task; cancel-safe.
    pub async fn enforced_more(&self) {
        self.generations.ended().await;
    }

    /// Puts a state in force, under what is held: `under` is the state with all open holds, and what decisions are made on. The edition
    /// it is. For one task: the one that follows.
    pub fn publish(&self, folded: State, under: &State) -> u64 {
        let snapshot = Snapshot::of(under);
        let revision = snapshot.revision();
        // The snapshot before all else: whoever is told of a revision finds it in force.
        self.snapshot.store(Arc::new(snapshot));
        self.folded.store(Arc::new(folded));
        let edition = self.generations.advance();
        self.progress.send_modify(|progress| {
            progress.revision = revision;
            progress.edition = edition;
        });
        edition
    }

    /// Ends following: nothing may be served from now on.
    pub fn stop(&self) {
        self.progress.send_modify(|progress| progress.stopped = true);
    }

    /// Tells of every new snapshot, and of the end.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Whether following has ended, so that nothing may be served.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.progress.borrow().stopped
    }

    /// Waits until an event is folded and the snapshot holds it.
    ///
    /// # Errors
    /// [`Stopped`]: it never will be.
    pub async fn reached(&self, revision: Revision) -> Result<(), Stopped> {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.revision >= revision || progress.stopped)
            .await;
        match reached.map(|progress| progress.revision >= revision) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Stopped),
        }
    }
}

impl Follower {
    /// The registry that it follows for.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The state with the events that come next, which are not in force yet. Cancel-safe.
    ///
    /// A log that cannot be read now may be read later: meanwhile nobody can show that this replica is up to date, so that its lease
    /// runs out.
    ///
    /// # Errors
    /// [`FollowError`]: there is no way on. Nothing may be served from then on ([`Registry::stop`]).
    pub async fn next(&mut self) -> Result<State, FollowError> {
        loop {
            match self.tail.next().await {
                Ok(records) => {
                    self.wait = RETRY.0;
                    fold(&mut self.state, &records)?;
                    return Ok(self.state.clone());
                }
                Err(error @ (ReadError::Engine(_) | ReadError::Unavailable(_))) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the registry cannot be read now"
                    );
                    tokio::time::sleep(self.wait).await;
                    self.wait = (self.wait * 2).min(RETRY.1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Follows and publishes, where nobody holds anything.
    pub async fn run(mut self) -> FollowError {
        loop {
            match self.next().await {
                Ok(state) => {
                    self.registry.publish(state.clone(), &state);
                }
                Err(error) => {
                    self.registry.stop();
                    return error;
                }
            }
        }
    }
}

impl Kept {
    /// The state, if its last event stands in this log where it did.
    async fn in_log(self, log: &dyn EventLog) -> Result<State, FollowError> {
        let Some(revision) = self.state.revision() else {
            return Ok(self.state);
        };
        let last = match log.read(Stream::Registry, PARTITION, revision, 1).await {
            Err(ReadError::BeyondEnd { .. }) => Vec::new(),
            read => read?,
        };
        if last.iter().any(|last| Digest::of(&last.bytes) == self.record) {
            Ok(self.state)
        } else {
            Err(FollowError::NotProjected { revision })
        }
    }
}

fn fold(state: &mut State, records: &[Record]) -> Result<(), FollowError> {
    for Record { offset, bytes, .. } in records {
        let event = Envelope::<RegistryEvent>::read(bytes).map_err(|source| FollowError::Unreadable {
            offset: *offset,
            source,
        })?;
        state.apply(*offset, &event)?;
    }
    Ok(())
}

/// Writes the log's first event, which gives it its id.
async fn begin(log: &dyn EventLog, chain: Chain) -> Result<Chain, FollowError> {
    let id = LogId(Uuid::now_v7());
    let mut draft = Boot::draft(RegistryEvent {
        command: CommandStamp {
            id: CommandId::try_from(id.to_string())
                .map_err(serde::de::Error::custom)
                .map_err(FollowError::Write)?,
            route: "begin".to_owned(),
            digest: Digest::of(b""),
        },
        expected: Some(onedoor_model::ids::AggregateVersion::NONE),
        change: Change::LogCreated(LogCreated { log: id }),
    });
    draft.actor = Some(Actor::System {
        name: "log".to_owned(),
    });
    let (bytes, chain) = chain.seal(draft)?;
    log.append(Stream::Registry, PARTITION, vec![Bytes::from(bytes)])
        .await?;
    Ok(chain)
}
