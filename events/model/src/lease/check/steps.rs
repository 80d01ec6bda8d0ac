//! What can happen in the small system, one step at a time, and what must never be.

use std::{rc::Rc, sync::Arc};

use jiff::Timestamp;

use super::{
    super::{BootInstant, DRIFT, LEASE, Serving},
    facts::{self, Fact, Facts, revision},
    scenario::{MOMENT, STEP, Scenario},
    sentences::Sentence,
    world::{Call, Given, World},
};
use crate::ids::BootId;

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
    /// The clock is read, and a tick given to the producer.
    Send(usize),
    /// The log takes the record of this number.
    Commit(usize),
    /// The log takes it, and will take it again.
    CommitTwice(usize),
    /// The next record of `control` is read.
    Read(usize),
    /// It is missed, and the one behind it read.
    Miss(usize),
    /// After that, it begins anew.
    BeginAnew(usize),
    /// Holds that were read are enforced.
    Enforce(usize),
    /// The next event of `registry` is folded and enforced.
    Fold(usize),
    /// What was told as enforced is enforced: only where a sentence is out.
    Finish(usize),
    Crash(usize),
    /// A process starts from a stale projection, and notes the end of `control`.
    Boot(usize),
    /// `ReplicaJoined` is appended.
    Join(usize),
    /// A call is permitted.
    Decide(usize),
    /// It is checked and written.
    Write(usize),
    /// It is checked; a pause follows.
    Check(usize),
    /// It is written after the pause.
    WriteAfterPause(usize),
    /// It is checked once more.
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
            Action::Miss(slot) => {
                world.left.misses -= 1;
                if self.lacks(Sentence::Gap) {
                    let lease = &mut world.replica(slot).lease;
                    lease.position = lease.position.next();
                    self.read(world, slot);
                } else {
                    let missed = world.replicas[slot].lease.position.next();
                    let now = self.clock(world, slot);
                    let record = Arc::clone(&world.control[missed.0 as usize]);
                    let lease = &mut world.replica(slot).lease;
                    let read = lease.read(missed, Timestamp::UNIX_EPOCH, &record.envelope, now);
                    assert!(read.is_err());
                }
            }
            Action::BeginAnew(slot) => self.begin_anew(world, slot),
            Action::Enforce(slot) => self.enforce(world, slot),
            Action::Fold(slot) => self.fold(world, slot),
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
                self.boot(world, slot);
            }
            Action::Join(slot) => {
                let joined = revision(world.registry.len());
                let replica = world.replica(slot);
                replica.lease.joined(joined);
                let boot = replica.boot;
                world.registry.push(Fact::Joined(boot));
            }
            Action::Decide(slot) => {
                world.left.calls -= 1;
                world.replica(slot).call = Call::Decided;
            }
            Action::Write(slot) => {
                let checked = self.permits(world, slot) || self.lacks(Sentence::CheckBeforeWrite);
                if checked && is_late(world, &world.given[0]) {
                    return Err(Violation(format!("replica {slot} wrote a call too late")));
                }
                world.replica(slot).call = Call::None;
            }
            Action::Check(slot) => {
                let permitted = self.permits(world, slot);
                world.replica(slot).call = if permitted { Call::Checked } else { Call::None };
            }
            Action::WriteAfterPause(slot) => {
                let late = is_late(world, &world.given[0]);
                world.replica(slot).call = Call::Written { late };
            }
            Action::CheckAgain(slot) => {
                let found = !self.permits(world, slot) && !self.lacks(Sentence::CheckAfterWrite);
                if world.replicas[slot].call == (Call::Written { late: true }) && !found {
                    return Err(Violation(format!("replica {slot} did not find a late write")));
                }
                world.replica(slot).call = Call::None;
            }
        }
        Ok(())
    }

    /// Whether a call for what the first command takes away may be written, as the replica sees it.
    pub(super) fn permits(&self, world: &World, slot: usize) -> bool {
        self.serves(world, slot) && !world.replicas[slot].refuses.has(world.given[0].command)
    }

    fn pass(&self, world: &mut World, millis: u64) {
        match millis {
            STEP => world.left.time -= 1,
            MOMENT => world.left.moments -= 1,
            _ => {}
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
            let same = earlier.boot == replica.boot && earlier.lease.stopped.is_none();
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
fn is_late(world: &World, given: &Given) -> bool {
    let bound = (LEASE + DRIFT).as_millis() as u64;
    given.answered || given.counts_from.is_some_and(|from| world.now >= from + bound)
}
