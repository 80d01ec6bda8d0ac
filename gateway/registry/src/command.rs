//! Giving commands: decide on the own state, append, wait for the own fold, answer from it.

use bytes::Bytes;
use onedoor_log::{AppendError, Stream};
use onedoor_model::{
    ids::{AggregateVersion, Revision},
    principal::Actor,
    registry::{Command, CommandKey, CommandRecord, CommandStamp, Conflict, NotPlanned, RegistryEvent},
};

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
    /// This replica no longer follows the log. Ask another one.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The event could not be written as JSON.
    #[error("cannot write the event")]
    Write(#[from] serde_json::Error),
}

impl Registry {
    /// Gives a command and waits until this replica enforces what came of it.
    ///
    /// Once begun it should not be dropped: dropped, it may take effect or not.
    ///
    /// # Errors
    /// [`Rejected`]
    pub async fn execute(&self, order: Order) -> Result<Applied, Rejected> {
        let key = CommandKey {
            actor: order.actor.key(),
            route: order.stamp.route.clone(),
            id: order.stamp.id.clone(),
        };
        if self.is_stopped() {
            return Err(Rejected::Stopped(Stopped));
        }
        if let Some(record) = self.state().command(&key) {
            return outcome(record, &order.stamp, true);
        }
        let event = {
            let state = self.state();
            let change = order.command.plan(&state)?;
            let expected = if change.is_restrictive() {
                None
            } else {
                order.expected
            };
            let event = RegistryEvent {
                command: order.stamp.clone(),
                expected,
                change,
            };
            state.arbitrate(Some(&order.actor), &event)?;
            event
        };
        let mut draft = Boot::draft(event);
        draft.actor = Some(order.actor);
        draft.reason = order.reason;
        draft.traceparent = order.traceparent;

        let revision = {
            let mut chain = self.chain.lock().await;
            let (bytes, after) = chain.seal(draft)?;
            let appended = self
                .log
                .append(Stream::Registry, PARTITION, vec![Bytes::from(bytes)])
                .await;
            match appended {
                Ok(offset) => {
                    *chain = after;
                    offset
                }
                Err(error @ AppendError::Refused(_)) => return Err(Rejected::Log(error)),
                Err(error @ AppendError::Unknown(_)) => {
                    // It may stand in the log, so the next event is chained to it.
                    *chain = after;
                    return Err(Rejected::Log(error));
                }
            }
        };
        self.reached(revision).await?;
        match self.state().command(&key) {
            Some(record) => outcome(record, &order.stamp, record.revision != revision),
            None => Err(Rejected::Stopped(Stopped)),
        }
    }
}

fn outcome(record: &CommandRecord, stamp: &CommandStamp, retried: bool) -> Result<Applied, Rejected> {
    if record.digest != stamp.digest {
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
