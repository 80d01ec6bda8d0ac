//! Following the log.

use std::sync::Arc;

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

use crate::Boot;

/// The partition that `registry` has.
pub(crate) const PARTITION: Partition = Partition(0);

/// The registry as this replica knows it. Reading takes no lock.
#[derive(Debug)]
pub struct Registry {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) chain: Mutex<Chain>,
    published: ArcSwap<Published>,
    snapshot: ArcSwap<Snapshot>,
    progress: watch::Sender<Progress>,
}

/// How far the registry is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last event that the snapshot holds.
    pub revision: Revision,
    /// Set for good when following ended: changes may have been missed, and nothing may be served.
    pub stopped: bool,
}

/// What is swapped as one.
#[derive(Debug)]
struct Published {
    state: State,
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
        let mut chain = boot.chain(Producer::Registry);
        if log.bounds(Stream::Registry, PARTITION).await?.end == Offset(0) {
            chain = begin(&*log, chain).await?;
        }
        let mut state = State::default();
        let mut tail = Tail::new(Arc::clone(&log), Stream::Registry, PARTITION, Offset(0));
        let end = log.bounds(Stream::Registry, PARTITION).await?.end;
        while tail.position() < end {
            fold(&mut state, &tail.next().await?)?;
        }
        let registry = Arc::new(Self {
            log,
            chain: Mutex::new(chain),
            snapshot: ArcSwap::from_pointee(Snapshot::of(&state)),
            progress: watch::Sender::new(Progress {
                revision: state.revision().unwrap_or_default(),
                stopped: false,
            }),
            published: ArcSwap::from_pointee(Published { state }),
        });
        let follower = Arc::clone(&registry);
        Ok((registry, async move {
            let error = follower.follow(tail).await;
            follower.progress.send_modify(|progress| progress.stopped = true);
            error
        }))
    }

    /// What decisions are made on now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Everything that is known now.
    #[must_use]
    pub fn state(&self) -> State {
        self.published.load().state.clone()
    }

    /// Tells of every new revision, once the snapshot holds it, and of the end.
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

    async fn follow(&self, mut tail: Tail) -> FollowError {
        loop {
            match self.step(&mut tail).await {
                Ok(()) => {}
                Err(error) => return error,
            }
        }
    }

    async fn step(&self, tail: &mut Tail) -> Result<(), FollowError> {
        let records = tail.next().await?;
        let mut state = self.state();
        fold(&mut state, &records)?;
        // The snapshot before the revision: whoever is told of a revision finds it enforced.
        self.snapshot.store(Arc::new(Snapshot::of(&state)));
        let revision = state.revision().unwrap_or_default();
        self.published.store(Arc::new(Published { state }));
        self.progress.send_modify(|progress| progress.revision = revision);
        Ok(())
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
