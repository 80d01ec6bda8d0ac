//! Whether a command may be answered: nobody can serve any more as if it had not been given.

use crate::ids::{BootId, Offset, ReplicaName, Revision};

use super::{
    BootInstant, DRIFT, LEASE,
    boots::{Boots, SeenBoot},
};

/// A command that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What a boot has to tell in a tick to have confirmed.
    pub proof: Proof,
    /// The record of `control` that the command counts from: its hold; for other commands, a tick that covers it.
    pub record: Offset,
    /// When that record was acknowledged, or read: the clock is read *after* that.
    pub acknowledged: BootInstant,
}

/// What covers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Of a restrictive command: its hold is enforced, or its event, once that is known.
    Hold {
        /// Offset of the hold in `control`.
        hold: Offset,
        /// Offset of the event in `registry`.
        event: Option<Revision>,
    },
    /// Of any other: its event is enforced.
    Event(Revision),
}

/// How far a command is from its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Every boot that is not dead, or may still serve, by id.
    pub boots: Vec<(BootId, ReplicaName, Standing)>,
    /// Nothing is dispatched any more as if the command had not been given: it may be answered.
    pub complete: bool,
}

/// Where one boot stands to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A tick of it covers the command.
    Confirmed,
    /// It has not confirmed, and its lease has run out: it serves nothing until it has caught up.
    Expired,
    /// It may still serve as if the command had not been given.
    Waiting,
}

impl Boots {
    /// See [`super::Lease::confirmation`]; `control` was read from when `began` on, up to `position`.
    pub(super) fn confirmation(
        &self,
        asked: &Asked,
        position: Offset,
        began: BootInstant,
        now: BootInstant,
    ) -> Confirmation {
        // A lease is of a tick that was sent before the record was written, or its holder has read the record.
        let expired = now >= after_lease(asked.acknowledged);
        let is_read = position > asked.record;
        // So whoever may still serve has ticked before the record; and since reading began, where a lease has passed since.
        let all_known = is_read && now >= after_lease(began);
        let standing = |seen: &SeenBoot| {
            let covered = match asked.proof {
                Proof::Hold { hold, event } => {
                    seen.tick.control > hold || event.is_some_and(|event| seen.tick.revision >= event)
                }
                Proof::Event(event) => seen.tick.revision >= event,
            };
            let ended = is_read && seen.offset < asked.record && now >= after_lease(seen.read);
            match (covered, expired || ended) {
                (true, _) => Standing::Confirmed,
                (false, true) => Standing::Expired,
                (false, false) => Standing::Waiting,
            }
        };
        let boots: Vec<_> = self
            .iter()
            .map(|seen| (seen, standing(seen)))
            // Who is dead is so by the log's clock, which nobody is let off for.
            .filter(|(seen, standing)| *standing == Standing::Waiting || self.is_alive(seen.boot))
            .map(|(seen, standing)| (seen.boot, seen.replica.clone(), standing))
            .collect();
        let nobody_waits = boots
            .iter()
            .all(|(_, _, standing)| *standing != Standing::Waiting);
        Confirmation {
            complete: expired || (all_known && nobody_waits),
            boots,
        }
    }
}

/// When a lease has surely run out whose tick was sent before `instant`, on whatever host.
fn after_lease(instant: BootInstant) -> BootInstant {
    instant.plus(LEASE + DRIFT)
}
