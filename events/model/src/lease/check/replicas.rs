//! What one replica does: it sends, reads, folds, enforces, boots.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    super::{Lease, Stop, holds::Holds, start},
    facts::{self, BASE, Command, Fact, LOG, revision},
    sentences::Sentence,
    steps::Rules,
    world::{Call, Commands, Record, Replica, World},
};
use crate::{
    control::{ControlEvent, Tick},
    ids::{Offset, Revision},
    registry::State,
};

impl Rules {
    /// Lets a replica read, fold and enforce all there is.
    pub(super) fn catch_up(&self, world: &mut World, slot: usize) {
        self.read_all(world, slot);
        while world.has_unfolded(slot) {
            self.fold(world, slot);
        }
    }

    pub(super) fn read_all(&self, world: &mut World, slot: usize) {
        while world.replicas[slot].alive && world.has_unread(slot) {
            self.read(world, slot);
            self.enforce(world, slot);
        }
    }

    pub(super) fn send(&self, world: &mut World, slot: usize) {
        let now = self.clock(world, slot);
        let is_api = world.given.iter().any(|given| given.api == Some(slot));
        let replica = world.replica(slot);
        let mut tick = replica.lease.send(now);
        if self.lacks(Sentence::Nonce) {
            tick.nonce = 0;
            replica.lease.sent = BTreeMap::from([(0, now)]);
        }
        if self.lacks(Sentence::OldestNamed) {
            tick.oldest_hold = None;
        }
        if self.lacks(Sentence::AnyRecordCovers) && !is_api {
            tick.revision = Offset(BASE - 1);
        }
        let mut envelope = facts::envelope(None, ControlEvent::Tick(tick));
        envelope.boot = replica.lease.boot;
        let record = Record {
            envelope,
            boot: replica.boot,
            covers: replica.refuses,
            sent: None,
        };
        world.flying.push(Arc::new(record));
    }

    /// Reads up to what is of interest to this replica, or all there is: between others' ticks nothing happens.
    pub(super) fn read_on(&self, world: &mut World, slot: usize) {
        while world.has_unread(slot) {
            let lease = &world.replicas[slot].lease;
            let next = &world.control[lease.position.0 as usize];
            let others =
                next.boot != world.replicas[slot].boot && matches!(next.envelope.data, ControlEvent::Tick(_));
            self.read(world, slot);
            if !others {
                return;
            }
        }
    }

    pub(super) fn read(&self, world: &mut World, slot: usize) {
        let now = self.clock(world, slot);
        let offset = world.replicas[slot].lease.position;
        let record = Arc::clone(&world.control[offset.0 as usize]);
        let lease = &mut world.replica(slot).lease;
        let mut envelope = record.envelope.clone();
        let mut shorter = None;
        match &mut envelope.data {
            ControlEvent::Hold(_) if self.scenario.old == Some(slot) => {
                if self.lacks(Sentence::UnknownStops) {
                    lease.position = offset.next();
                    lease.renew();
                } else {
                    lease.stop(Stop::Unintelligible);
                }
                return;
            }
            ControlEvent::Hold(_) => {}
            ControlEvent::Tick(tick) => {
                if self.lacks(Sentence::LogId) {
                    tick.log = lease.log;
                }
                let own = envelope.boot == lease.boot && lease.sent.contains_key(&tick.nonce);
                if own && self.lacks(Sentence::ClockReadBefore) {
                    lease.sent.insert(tick.nonce, now);
                }
                if own && self.lacks(Sentence::NeverShorter) {
                    shorter = lease.until.take();
                }
            }
        }
        let _ = lease.read(offset, Timestamp::UNIX_EPOCH, &envelope, now);
        lease.until = lease.until.or(shorter);
        if self.lacks(Sentence::FoldAwaited) {
            for read in &mut lease.read_back {
                read.carried = Offset(0);
            }
            lease.renew();
        }
        if self.lacks(Sentence::HoldEnforcedBeforeRenewal) {
            lease.enforced.control = lease.position;
            lease.renew();
        }
        let ended_elsewhere = match &envelope.data {
            ControlEvent::Tick(tick) => tick.oldest_hold.is_none() && tick.revision >= revision(0),
            ControlEvent::Hold(_) => self.lacks(Sentence::HoldRefuses),
        };
        if ended_elsewhere && (self.lacks(Sentence::HoldEndsByOwnFold) || self.lacks(Sentence::HoldRefuses)) {
            lease.holds = Holds::default();
            self.enforce(world, slot);
        }
    }

    fn folded(&self, world: &World, slot: usize) -> State {
        self.facts.state(&world.registry[..world.replicas[slot].folded])
    }

    pub(super) fn enforce(&self, world: &mut World, slot: usize) {
        let folded = self.folded(world, slot);
        let replica = world.replica(slot);
        let view = replica.lease.view(&folded);
        let mut refuses = Commands::refused_by(&view.state);
        if self.scenario.old == Some(slot) {
            // It does not know what these events mean.
            refuses = Commands::default();
        }
        if !self.lacks(Sentence::RevisionEnforced) {
            replica.refuses = refuses;
        }
        if !self.lacks(Sentence::StreamsCut) {
            replica.cut = replica.refuses;
        }
        replica.lease.enforced(&view);
    }

    /// Whether everything that was told is done.
    pub(super) fn is_finished(&self, world: &World, slot: usize) -> bool {
        let replica = &world.replicas[slot];
        let folded = self.folded(world, slot);
        let refuses = Commands::refused_by(&replica.lease.view(&folded).state);
        replica.refuses == refuses && replica.cut == refuses
    }

    /// What was left undone though it was told as done.
    pub(super) fn finish(&self, world: &mut World, slot: usize) {
        let folded = self.folded(world, slot);
        let replica = world.replica(slot);
        replica.refuses = Commands::refused_by(&replica.lease.view(&folded).state);
        replica.cut = replica.refuses;
    }

    pub(super) fn fold(&self, world: &mut World, slot: usize) {
        let fact = world.registry[world.replicas[slot].folded];
        let replica = world.replica(slot);
        let unknown = self.scenario.old == Some(slot) && matches!(fact, Fact::Given(_));
        if unknown && !self.lacks(Sentence::UnknownStops) {
            replica.lease.stop(Stop::Unintelligible);
        } else {
            replica.folded += 1;
            self.enforce(world, slot);
        }
    }

    /// A process starts from a projection that holds nothing of what was given.
    pub(super) fn boot(&self, world: &mut World, slot: usize) {
        let boot = world.next_boot;
        world.next_boot += 1;
        let mut lease = self.lease(world, boot, Offset(BASE - 1));
        if self.lacks(Sentence::Joined) {
            lease.joined(Offset(0));
        }
        if self.lacks(Sentence::EndNotedBeforeJoining) {
            lease.joined = world.replicas[slot].lease.joined;
        }
        world.replicas[slot] = Arc::new(Replica {
            alive: true,
            boot,
            lease,
            folded: 0,
            refuses: Commands::default(),
            cut: Commands::default(),
            call: Call::None,
            behind: world.replicas[slot].behind,
            sends: self.scenario.sends[slot] + self.scenario.more_sends,
        });
    }

    /// A replica goes on after a gap.
    pub(super) fn begin_anew(&self, world: &mut World, slot: usize) {
        let Replica { boot, lease, .. } = &*world.replicas[slot];
        let lease = self.lease(world, *boot, lease.revision());
        world.replica(slot).lease = lease;
    }

    /// A lease that begins: the end of `control` is noted, and where to read from is found.
    fn lease(&self, world: &World, boot: u8, revision: Revision) -> Lease {
        let end = Offset(world.control.len() as u64);
        let ticks = || {
            let ticks = world.control.iter().enumerate();
            ticks.filter_map(|(offset, record)| match &record.envelope.data {
                ControlEvent::Tick(tick) if self.lacks(Sentence::PositionNamed) => Some(Tick {
                    control: Offset(offset as u64),
                    ..*tick
                }),
                ControlEvent::Tick(tick) => Some(*tick),
                ControlEvent::Hold(_) => None,
            })
        };
        let at_end = self.lacks(Sentence::ReadToOldestHold)
            || (self.lacks(Sentence::ReadAllRetained) && ticks().next().is_none());
        let position = match start(Offset(0), ticks()) {
            Ok(position) if !at_end => position,
            Ok(_) | Err(_) => end,
        };
        Lease::new(self.boot_id(boot), LOG, revision, position)
    }
}

impl Commands {
    pub(super) fn refused_by(state: &State) -> Self {
        Self {
            kill: Command::Kill.is_refused_by(state),
            plain: Command::Plain.is_refused_by(state),
        }
    }
}
