//! The search: every state that can be reached, nearest first.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
};

use super::{
    steps::{Action, Rules, Violation},
    world::{Call, World},
};

/// What a search that found nothing has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// States in which a call for what a command takes away may be dispatched, after it was given.
    pub(super) serving_still: usize,
    /// States in which a replica has a lease and refuses.
    pub(super) enforcing: usize,
    /// States in which a replica's lease has run out.
    pub(super) expired: usize,
    /// States in which a command was answered, and how.
    pub(super) answered: usize,
    pub(super) answered_without_all: usize,
    pub(super) recoveries: usize,
}

/// The shortest way to what must never be.
pub(super) struct Counterexample {
    pub(super) actions: Vec<Action>,
    pub(super) violation: Violation,
    /// States seen until it was found.
    pub(super) states: usize,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation(what) = &self.violation;
        write!(f, "{what} ({} states): {:?}", self.states, self.actions)
    }
}

/// Recoveries are run from one in so many states.
const RECOVERIES: u64 = 64;

impl Rules {
    /// Searches all that can happen.
    pub(super) fn search(&self) -> Result<Seen, Counterexample> {
        let beginning = self.beginning();
        let mut known = HashSet::from([self.fingerprint(&beginning)]);
        let mut ways: Vec<(usize, Option<Action>)> = vec![(0, None)];
        let mut due = VecDeque::from([(beginning, 0)]);
        let mut seen = Seen::default();
        while let Some((world, place)) = if self.without.is_none() {
            due.pop_back()
        } else {
            due.pop_front()
        } {
            seen.states += 1;
            self.note(&world, &mut seen);
            let found = |actions: Vec<Action>, violation| Counterexample {
                actions,
                violation,
                states: ways.len(),
            };
            let actions = if self.is_over(&world) {
                Vec::new()
            } else {
                self.actions(&world)
            };
            let sampled = self.fingerprint(&world).is_multiple_of(RECOVERIES);
            if sampled && self.scenario.recovers() {
                seen.recoveries += 1;
                if let Err(violation) = self.recover(&world) {
                    return Err(found(way(&ways, place), violation));
                }
            }
            for action in actions {
                seen.steps += 1;
                match self.step(&world, action) {
                    Ok(next) => {
                        if known.insert(self.fingerprint(&next)) {
                            due.push_back((next, ways.len()));
                            ways.push((place, Some(action)));
                        }
                    }
                    Err(violation) => {
                        let mut actions = way(&ways, place);
                        actions.push(action);
                        let states = ways.len();
                        return Err(Counterexample {
                            actions,
                            violation,
                            states,
                        });
                    }
                }
            }
        }
        Ok(seen)
    }

    /// Nothing can go wrong any more: everyone who runs has folded everything, and nobody will boot.
    fn is_over(&self, world: &World) -> bool {
        let folded = |slot: &usize| {
            let replica = &world.replicas[*slot];
            world.given.iter().all(|given| {
                replica.knows(given.command, &world.registry).is_some()
                    && replica.refuses.has(given.command)
                    && replica.cut.has(given.command)
            }) && replica.call == Call::None
        };
        world.left.boots == 0
            && world.given.iter().all(|given| given.asked)
            && world.living().iter().all(folded)
    }

    fn note(&self, world: &World, seen: &mut Seen) {
        for slot in world.living() {
            let replica = &world.replicas[slot];
            let serves = self.serves(world, slot);
            for given in world.given.iter().filter(|given| given.asked) {
                let refuses = replica.refuses.has(given.command);
                seen.serving_still += usize::from(serves && !refuses);
                seen.enforcing += usize::from(serves && refuses);
                seen.expired += usize::from(!serves);
                seen.answered_without_all += usize::from(given.answered && !refuses);
            }
        }
        seen.answered += world.given.iter().filter(|given| given.answered).count();
    }
}

fn way(ways: &[(usize, Option<Action>)], mut place: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    while let (before, Some(action)) = ways[place] {
        actions.push(action);
        place = before;
    }
    actions.reverse();
    actions
}
