//! How a run begins, and which steps it may go on with.

use std::sync::Arc;

use super::{
    facts::{self, BASE, Command, Fact},
    scenario::{MOMENT, STEP},
    sentences::Sentence,
    steps::{Action, Rules},
    world::{Given, Replica, World},
};
use crate::{control::ControlEvent, ids::Offset};

/// When a run begins, in milliseconds: all that run know each other by then.
const BEGINNING: u64 = 4 * STEP;

impl Rules {
    /// The state that the search begins with.
    pub(super) fn beginning(&self) -> World {
        let scenario = &self.scenario;
        let slots = 0..scenario.sends.len();
        let mut world = World {
            now: BEGINNING,
            control: Vec::new(),
            first: Offset(0),
            registry: Vec::new(),
            flying: Vec::new(),
            replicas: slots.clone().map(|slot| Arc::new(self.running(slot))).collect(),
            given: scenario
                .commands
                .iter()
                .map(|command| Given::new(*command, scenario.asked))
                .collect(),
            left: scenario.left,
            next_boot: scenario.sends.len() as u8,
        };
        for slot in slots {
            self.publish(&mut world, slot);
            self.enforce(&mut world, slot);
            world.replica(slot).alive = !scenario.absent.contains(&slot);
        }
        if let Some(slot) = scenario.foreign {
            world.replica(slot).lease.enforced.revision = Offset(BASE + 40);
        }
        if scenario.warm {
            self.warm_up(&mut world);
        }
        if self.lacks(Sentence::EndNotedBeforeJoining) {
            for slot in scenario.absent {
                let joined = facts::revision(world.registry.len());
                world.replica(*slot).lease.joined(joined);
                world.registry.push(Fact::Joined(*slot as u8));
            }
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

    /// Everyone who runs has ticked, and read it back.
    fn warm_up(&self, world: &mut World) {
        for slot in world.living() {
            self.send(world, slot);
        }
        for record in std::mem::take(&mut world.flying) {
            self.commit(world, &record);
        }
        for slot in world.living() {
            while world.has_unread(slot) {
                self.read(world, slot);
            }
        }
    }

    /// Every step that can follow.
    pub(super) fn actions(&self, world: &World) -> Vec<Action> {
        let mut actions = Vec::new();
        if world.left.time > 0 {
            let step = self.scenario.step;
            actions.push(Action::Pass(step));
            actions.extend(self.scenario.suspended.map(|slot| Action::Suspend(slot, step)));
        }
        if world.left.moments > 0 {
            actions.push(Action::Pass(MOMENT));
        }
        if world.left.trims > 0 {
            actions.extend(trims(world).map(Action::Trim));
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
        for slot in (0..world.replicas.len()).filter(|slot| self.scenario.paused != Some(*slot)) {
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
            Some(api) if !world.replicas[api].alive || self.scenario.paused == Some(api) => {}
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

    /// A restrictive command's event follows its hold, or overtakes it.
    pub(super) fn may_append(&self, given: &Given) -> bool {
        given.asked && !given.appended
    }

    fn of_replica(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        let replica = &world.replicas[slot];
        if world.left.crashes > 0 && self.scenario.mortal.contains(&slot) {
            actions.push(Action::Crash(slot));
        }
        if replica.lease.stopped.is_some() {
            return;
        }
        if replica.sends > 0 {
            actions.push(Action::Send(slot));
        }
        if world.has_unread(slot) {
            actions.push(Action::Read(slot));
        }
        if world.has_missed(slot) {
            actions.push(Action::Miss(slot));
        }
        if replica.lost && self.start(world).is_some() {
            actions.push(Action::BeginAgain(slot));
        }
        if has_unpublished(replica) {
            actions.push(Action::Publish(slot));
        }
        if self.may_enforce(replica) {
            actions.push(Action::Enforce(slot));
        }
        if world.has_unfolded(slot) && ![self.scenario.foreign, self.scenario.stalled].contains(&Some(slot)) {
            actions.push(Action::Fold(slot));
        }
        if world.left.takeovers > 0 && replica.lease.holds().next().is_some() {
            actions.push(Action::TakeOver(slot));
        }
        let unfinished = self.lacks(Sentence::RevisionEnforced) || self.lacks(Sentence::StreamsCut);
        if unfinished && !self.is_finished(world, slot) {
            actions.push(Action::Finish(slot));
        }
        if replica.lease.joined.is_none() && !replica.lost {
            actions.push(Action::Join(slot));
        }
    }

    fn of_none(&self, world: &World, slot: usize, actions: &mut Vec<Action>) {
        let boots = world.left.boots > 0 && self.scenario.absent.contains(&slot);
        if boots && self.start(world).is_some() {
            actions.push(Action::Boot(slot));
        }
    }
}

/// Whether there is a hold that was read, and is in no view yet.
fn has_unpublished(replica: &Replica) -> bool {
    let published = replica.published.back().map(|published| published.view.control);
    let from = published.unwrap_or(replica.lease.enforced.control);
    replica.lease.holds.first_from(from).is_some()
}

/// Where `control` may be cut: anywhere, as long as there is a tick behind. Hours are kept, and somebody always ticks.
fn trims(world: &World) -> impl Iterator<Item = usize> {
    let ticks = world.control.iter().enumerate();
    let last = ticks
        .filter(|(_, record)| matches!(record.envelope.data, ControlEvent::Tick(_)))
        .map(|(offset, _)| offset)
        .max();
    world.first.0 as usize + 1..last.map_or(0, |last| last + 1)
}
