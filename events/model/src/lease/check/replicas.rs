//! What one replica does: it sends, reads, folds, publishes, enforces, boots.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    super::{BootInstant, Lease, Stop, holds::Holds, start},
    facts::{self, BASE, Command, Fact, LOG, OTHER_LOG, revision},
    sentences::Sentence,
    steps::Rules,
    world::{Call, Commands, Published, Record, Replica, World},
};
use crate::{
    control::{ControlEvent, Tick},
    ids::Offset,
    registry::State,
};

impl Rules {
    /// A replica of this slot with the lease of a process that has folded nothing of what was given.
    pub(super) fn replica(&self, slot: usize, boot: u8, lease: Lease) -> Replica {
        Replica {
            alive: true,
            boot,
            lease,
            lost: false,
            folded: 0,
            refuses: Commands::default(),
            published: VecDeque::new(),
            cut: Commands::default(),
            call: Call::None,
            behind: 0,
            sends: self.scenario.sends[slot],
        }
    }

    /// One that has been running for long.
    pub(super) fn running(&self, slot: usize) -> Replica {
        let log = if self.scenario.foreign == Some(slot) {
            OTHER_LOG
        } else {
            LOG
        };
        let boot = slot as u8;
        let mut lease = Lease::new(self.boot_id(boot), log, Offset(0), BootInstant::from_nanos(0));
        lease.joined(Offset(0));
        self.replica(slot, boot, lease)
    }

    /// Lets a replica read, fold and enforce all there is.
    pub(super) fn catch_up(&self, world: &mut World, slot: usize) {
        self.read_all(world, slot);
        while world.has_unfolded(slot) {
            self.fold(world, slot);
        }
        while self.may_enforce(&world.replicas[slot]) {
            self.enforce(world, slot);
        }
    }

    pub(super) fn read_all(&self, world: &mut World, slot: usize) {
        while world.has_unread(slot) {
            self.read(world, slot);
            self.publish(world, slot);
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
            self.publish(world, slot);
        }
    }

    fn folded(&self, world: &World, slot: usize) -> State {
        self.facts.state(&world.registry[..world.replicas[slot].folded])
    }

    /// Puts in force what is folded, under the holds. What goes on by what was decided before ends at once, or after a while.
    pub(super) fn publish(&self, world: &mut World, slot: usize) {
        let folded = self.folded(world, slot);
        let replica = world.replica(slot);
        let view = replica.lease.view(&folded);
        let refuses = if self.scenario.old == Some(slot) {
            // It does not know what these events mean.
            Commands::default()
        } else {
            Commands::refused_by(&view.state)
        };
        if !self.lacks(Sentence::RevisionEnforced) {
            replica.refuses = refuses;
        }
        replica.call.publish();
        replica.published.push_back(Published { view, refuses });
        if !self.scenario.cuts_take_time {
            self.enforce(world, slot);
        }
    }

    /// What was decided on before the oldest view that is not enforced has ended: it is enforced.
    pub(super) fn enforce(&self, world: &mut World, slot: usize) {
        let replica = world.replica(slot);
        if let Some(Published { view, refuses }) = replica.published.pop_front() {
            if !self.lacks(Sentence::StreamsCut) && !self.lacks(Sentence::RevisionEnforced) {
                replica.cut = refuses;
            }
            replica.lease.enforced(&view);
        }
    }

    /// Whether something may be told as enforced.
    pub(super) fn may_enforce(&self, replica: &Replica) -> bool {
        let kept = if self.lacks(Sentence::FootingHeld) {
            0
        } else {
            replica.call.keeps().into()
        };
        replica.published.len() > kept
    }

    /// Whether everything that was told is done.
    pub(super) fn is_finished(&self, world: &World, slot: usize) -> bool {
        let replica = &world.replicas[slot];
        let refuses = self.should_refuse(world, slot);
        replica.refuses == refuses && replica.cut == refuses
    }

    /// What was left undone though it was told as done.
    pub(super) fn finish(&self, world: &mut World, slot: usize) {
        let refuses = self.should_refuse(world, slot);
        let replica = world.replica(slot);
        replica.refuses = refuses;
        replica.cut = refuses;
    }

    fn should_refuse(&self, world: &World, slot: usize) -> Commands {
        let lease = &world.replicas[slot].lease;
        Commands::refused_by(&lease.view(&self.folded(world, slot)).state)
    }

    pub(super) fn fold(&self, world: &mut World, slot: usize) {
        let fact = world.registry[world.replicas[slot].folded];
        let replica = world.replica(slot);
        let unknown = self.scenario.old == Some(slot) && matches!(fact, Fact::Given(_));
        if unknown && !self.lacks(Sentence::UnknownStops) {
            replica.lease.stop(Stop::Unintelligible);
        } else {
            replica.folded += 1;
            self.publish(world, slot);
        }
    }

    /// A process starts from a projection that holds nothing of what was given.
    pub(super) fn boot(&self, world: &mut World, slot: usize, position: Offset) {
        let boot = world.next_boot;
        world.next_boot += 1;
        let now = self.clock(world, slot);
        let mut lease = Lease::new(self.boot_id(boot), LOG, position, now);
        if self.lacks(Sentence::Joined) {
            lease.joined(Offset(0));
        }
        if self.lacks(Sentence::EndNotedBeforeJoining) {
            lease.joined = world.replicas[slot].lease.joined;
        }
        world.replicas[slot] = Arc::new(Replica {
            behind: world.replicas[slot].behind,
            ..self.replica(slot, boot, lease)
        });
        self.publish(world, slot);
    }

    /// A replica finds that records are gone which it has not read.
    pub(super) fn gap(&self, world: &mut World, slot: usize) {
        let first = world.first;
        let replica = world.replica(slot);
        if self.lacks(Sentence::Gap) {
            replica.lease.position = first;
            replica.lease.renew();
        } else {
            replica.lease.gap();
            replica.lost = true;
        }
    }

    /// It begins again.
    pub(super) fn begin_again(&self, world: &mut World, slot: usize, position: Offset) {
        let now = self.clock(world, slot);
        let replica = world.replica(slot);
        replica.lost = false;
        replica.lease.begin_again(position, now);
        if self.lacks(Sentence::HoldsOutliveGap) {
            replica.lease.holds = Holds::default();
        }
        if self.lacks(Sentence::EnforcedAnew) {
            replica.lease.vouched = position;
        }
        self.publish(world, slot);
    }

    /// Where reading begins now, if it can.
    pub(super) fn start(&self, world: &World) -> Option<Offset> {
        let end = Offset(world.control.len() as u64);
        let held = world.control.iter().enumerate().skip(world.first.0 as usize);
        let ticks: Vec<_> = held
            .filter_map(|(offset, record)| {
                let offset = Offset(offset as u64);
                match &record.envelope.data {
                    ControlEvent::Tick(tick) if self.lacks(Sentence::PositionNamed) => Some((
                        offset,
                        Tick {
                            control: offset,
                            ..*tick
                        },
                    )),
                    ControlEvent::Tick(tick) => Some((offset, *tick)),
                    ControlEvent::Hold(_) => None,
                }
            })
            .collect();
        if self.lacks(Sentence::ReadToOldestHold)
            || (self.lacks(Sentence::ReadAllRetained) && ticks.is_empty())
        {
            return Some(end);
        }
        match start(world.first, ticks) {
            Ok(position) => Some(position),
            Err(_) => self.lacks(Sentence::LostHoldStops).then_some(world.first),
        }
    }
}

impl Commands {
    pub(super) fn refused_by(state: &State) -> Self {
        Self::of(
            Command::ALL
                .into_iter()
                .filter(|command| command.is_refused_by(state)),
        )
    }
}
