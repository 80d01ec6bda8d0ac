//! Giving commands: decide on the own state, append, wait for the own fold, answer from it.

use std::mem;

use bytes::Bytes;
use onedoor_log::{AppendError, Stream};
use onedoor_model::{
    envelope::Draft,
    ids::{AggregateVersion, CommandId, Digest, Revision},
    principal::Actor,
    registry::{
        Change, Command, CommandKey, CommandRecord, CommandStamp, Conflict, NotPlanned, RegistryEvent,
        ReplicaJoined,
    },
};
use uuid::Uuid;

use crate::{Boot, Registry, Stopped, follow::PARTITION};

/// A command, and all that comes with it.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is asked for.
    pub command: Command,
    /// The version of its aggregate that it is given for; ignored for restrictive commands.
    pub expected: Option<AggregateVersion>,
    /// What a retry is recognised by.
    pub stamp: CommandStamp,
    /// Who asks.
    pub actor: Actor,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Trace context of the request.
    pub traceparent: Option<String>,
}

impl Order {
    /// Whether it only takes away: then it is enforced everywhere before it is answered.
    #[must_use]
    pub fn is_restrictive(&self) -> bool {
        match self.command {
            Command::Disable { .. }
            | Command::DisableTool { .. }
            | Command::RemoveGrant { .. }
            | Command::AddBlock(_)
            | Command::Distrust { .. } => true,
            Command::Register { .. }
            | Command::Update { .. }
            | Command::Approve { .. }
            | Command::Promote { .. }
            | Command::Enable { .. }
            | Command::Retire { .. }
            | Command::EnableTool { .. }
            | Command::AddGrant { .. }
            | Command::RemoveBlock { .. }
            | Command::Trust(_)
            | Command::Set(_)
            | Command::AcceptRestore { .. } => false,
        }
    }
}

/// A command that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The event's offset: the version of what it changed, and the revision from which on reads show it.
    pub revision: Revision,
    /// Whether it had been applied before, by an earlier try with the same command id.
    pub retried: bool,
}

/// A command that did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// The caller named a server that is not registered.
    #[error(transparent)]
    NotFound(#[from] NotPlanned),
    /// Something else won, or stands against it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The log could not take it now; after [`AppendError::Unknown`] it may take effect all the same. A retry with the same
    /// command id is harmless.
    #[error("the log did not take the command")]
    Log(#[source] AppendError),
    /// Every replica refuses what the command takes away from now on, but its event is not in the registry yet: it will be, within
    /// seconds of the registry's taking events again. A retry tells.
    #[error("the command is held everywhere; its event is not in the registry yet")]
    Held,
    /// This replica no longer follows the log. Ask another one.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The event could not be written as JSON.
    #[error("cannot write the event")]
    Write(#[from] serde_json::Error),
}

/// An order, decided on what this replica knows.
#[derive(Debug)]
pub enum Planned {
    /// It was given before, and this came of it.
    Before(Applied),
    /// The event to append. It takes effect unless something else wins meanwhile.
    Event(Box<Draft<RegistryEvent>>),
}

impl Registry {
    /// Gives a command and waits until this replica's snapshot holds what came of it. Dropped, it may take effect or not.
    ///
    /// # Errors
    /// [`Rejected`]
    pub async fn execute(&self, order: Order) -> Result<Applied, Rejected> {
        match self.plan(order)? {
            Planned::Before(applied) => Ok(applied),
            Planned::Event(draft) => self.give(*draft).await,
        }
    }

    /// Decides an order on what this replica knows, and makes its event.
    ///
    /// # Errors
    /// [`Rejected`]
    pub fn plan(&self, order: Order) -> Result<Planned, Rejected> {
        let key = CommandKey {
            actor: order.actor.key(),
            route: order.stamp.route.clone(),
            id: order.stamp.id.clone(),
        };
        if self.is_stopped() {
            return Err(Rejected::Stopped(Stopped));
        }
        let state = self.state();
        if let Some(record) = state.command(&key) {
            return outcome(record, &order.stamp.digest, true).map(Planned::Before);
        }
        let change = order.command.plan(&state)?;
        let expected = if change.is_restrictive() {
            None
        } else {
            order.expected
        };
        let event = RegistryEvent {
            command: order.stamp,
            expected,
            change,
        };
        state.arbitrate(Some(&order.actor), &event)?;
        let mut draft = Boot::draft(event);
        draft.actor = Some(order.actor);
        draft.reason = order.reason;
        draft.traceparent = order.traceparent;
        Ok(Planned::Event(Box::new(draft)))
    }

    /// Appends a planned event, and waits until this replica's snapshot holds what came of its command. Dropped, it may take effect or
    /// not, unless it still waited for others to be appended.
    ///
    /// # Errors
    /// [`Rejected`]
    pub async fn give(&self, draft: Draft<RegistryEvent>) -> Result<Applied, Rejected> {
        let command = draft.data.command.clone();
        let key = draft.actor.as_ref().map(|actor| CommandKey {
            actor: actor.key(),
            route: command.route,
            id: command.id,
        });
        let record = || key.as_ref().and_then(|key| self.state().command(key).cloned());
        let appended = async {
            let revision = self.append(draft).await?;
            self.reached(revision).await?;
            Ok::<_, Rejected>(Some(revision))
        };
        let given = tokio::select! {
            biased;
            given = appended => given?,
            // Another replica has appended it: whatever became of the own try.
            () = self.folded(&record) => None,
        };
        match record() {
            Some(record) => {
                let retried = given.is_some_and(|revision| revision != record.revision);
                outcome(&record, &command.digest, retried)
            }
            None => Err(Rejected::Stopped(Stopped)),
        }
    }

    /// Completes when there is a record.
    async fn folded(&self, record: impl Fn() -> Option<CommandRecord>) {
        let mut progress = self.progress();
        while record().is_none() {
            if progress.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Appends that this boot has begun to follow the log. Where that stands.
    ///
    /// # Errors
    /// [`Rejected::Log`], [`Rejected::Write`]
    pub async fn join(&self, boot: &Boot) -> Result<Revision, Rejected> {
        let id = CommandId::try_from(Uuid::now_v7().to_string())
            .map_err(serde::de::Error::custom)
            .map_err(Rejected::Write)?;
        self.append(Boot::draft(RegistryEvent {
            command: CommandStamp {
                id,
                route: "join".to_owned(),
                digest: Digest::of(b""),
            },
            expected: Some(AggregateVersion::NONE),
            change: Change::ReplicaJoined(ReplicaJoined {
                boot: boot.id,
                replica: boot.replica.clone(),
            }),
        }))
        .await
    }

    async fn append(&self, draft: Draft<RegistryEvent>) -> Result<Revision, Rejected> {
        let mut chain = self.chain.lock().await;
        let (bytes, after) = chain.seal(draft)?;
        // Unclear, or dropped from here on, it may come into the log all the same: the next event is chained to it.
        let before = mem::replace(&mut *chain, after);
        let appended = self
            .log
            .append(Stream::Registry, PARTITION, vec![Bytes::from(bytes)])
            .await;
        if matches!(appended, Err(AppendError::Refused(_))) {
            *chain = before;
        }
        appended.map_err(Rejected::Log)
    }
}

fn outcome(record: &CommandRecord, digest: &Digest, retried: bool) -> Result<Applied, Rejected> {
    if record.digest != *digest {
        return Err(Rejected::Conflict(Conflict::CommandReused));
    }
    match &record.result {
        Ok(()) => Ok(Applied {
            revision: record.revision,
            retried,
        }),
        Err(conflict) => Err(Rejected::Conflict(conflict.clone())),
    }
}
