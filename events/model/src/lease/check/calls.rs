//! A call's way: it is permitted, waits, is checked and written, and checked once more. As the gateway does it: first the lease is looked
//! at, then it is decided on anew; what was decided on stands until it is written.

use super::{
    super::{BootInstant, Serving},
    sentences::Sentence,
    steps::{Action, Rules, Violation, is_late},
    world::{Call, World},
};

impl Rules {
    pub(super) fn of_call(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        let next = match world.replicas[slot].call {
            Call::None => Action::Call(slot),
            Call::Waiting => Action::Check(slot),
            Call::Checked { .. } => Action::Decide(slot),
            Call::Decided { .. } => Action::Write(slot),
            Call::Written { .. } => Action::CheckAgain(slot),
        };
        let comes = world.left.calls > 0 && self.lease_of(world, slot).is_some() && permits(world, slot);
        if next != Action::Call(slot) || comes {
            actions.push(next);
        }
    }

    pub(super) fn act_on_call(&self, world: &mut World, action: Action) -> Result<(), Violation> {
        let (Action::Call(slot)
        | Action::Check(slot)
        | Action::Decide(slot)
        | Action::Write(slot)
        | Action::CheckAgain(slot)) = action
        else {
            return Ok(());
        };
        let unchecked = self.lacks(Sentence::CheckBeforeWrite);
        let next = match world.replicas[slot].call {
            Call::None => {
                world.left.calls -= 1;
                Call::Waiting
            }
            Call::Waiting if unchecked => {
                let until = BootInstant::from_nanos(u64::MAX);
                Call::Decided { until, since: 0 }
            }
            Call::Waiting => match self.lease_of(world, slot) {
                Some(until) => Call::Checked { until },
                None => Call::None,
            },
            Call::Checked { until } if permits(world, slot) => Call::Decided { until, since: 0 },
            Call::Checked { .. } => Call::None,
            Call::Decided { until, since } => {
                let late = is_late(world, &world.given[0]);
                Call::Written { until, since, late }
            }
            Call::Written { until, late, .. } => {
                let found = self.clock(world, slot) >= until && !self.lacks(Sentence::CheckAfterWrite);
                if late && !found {
                    return Err(Violation(format!(
                        "replica {slot} wrote a call too late, and did not find out"
                    )));
                }
                Call::None
            }
        };
        world.replica(slot).call = next;
        Ok(())
    }

    /// Until when the lease holds.
    fn lease_of(&self, world: &World, slot: usize) -> Option<BootInstant> {
        match world.replicas[slot].lease.may_serve(self.clock(world, slot)) {
            Serving::Yes { until } => Some(until),
            Serving::No(_) => None,
        }
    }
}

/// Whether what is published permits what the first command takes away.
fn permits(world: &World, slot: usize) -> bool {
    !world.replicas[slot].refuses.has(world.given[0].command)
}
