//! What can happen in the small system, one step at a time, and what must never be.

use std::{rc::Rc, sync::Arc};

use super::{
    super::{BootInstant, DRIFT, LEASE, Serving},
    facts::{self, Command, Fact, Facts, revision},
    scenario::{MOMENT, Scenario},
    sentences::Sentence,
    world::{Given, World},
};
use crate::ids::{BootId, Offset};

/// One step. Numbers are replicas, but where said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// So many milliseconds pass: for whoever does nothing meanwhile, a pause.
    Pass(u64),
    /// They pass while a host is suspended.
    Suspend(usize, u64),
    /// The command of this number is given.
    Give(usize),
    /// Its event is appended to `registry`.
    Append(usize),
    /// It is given again, to another replica, as the first one died.
    Retry(usize, usize),
    /// A replica appends the event of a hold.
    TakeOver(usize),
    /// The clock is read, and a tick given to the producer.
    Send(usize),
    /// The log takes the record of this number.
    Commit(usize),
    /// The log takes it, and will take it again.
    CommitTwice(usize),
    /// The next record of `control` is read.
    Read(usize),
    /// The log drops what is before this record of `control`.
    Trim(usize),
    /// A replica finds that what it would read next is gone.
    Miss(usize),
    /// After that, it begins again.
    BeginAgain(usize),
    /// What is folded is published under the holds that were read.
    Publish(usize),
    /// The next event of `registry` is folded and published.
    Fold(usize),
    /// What was published is enforced: at once, but where that takes time.
    Enforce(usize),
    /// What was told as enforced is enforced: only where a sentence is out.
    Finish(usize),
    Crash(usize),
    /// A process starts from a stale projection, and notes the end of `control`.
    Boot(usize),
    /// `ReplicaJoined` is appended.
    Join(usize),
    /// A call comes, and is permitted.
    Call(usize),
    /// The lease is looked at before it is written.
    Check(usize),
    /// It is decided on anew.
    Decide(usize),
    /// It is written.
    Write(usize),
    /// It is looked whether that was late.
    CheckAgain(usize),
}

/// What must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) String);

/// The rules of one search.
pub(super) struct Rules {
    pub(super) scenario: Scenario,
    pub(super) without: Option<Sentence>,
    pub(super) facts: Rc<Facts>,
}

impl Rules {
    pub(super) fn lacks(&self, sentence: Sentence) -> bool {
        self.without == Some(sentence)
    }

    /// The id that a boot goes by.
    pub(super) fn boot_id(&self, boot: u8) -> BootId {
        facts::boot_id(if self.lacks(Sentence::Boot) { 0 } else { boot })
    }

    /// A replica's clock, which may be slow, and where the host's sleep does not count, behind.
    pub(super) fn clock(&self, world: &World, slot: usize) -> BootInstant {
        let nanos = world.now * 1_000_000 - world.replicas[slot].behind;
        // As slow as DRIFT allows for: LEASE by this clock is LEASE + DRIFT of true time.
        BootInstant::from_nanos(match self.scenario.slow {
            Some(slow) if slow == slot => nanos / 71 * 70,
            Some(_) | None => nanos,
        })
    }

    pub(super) fn serves(&self, world: &World, slot: usize) -> bool {
        let now = self.clock(world, slot);
        matches!(world.replicas[slot].lease.may_serve(now), Serving::Yes { .. })
    }

    /// Makes a step, and checks the state that comes of it.
    pub(super) fn step(&self, world: &World, action: Action) -> Result<World, Violation> {
        let mut next = world.clone();
        self.act(&mut next, action)?;
        if let Some(slot) = self.scenario.eager {
            self.catch_up(&mut next, slot);
        }
        if let Some(slot) = self.scenario.stalled {
            self.read_all(&mut next, slot);
        }
        self.answer(&mut next);
        self.check(world, &next)?;
        Ok(next)
    }

    fn act(&self, world: &mut World, action: Action) -> Result<(), Violation> {
        match action {
            Action::Pass(millis) => self.pass(world, millis),
            Action::Suspend(slot, millis) => {
                self.pass(world, millis);
                if self.lacks(Sentence::SuspendedTime) {
                    world.replica(slot).behind += millis * 1_000_000;
                }
            }
            Action::Give(command) => self.give(world, command),
            Action::Append(command) => self.append(world, command),
            Action::TakeOver(slot) => {
                world.left.takeovers = world.left.takeovers.saturating_sub(1);
                let held = world.replicas[slot]
                    .lease
                    .holds()
                    .map(|held| Command::of(&held.event));
                world.registry.extend(held.map(Fact::Given).collect::<Vec<_>>());
            }
            Action::Retry(command, slot) => {
                world.left.retries = world.left.retries.saturating_sub(1);
                let given = &mut world.given[command];
                given.appended = world.replicas[slot]
                    .knows(given.command, &world.registry)
                    .is_some();
                (given.api, given.hold, given.record) = (Some(slot), None, None);
                // Whoever is asked again knows that it was given, and not yet that it is enforced everywhere.
                given.answered = given.appended && self.lacks(Sentence::RetryWritesAgain);
                if !given.appended {
                    self.give(world, command);
                }
            }
            Action::Send(slot) => {
                let left = &mut world.replica(slot).sends;
                *left = left.saturating_sub(1);
                self.send(world, slot);
            }
            Action::Commit(record) => {
                let record = world.flying.remove(record);
                self.commit(world, &record);
            }
            Action::CommitTwice(record) => {
                world.left.duplicates -= 1;
                let record = Arc::clone(&world.flying[record]);
                self.commit(world, &record);
            }
            Action::Read(slot) => self.read_on(world, slot),
            Action::Trim(first) => {
                world.left.trims -= 1;
                world.first = Offset(first as u64);
            }
            Action::Miss(slot) => self.gap(world, slot),
            Action::BeginAgain(slot) => {
                if let Some(position) = self.start(world) {
                    self.begin_again(world, slot, position);
                }
            }
            Action::Publish(slot) => self.publish(world, slot),
            Action::Fold(slot) => self.fold(world, slot),
            Action::Enforce(slot) => self.enforce(world, slot),
            Action::Finish(slot) => self.finish(world, slot),
            Action::Crash(slot) => {
                world.left.crashes -= 1;
                world.replica(slot).alive = false;
                for given in world.given.iter_mut().filter(|given| given.api == Some(slot)) {
                    given.api = None;
                }
            }
            Action::Boot(slot) => {
                world.left.boots = world.left.boots.saturating_sub(1);
                if let Some(position) = self.start(world) {
                    self.boot(world, slot, position);
                }
            }
            Action::Join(slot) => {
                let joined = revision(world.registry.len());
                let replica = world.replica(slot);
                replica.lease.joined(joined);
                let boot = replica.boot;
                world.registry.push(Fact::Joined(boot));
            }
            Action::Call(_)
            | Action::Check(_)
            | Action::Decide(_)
            | Action::Write(_)
            | Action::CheckAgain(_) => return self.act_on_call(world, action),
        }
        Ok(())
    }

    fn pass(&self, world: &mut World, millis: u64) {
        if millis == self.scenario.step {
            world.left.time -= 1;
        } else if millis == MOMENT {
            world.left.moments -= 1;
        }
        world.now += millis;
    }

    /// What must be in every state, and between one state and the next.
    pub(super) fn check(&self, before: &World, world: &World) -> Result<(), Violation> {
        for (slot, replica) in world
            .replicas
            .iter()
            .enumerate()
            .filter(|(_, replica)| replica.alive)
        {
            let earlier = &before.replicas[slot];
            let same = earlier.boot == replica.boot && !replica.lost;
            if same && earlier.lease.until > replica.lease.until {
                return Err(Violation(format!("the lease of replica {slot} was taken back")));
            }
            for given in world.given.iter().filter(|given| is_late(world, given)) {
                let command = given.command;
                let enforced = replica.refuses.has(command) && replica.cut.has(command);
                if !enforced && self.serves(world, slot) {
                    return Err(Violation(format!(
                        "replica {slot} serves what {command:?} took away"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Whether nothing may be dispatched any more that the command took away. The bound is the tightest there is: far less than a second.
pub(super) fn is_late(world: &World, given: &Given) -> bool {
    let bound = (LEASE + DRIFT).as_millis() as u64;
    given.answered || given.counts_from.is_some_and(|from| world.now >= from + bound)
}
