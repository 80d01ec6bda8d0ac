//! Giving commands: a restrictive one is answered when it is enforced everywhere.

use std::{collections::BTreeSet, time::Duration};

use onedoor_log::{AppendError, EngineError, Stream};
use onedoor_model::{
    control::{ControlEvent, Hold},
    envelope::Draft,
    ids::{ReplicaName, Revision},
    lease::{Asked, BOUND, Confirmation, DRIFT, LEASE, Proof, Standing},
    registry::RegistryEvent,
};
use onedoor_registry::{Applied, Boot, Order, Planned, Rejected, Stopped};
use tokio::time::{sleep, timeout};

use crate::{Control, control::Acknowledged, now};

/// How long the log may take for one record of a command: longer than it takes to notice that a broker is gone, and to choose another.
const PATIENCE: Duration = Duration::from_secs(15);

/// By how much a hold goes ahead of its event. Longer than the log takes for it while all is well; where `control` stands still, `registry`
/// need not.
const HEAD_START: Duration = Duration::from_millis(250);

/// A command that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What came of it.
    pub applied: Applied,
    /// Of a restrictive command: where it is enforced.
    pub enforced: Option<Enforced>,
}

/// A restrictive command is enforced: nothing is dispatched any more as if it had not been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// Its event's place in the registry.
    pub revision: Revision,
    /// The replicas that have confirmed: they refuse, streams are cut, tokens purged.
    pub confirmed: Vec<ReplicaName>,
    /// Those that have not, and may serve nothing until they have caught up: their leases have run out.
    pub expired: Vec<ReplicaName>,
    /// From the command's receipt to this answer.
    pub took: Duration,
}

impl Control {
    /// Gives a command, and waits until it is in force everywhere. One that is not restrictive may take away, too, as a retirement does; but
    /// it does not depend on `control`: where that takes nothing, it is answered after [`BOUND`].
    ///
    /// Once begun it should not be dropped: dropped, it may take effect or not.
    ///
    /// # Errors
    /// [`Rejected`]
    pub async fn execute(&self, order: Order) -> Result<Executed, Rejected> {
        let received = now();
        let restrictive = order.is_restrictive();
        let (applied, asked) = match self.registry.plan(order)? {
            Planned::Event(draft) => match Hold::new(draft.data.clone()) {
                Some(hold) => self.hold_and_give(hold, *draft).await?,
                None => return Ok(self.in_force(self.give(*draft).await?).await),
            },
            // Whoever took it the first time may have died before its tick: another one covers the command.
            Planned::Before(applied) if restrictive => (applied, self.covered(applied.revision).await?),
            Planned::Before(applied) => return Ok(self.in_force(applied).await),
        };
        let confirmation = self.confirmed(&asked).await;
        let enforced = Enforced::by(&confirmation, applied.revision, now().since(received));
        tracing::info!(
            revision = %enforced.revision,
            confirmed = enforced.confirmed.len(),
            expired = enforced.expired.len(),
            took = ?enforced.took,
            "a restrictive command is enforced everywhere"
        );
        Ok(Executed {
            applied,
            enforced: Some(enforced),
        })
    }

    /// Waits until no replica serves any more as if a command that is not restrictive had not been given, or until it has waited too long.
    async fn in_force(&self, applied: Applied) -> Executed {
        let confirmed = timeout(BOUND, async {
            let asked = self.covered(applied.revision).await?;
            Ok::<_, Rejected>(self.confirmed(&asked).await)
        });
        if !matches!(confirmed.await, Ok(Ok(_))) {
            tracing::warn!(revision = %applied.revision, "it is not known whether a command is in force everywhere");
        }
        Executed {
            applied,
            enforced: None,
        }
    }

    /// Appends the hold, then the event. From the hold on whoever reads it refuses. A log that takes one of them late delays the other no
    /// more than by [`HEAD_START`].
    async fn hold_and_give(
        &self,
        hold: Hold,
        draft: Draft<RegistryEvent>,
    ) -> Result<(Applied, Asked), Rejected> {
        let held = Draft {
            actor: draft.actor.clone(),
            reason: draft.reason.clone(),
            traceparent: draft.traceparent.clone(),
            ..Boot::draft(ControlEvent::Hold(Box::new(hold)))
        };
        let hold = async {
            let record = in_time(Stream::Control, self.append(held)).await?;
            // The clock is read after the log has said so.
            Ok::<_, Rejected>((record, now()))
        };
        tokio::pin!(hold);
        let early = match timeout(HEAD_START, hold.as_mut()).await {
            Ok(hold) => Some(hold?),
            Err(_) => None,
        };
        let hold = async {
            match early {
                Some(hold) => Ok(hold),
                None => hold.await,
            }
        };
        let (hold, given) = tokio::join!(hold, self.give(draft));
        let asked = |(record, acknowledged), event| Asked {
            proof: Proof::Hold { hold: record, event },
            record,
            acknowledged,
        };
        match (hold, given) {
            (Ok(hold), Ok(applied)) => Ok((applied, asked(hold, Some(applied.revision)))),
            // It may have been too late for the hold, and is in the registry all the same.
            (Err(_), Ok(applied)) => Ok((applied, self.covered(applied.revision).await?)),
            // Whoever has read the hold appends the event.
            (Ok(hold), Err(Rejected::Log(error))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the registry does not take the event of a hold"
                );
                self.confirmed(&asked(hold, None)).await;
                Err(Rejected::Held)
            }
            (Ok(_) | Err(_), Err(rejected)) => Err(rejected),
        }
    }

    /// Appends an event, and waits for what comes of it.
    async fn give(&self, draft: Draft<RegistryEvent>) -> Result<Applied, Rejected> {
        // On the heap: all that waits holds it.
        in_time(Stream::Registry, Box::pin(self.registry.give(draft))).await
    }

    /// Ticks, and waits until a tick stands in `control` that covers an event.
    async fn covered(&self, event: Revision) -> Result<Asked, Rejected> {
        self.tick_now.notify_one();
        let mut acknowledged = self.acknowledged.subscribe();
        let covering = async {
            let covers = |tick: &Option<Acknowledged>| tick.is_some_and(|tick| tick.revision >= event);
            let tick = acknowledged.wait_for(covers).await;
            tick.ok().and_then(|tick| *tick).ok_or(Rejected::Stopped(Stopped))
        };
        let tick = in_time(Stream::Control, covering).await?;
        Ok(Asked {
            proof: Proof::Event(event),
            record: tick.offset,
            acknowledged: tick.at,
        })
    }

    /// Waits until a command may be answered: at the latest when all leases have run out that were there before its record.
    async fn confirmed(&self, asked: &Asked) -> Confirmation {
        let mut moved = self.moved.subscribe();
        let latest = asked.acknowledged.plus(LEASE + DRIFT);
        loop {
            let now = now();
            let confirmation = match self.rule.lock().as_ref() {
                Some(rule) => rule.confirmation(asked, now),
                None => Confirmation {
                    boots: Vec::new(),
                    complete: now >= latest,
                },
            };
            if confirmation.complete {
                return confirmation;
            }
            tokio::select! {
                _ = moved.changed() => {}
                () = sleep(latest.since(now)) => {}
            }
        }
    }
}

impl Enforced {
    fn by(confirmation: &Confirmation, revision: Revision, took: Duration) -> Self {
        let of = |wanted: Standing| {
            let boots = confirmation.boots.iter();
            boots
                .filter(move |(_, _, standing)| *standing == wanted)
                .map(|(_, replica, _)| replica.clone())
                .collect::<BTreeSet<_>>()
        };
        let (confirmed, expired) = (of(Standing::Confirmed), of(Standing::Expired));
        Self {
            revision,
            // An earlier run of a replica may be among the expired.
            expired: expired.difference(&confirmed).cloned().collect(),
            confirmed: confirmed.into_iter().collect(),
            took,
        }
    }
}

/// What the log says, or that it has said nothing for too long.
async fn in_time<T>(stream: Stream, said: impl Future<Output = Result<T, Rejected>>) -> Result<T, Rejected> {
    let said = timeout(PATIENCE, said).await;
    said.unwrap_or_else(|_| {
        let silent = EngineError::new(format!("the stream {stream} does not answer"));
        Err(Rejected::Log(AppendError::Unknown(silent)))
    })
}
