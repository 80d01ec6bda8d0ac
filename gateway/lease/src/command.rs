//! Giving commands: a restrictive one is answered when it is enforced everywhere.

use std::{collections::BTreeSet, time::Duration};

use onedoor_log::{AppendError, EngineError};
use onedoor_model::{
    control::{ControlEvent, Hold},
    envelope::Draft,
    ids::{ReplicaName, Revision},
    lease::{Asked, BOUND, Confirmation, DRIFT, LEASE, Proof, Standing},
    registry::RegistryEvent,
};
use onedoor_registry::{Applied, Boot, Order, Planned, Rejected, Stopped};
use tokio::time::{sleep, timeout};

use crate::{Control, now};

/// How long the log may take for one record of a command: longer than it takes to notice that a broker is gone, and to choose another.
const PATIENCE: Duration = Duration::from_secs(15);

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
            Planned::Event(draft) if restrictive => self.hold_and_give(*draft).await?,
            // Whoever took it the first time may have died before its tick: another one covers the command.
            Planned::Before(applied) if restrictive => (applied, self.covered(applied.revision).await?),
            Planned::Before(applied) => return Ok(self.in_force(applied).await),
            Planned::Event(draft) => {
                let applied = self.registry.give(*draft).await?;
                return Ok(self.in_force(applied).await);
            }
        };
        let confirmation = self.confirmed(&asked).await;
        let enforced = Enforced {
            revision: applied.revision,
            took: now().since(received),
            ..Enforced::by(&confirmation, applied.revision)
        };
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

    /// Appends the hold, then the event. From the hold on whoever reads it refuses.
    async fn hold_and_give(&self, draft: Draft<RegistryEvent>) -> Result<(Applied, Asked), Rejected> {
        let Some(hold) = Hold::new(draft.data.clone()) else {
            return Err(Rejected::Stopped(Stopped));
        };
        let held = Draft {
            actor: draft.actor.clone(),
            reason: draft.reason.clone(),
            traceparent: draft.traceparent.clone(),
            ..Boot::draft(ControlEvent::Hold(Box::new(hold)))
        };
        let at = timeout(PATIENCE, self.append(held))
            .await
            .map_err(|_| no_answer())??;
        let acknowledged = now();
        let applied = timeout(PATIENCE, self.registry.give(draft))
            .await
            .map_err(|_| Rejected::Held)??;
        let proof = Proof::Hold {
            hold: at,
            event: Some(applied.revision),
        };
        let asked = Asked {
            proof,
            record: at,
            acknowledged,
        };
        Ok((applied, asked))
    }

    /// Ticks, and waits until a tick stands in `control` that covers an event.
    async fn covered(&self, event: Revision) -> Result<Asked, Rejected> {
        self.tick_now.notify_one();
        let mut acknowledged = self.acknowledged.subscribe();
        acknowledged.mark_changed();
        let covering = async {
            loop {
                if let Some(tick) = *acknowledged.borrow_and_update()
                    && tick.revision >= event
                {
                    return Ok(Asked {
                        proof: Proof::Event(event),
                        record: tick.offset,
                        acknowledged: tick.at,
                    });
                }
                if acknowledged.changed().await.is_err() {
                    return Err(Rejected::Stopped(Stopped));
                }
            }
        };
        timeout(PATIENCE, covering).await.map_err(|_| no_answer())?
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
    fn by(confirmation: &Confirmation, revision: Revision) -> Self {
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
            took: Duration::ZERO,
        }
    }
}

fn no_answer() -> Rejected {
    Rejected::Log(AppendError::Unknown(EngineError::new(
        "the stream control does not answer",
    )))
}
