//! The small system: two logs, a few replicas, commands under way, and a time that nobody knows.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{
    super::{BootInstant, DRIFT, LEASE, Lease},
    facts::{Command, Fact},
};
use crate::{
    control::ControlEvent,
    envelope::Envelope,
    ids::{Offset, Revision},
};

/// One state of the search.
#[derive(Clone)]
pub(super) struct World {
    /// Milliseconds of true time.
    pub(super) now: u64,
    /// The stream `control`.
    pub(super) control: Vec<Arc<Record>>,
    /// The stream `registry`, after what every run begins with.
    pub(super) registry: Vec<Fact>,
    /// Given to producers, and not in `control` yet, if ever: its writer may be dead by then.
    pub(super) flying: Vec<Arc<Record>>,
    pub(super) replicas: Vec<Arc<Replica>>,
    pub(super) given: Vec<Given>,
    /// What may still happen.
    pub(super) left: Left,
    pub(super) next_boot: u8,
}

/// A record of `control`.
pub(super) struct Record {
    pub(super) envelope: Envelope<ControlEvent>,
    /// Who wrote it.
    pub(super) boot: u8,
    /// The commands that its writer truly enforced when it was sent.
    pub(super) covers: Commands,
    /// When it was given to the producer, by its writer's clock; only told of holds, and only where that is looked at.
    pub(super) sent: Option<BootInstant>,
}

/// One slot for a replica: a process that runs, or none.
#[derive(Clone)]
pub(super) struct Replica {
    pub(super) alive: bool,
    pub(super) boot: u8,
    pub(super) lease: Lease,
    /// How many facts are folded.
    pub(super) folded: usize,
    /// What the published state refuses.
    pub(super) refuses: Commands,
    /// What streams were cut for.
    pub(super) cut: Commands,
    pub(super) call: Call,
    /// By how many nanoseconds its clock is behind.
    pub(super) behind: u64,
    pub(super) sends: u8,
}

/// A set of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Commands {
    pub(super) kill: bool,
    pub(super) plain: bool,
}

/// A call for what the first command takes away, at one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    None,
    /// Permitted; it waits for room, its record, its token.
    Decided,
    /// The last check let it pass, and a pause follows.
    Checked,
    /// Written after the pause.
    Written {
        /// It was not to be any more.
        late: bool,
    },
}

/// A command under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) command: Command,
    /// The replica that was asked, while it lives.
    pub(super) api: Option<usize>,
    pub(super) asked: bool,
    /// Its hold in `control`, and when that was acknowledged.
    pub(super) hold: Option<(Offset, BootInstant)>,
    /// Whether the API appended its event.
    pub(super) appended: bool,
    /// The first tick of the API that covers its event, and when that was acknowledged.
    pub(super) record: Option<(Offset, BootInstant)>,
    /// When the bound began, in true time.
    pub(super) counts_from: Option<u64>,
    pub(super) answered: bool,
}

/// How much of what is bounded may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) time: u8,
    pub(super) moments: u8,
    pub(super) crashes: u8,
    pub(super) boots: u8,
    pub(super) duplicates: u8,
    pub(super) retries: u8,
    pub(super) calls: u8,
    pub(super) misses: u8,
}

impl Commands {
    pub(super) fn has(self, command: Command) -> bool {
        match command {
            Command::Kill => self.kill,
            Command::Plain => self.plain,
        }
    }
}

impl Replica {
    pub(super) fn knows(&self, command: Command, registry: &[Fact]) -> Option<Revision> {
        let place = registry[..self.folded]
            .iter()
            .position(|fact| *fact == Fact::Given(command))?;
        Some(super::facts::revision(place))
    }
}

impl World {
    /// What tells this state from all others that may go on differently. `clocks` are what the replicas' clocks show.
    pub(super) fn fingerprint(&self, clocks: &[BootInstant]) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        self.hash(clocks, &mut hasher);
        hasher.finish()
    }

    fn hash(&self, clocks: &[BootInstant], hasher: &mut impl Hasher) {
        let Self {
            now,
            control,
            registry,
            flying,
            replicas,
            given,
            left,
            next_boot,
        } = self;
        // What everybody has read does nothing any more, unless somebody boots.
        let running = replicas.iter().filter(|replica| replica.alive);
        let read = match left.boots {
            0 => running.map(|replica| replica.lease.position.0).min().unwrap_or(0),
            _ => 0,
        };
        (now, registry, left, next_boot).hash(hasher);
        for given in given {
            given.hash(*now, read, hasher);
        }
        for records in [&control[read as usize..], flying] {
            records.len().hash(hasher);
            for record in records {
                record.hash(read, hasher);
            }
        }
        for (slot, (replica, clock)) in replicas.iter().zip(clocks).enumerate() {
            replica.alive.hash(hasher);
            if replica.alive {
                replica.hash(*clock, read, hasher);
                // Other boots matter only to who has to answer.
                if given
                    .iter()
                    .any(|given| given.api == Some(slot) && !given.answered)
                {
                    for seen in replica.lease.boots() {
                        let at = seen.offset.0.wrapping_sub(read);
                        let control = seen.tick.control.0.wrapping_sub(read);
                        (seen.boot, seen.tick.revision, control, at, seen.read).hash(hasher);
                    }
                }
            }
        }
    }
}

impl Record {
    fn hash(&self, read: u64, hasher: &mut impl Hasher) {
        let Self {
            envelope,
            boot,
            covers,
            sent,
        } = self;
        (boot, covers).hash(hasher);
        match &envelope.data {
            ControlEvent::Hold(_) => sent.hash(hasher),
            ControlEvent::Tick(tick) => {
                let oldest = tick.oldest_hold.map(|hold| hold.0.wrapping_sub(read));
                let control = tick.control.0.wrapping_sub(read);
                (tick.log, tick.nonce, tick.revision, control, oldest).hash(hasher);
            }
        }
    }
}

impl Given {
    fn hash(&self, now: u64, read: u64, hasher: &mut impl Hasher) {
        let Self {
            command,
            api,
            asked,
            hold,
            appended,
            record,
            counts_from,
            answered,
        } = self;
        (command, api, asked, appended, answered).hash(hasher);
        if !answered {
            let bound = (LEASE + DRIFT).as_millis() as u64;
            counts_from.map(|from| (now - from).min(bound)).hash(hasher);
            for record in [hold, record] {
                record
                    .map(|(offset, at)| (offset.0.wrapping_sub(read), at))
                    .hash(hasher);
            }
        }
    }
}

impl Replica {
    fn hash(&self, clock: BootInstant, read: u64, hasher: &mut impl Hasher) {
        let Self {
            alive: _,
            boot,
            lease,
            folded,
            refuses,
            cut,
            call,
            behind,
            sends,
        } = self;
        (boot, folded, refuses, cut, call, behind, sends).hash(hasher);
        // `boots`: see World. What a lease would have ended with by now does nothing.
        let Lease {
            boot,
            log,
            position,
            enforced,
            carried,
            sent,
            nonce,
            read_back,
            until,
            joined,
            holds,
            boots: _,
            stopped,
        } = lease;
        let lasts = |sent: &BootInstant| clock < sent.plus(LEASE);
        (boot, log, carried, nonce, joined, stopped.is_some()).hash(hasher);
        (
            position.0 - read,
            enforced.revision,
            enforced.control.0.wrapping_sub(read),
        )
            .hash(hasher);
        until.filter(|until| clock < *until).hash(hasher);
        for sent in sent.iter().filter(|(_, sent)| lasts(sent)) {
            sent.hash(hasher);
        }
        for read_back in read_back.iter().filter(|read| lasts(&read.sent)) {
            let at = read_back.offset.0.wrapping_sub(read);
            (at, read_back.sent, read_back.carried).hash(hasher);
        }
        for held in holds.iter() {
            held.offset.0.wrapping_sub(read).hash(hasher);
        }
    }
}
