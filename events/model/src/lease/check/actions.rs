//! How a run begins, and which steps it may go on with.

use std::sync::Arc;

use super::{
    super::{Lease, Stop},
    facts::{self, BASE, Command, Fact, LOG, OTHER_LOG},
    scenario::{MOMENT, STEP},
    sentences::Sentence,
    steps::{Action, Rules},
    world::{Call, Commands, Given, Replica, World},
};
use crate::ids::Offset;

impl Rules {
    /// The state that the search begins with.
    pub(super) fn beginning(&self) -> World {
        let scenario = &self.scenario;
        let replicas = scenario.sends.iter().enumerate().map(|(slot, sends)| {
            let boot = slot as u8;
            let (log, revision) = if scenario.foreign == Some(slot) {
                (OTHER_LOG, Offset(BASE + 40))
            } else {
                (LOG, Offset(BASE - 1))
            };
            let mut lease = Lease::new(self.boot_id(boot), log, revision, Offset(0));
            let alive = scenario.absent != Some(slot);
            if alive {
                lease.joined(Offset(0));
            }
            Arc::new(Replica {
                alive,
                boot,
                lease,
                folded: 0,
                refuses: Commands::default(),
                cut: Commands::default(),
                call: Call::None,
                behind: 0,
                sends: *sends + scenario.more_sends,
            })
        });
        let mut world = World {
            now: 0,
            control: Vec::new(),
            registry: Vec::new(),
            flying: Vec::new(),
            replicas: replicas.collect(),
            given: scenario
                .commands
                .iter()
                .map(|command| Given::new(*command))
                .collect(),
            left: scenario.left,
            next_boot: scenario.sends.len() as u8,
        };
        if scenario.warm {
            let running: Vec<usize> = (0..world.replicas.len())
                .filter(|slot| world.replicas[*slot].alive)
                .collect();
            for slot in &running {
                self.send(&mut world, *slot);
            }
            for record in std::mem::take(&mut world.flying) {
                self.commit(&mut world, &record);
            }
            for slot in running {
                while world.has_unread(slot) {
                    self.read(&mut world, slot);
                }
            }
        }
        if let Some(slot) = scenario.absent
            && self.lacks(Sentence::EndNotedBeforeJoining)
        {
            world.replica(slot).lease.joined(facts::revision(0));
            world.registry.push(Fact::Joined(slot as u8));
        }
        if scenario.given_first {
            self.give(&mut world, 0);
            if scenario.commands[0] == Command::Plain {
                self.append(&mut world, 0);
                self.catch_up(&mut world, 0);
                if world.replicas[0].sends > 0 {
                    world.replica(0).sends -= 1;
                    self.send(&mut world, 0);
                    let tick = world.flying.remove(0);
                    self.commit(&mut world, &tick);
                }
            }
        }
        world
    }

    /// Every step that can follow.
    pub(super) fn actions(&self, world: &World) -> Vec<Action> {
        let mut actions = Vec::new();
        if world.left.time > 0 {
            actions.push(Action::Pass(STEP));
            actions.extend(self.scenario.suspended.map(|slot| Action::Suspend(slot, STEP)));
        }
        if world.left.moments > 0 {
            actions.push(Action::Pass(MOMENT));
        }
        for command in 0..world.given.len() {
            self.with_command(world, command, &mut actions);
        }
        for record in 0..world.flying.len() {
            actions.push(Action::Commit(record));
            if world.left.duplicates > 0 {
                actions.push(Action::CommitTwice(record));
            }
        }
        for slot in 0..world.replicas.len() {
            if world.replicas[slot].alive {
                self.of_replica(world, slot, &mut actions);
                self.of_call(world, slot, &mut actions);
            } else {
                self.of_none(world, slot, &mut actions);
            }
        }
        actions
    }

    fn with_command(&self, world: &World, command: usize, actions: &mut Vec<Action>) {
        let given = &world.given[command];
        match given.api {
            Some(_) if !given.asked => actions.push(Action::Give(command)),
            Some(_) if self.may_append(given) => actions.push(Action::Append(command)),
            Some(_) => {}
            None if given.asked && !given.answered && world.left.retries > 0 => {
                let living = (0..world.replicas.len()).filter(|slot| world.replicas[*slot].alive);
                actions.extend(living.map(|slot| Action::Retry(command, slot)));
            }
            None => {}
        }
    }

    /// A restrictive command's event follows its hold.
    pub(super) fn may_append(&self, given: &Given) -> bool {
        let hold = match given.command {
            Command::Kill => given.hold.is_some() || self.lacks(Sentence::HoldFirst),
            Command::Plain => true,
        };
        given.asked && !given.appended && hold
    }

    fn of_replica(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        let replica = &world.replicas[slot];
        if world.left.crashes > 0 && self.scenario.mortal.contains(&slot) {
            actions.push(Action::Crash(slot));
        }
        match replica.lease.stopped {
            None => {}
            Some(Stop::Gap { .. }) => return actions.push(Action::BeginAnew(slot)),
            Some(Stop::ForeignLog { .. } | Stop::Unintelligible | Stop::NotFollowed) => return,
        }
        if replica.sends > 0 {
            actions.push(Action::Send(slot));
        }
        if world.has_unread(slot) {
            actions.push(Action::Read(slot));
            let behind = replica.lease.position.next().0 < world.control.len() as u64;
            if behind && world.left.misses > 0 {
                actions.push(Action::Miss(slot));
            }
        }
        if replica
            .lease
            .holds
            .first_from(replica.lease.enforced.control)
            .is_some()
        {
            actions.push(Action::Enforce(slot));
        }
        if world.has_unfolded(slot) && ![self.scenario.foreign, self.scenario.stalled].contains(&Some(slot)) {
            actions.push(Action::Fold(slot));
        }
        let unfinished = self.lacks(Sentence::RevisionEnforced) || self.lacks(Sentence::StreamsCut);
        if unfinished && !self.is_finished(world, slot) {
            actions.push(Action::Finish(slot));
        }
        if replica.lease.joined.is_none() {
            actions.push(Action::Join(slot));
        }
    }

    fn of_none(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        if world.left.boots == 0 || self.scenario.absent != Some(slot) {
            return;
        }
        actions.push(Action::Boot(slot));
    }

    fn of_call(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        match world.replicas[slot].call {
            Call::None if world.left.calls > 0 && self.permits(world, slot) => {
                actions.push(Action::Decide(slot));
            }
            Call::None => {}
            Call::Decided => actions.extend([Action::Write(slot), Action::Check(slot)]),
            Call::Checked => actions.push(Action::WriteAfterPause(slot)),
            Call::Written { .. } => actions.push(Action::CheckAgain(slot)),
        }
    }
}

impl Given {
    fn new(command: Command) -> Self {
        Self {
            command,
            api: Some(0),
            asked: false,
            hold: None,
            appended: false,
            record: None,
            counts_from: None,
            answered: false,
        }
    }
}

impl World {
    pub(super) fn replica(&mut self, slot: usize) -> &mut Replica {
        Arc::make_mut(&mut self.replicas[slot])
    }

    pub(super) fn has_unfolded(&self, slot: usize) -> bool {
        let replica = &self.replicas[slot];
        replica.alive && replica.lease.stopped.is_none() && replica.folded < self.registry.len()
    }

    pub(super) fn has_unread(&self, slot: usize) -> bool {
        let lease = &self.replicas[slot].lease;
        lease.stopped.is_none() && lease.position.0 < self.control.len() as u64
    }
}
