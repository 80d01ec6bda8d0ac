//! From wherever a run has come to, everything is well again once everything works: nothing is stuck.

use std::{rc::Rc, time::Duration};

use super::{
    super::{TAKEOVER, TICK},
    facts::{Command, Fact},
    scenario::Scenario,
    sentences::Sentence,
    steps::{Action, Rules, Violation},
    world::World,
};

/// What passes until all is well: some ticks, a takeover, and some more.
const PAUSES: [Duration; 9] = [TICK, TICK, TICK, TICK, TAKEOVER, TICK, TICK, TICK, TICK];

impl Rules {
    /// Lets everything work for a while, and looks whether all is well then.
    pub(super) fn recover(&self, world: &World) -> Result<(), Violation> {
        let healthy = Self {
            scenario: Scenario {
                stalled: None,
                paused: None,
                ..self.scenario
            },
            facts: Rc::clone(&self.facts),
            ..*self
        };
        healthy.run_on(world)
    }

    fn run_on(&self, world: &World) -> Result<(), Violation> {
        let mut world = world.clone();
        for pause in PAUSES {
            self.round(&mut world, pause)?;
        }
        let stuck = |what: String| Err(Violation(format!("{what} for ever")));
        for slot in world.living() {
            if !self.serves(&world, slot) {
                return stuck(format!("replica {slot} serves nothing"));
            }
            if world.replicas[slot].lease.holds().next().is_some() {
                return stuck(format!("replica {slot} holds"));
            }
            for given in world.given.iter().filter(|given| given.asked) {
                if !world.replicas[slot].refuses.has(given.command) {
                    return stuck(format!(
                        "replica {slot} serves what {:?} took away",
                        given.command
                    ));
                }
            }
        }
        match world.given.iter().find(|given| given.asked && !given.answered) {
            Some(given) => stuck(format!("{:?} is not answered", given.command)),
            None => Ok(()),
        }
    }

    fn round(&self, world: &mut World, pause: Duration) -> Result<(), Violation> {
        if world.living().is_empty()
            && let Some(position) = self.start(world)
        {
            self.boot(world, 0, position);
        }
        *world = self.step(world, Action::Pass(pause.as_millis() as u64))?;
        self.arrive(world)?;
        for command in 0..world.given.len() {
            let given = &world.given[command];
            let living = world.living();
            if given.asked && !given.answered && given.api.is_none() {
                *world = self.step(world, Action::Retry(command, living[0]))?;
            }
            if world.given[command].api.is_some() && self.may_append(&world.given[command]) {
                *world = self.step(world, Action::Append(command))?;
            }
        }
        for slot in world.living() {
            let now = self.clock(world, slot);
            let overdue = world.replica(slot).lease.take_over(now);
            if !self.lacks(Sentence::Takeover) {
                let overdue = overdue.iter().map(|held| Command::of(&held.event));
                world.registry.extend(overdue.map(Fact::Given));
            }
        }
        self.arrive(world)?;
        if !self.lacks(Sentence::Ticks) {
            for slot in world.living() {
                *world = self.step(world, Action::Send(slot))?;
            }
        }
        self.arrive(world)
    }

    /// Whatever is under way arrives.
    fn arrive(&self, world: &mut World) -> Result<(), Violation> {
        while !world.flying.is_empty() {
            *world = self.step(world, Action::Commit(0))?;
        }
        loop {
            let actions = self.actions(world);
            let arrives = |action: &Action| {
                matches!(
                    action,
                    Action::Miss(_)
                        | Action::BeginAgain(_)
                        | Action::Read(_)
                        | Action::Publish(_)
                        | Action::Enforce(_)
                        | Action::Fold(_)
                        | Action::Join(_)
                        | Action::Finish(_)
                        | Action::Check(_)
                        | Action::Decide(_)
                        | Action::Write(_)
                        | Action::CheckAgain(_)
                )
            };
            match actions.into_iter().find(arrives) {
                Some(action) => *world = self.step(world, action)?,
                None => return Ok(()),
            }
        }
    }
}

impl Scenario {
    /// Where some replica must stop for good, not all can be well again.
    pub(super) fn recovers(&self) -> bool {
        self.foreign.is_none() && self.old.is_none()
    }
}
