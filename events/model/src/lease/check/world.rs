//! The small system: two logs, a few replicas, commands under way, and a time that nobody knows.

use std::{collections::VecDeque, sync::Arc};

use super::{
    super::{BootInstant, Lease, View},
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
    /// The oldest record of it that is still there.
    pub(super) first: Offset,
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
    /// Of a tick: what its writer truly enforced when it was sent. Of a hold: what it holds.
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
    /// Records were missed, and reading has not begun again.
    pub(super) lost: bool,
    /// How many facts are folded.
    pub(super) folded: usize,
    /// What the published state refuses.
    pub(super) refuses: Commands,
    /// What is published, and not enforced yet: something goes on that was decided on before it.
    pub(super) published: VecDeque<Published>,
    /// What streams were cut for.
    pub(super) cut: Commands,
    pub(super) call: Call,
    /// By how many nanoseconds its clock is behind.
    pub(super) behind: u64,
    pub(super) sends: u8,
}

/// A view that is decided on.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) view: View,
    pub(super) refuses: Commands,
}

/// A set of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Commands(u8);

/// A call for what the first command takes away, at one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    None,
    /// It was permitted when it came; it waits for room, its record, its token.
    Waiting,
    /// The lease was looked at: it holds until then.
    Checked {
        until: BootInstant,
    },
    /// It was decided on anew. What was published since is not enforced before it is written.
    Decided {
        until: BootInstant,
        since: u8,
    },
    /// It is written.
    Written {
        until: BootInstant,
        since: u8,
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
    pub(super) takeovers: u8,
    pub(super) calls: u8,
    pub(super) trims: u8,
}

impl Commands {
    pub(super) fn of(commands: impl IntoIterator<Item = Command>) -> Self {
        Self(
            commands
                .into_iter()
                .fold(0, |set, command| set | 1 << command as u8),
        )
    }

    pub(super) fn has(self, command: Command) -> bool {
        self.0 & 1 << command as u8 != 0
    }
}

impl Call {
    /// How much of what is published was published since it was decided on, and is not enforced before it is written.
    pub(super) fn keeps(self) -> u8 {
        match self {
            Self::None | Self::Waiting | Self::Checked { .. } => 0,
            Self::Decided { since, .. } | Self::Written { since, .. } => since,
        }
    }

    /// Something is published.
    pub(super) fn publish(&mut self) {
        match self {
            Self::None | Self::Waiting | Self::Checked { .. } => {}
            Self::Decided { since, .. } | Self::Written { since, .. } => *since += 1,
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

impl Given {
    pub(super) fn new(command: Command, api: usize) -> Self {
        Self {
            command,
            api: Some(api),
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

    /// The replicas that run.
    pub(super) fn living(&self) -> Vec<usize> {
        (0..self.replicas.len())
            .filter(|slot| self.replicas[*slot].alive)
            .collect()
    }

    pub(super) fn has_unfolded(&self, slot: usize) -> bool {
        let replica = &self.replicas[slot];
        replica.alive && replica.lease.stopped.is_none() && replica.folded < self.registry.len()
    }

    /// Whether there is a record that a replica may read next.
    pub(super) fn has_unread(&self, slot: usize) -> bool {
        let replica = &self.replicas[slot];
        let position = replica.lease.position;
        let follows = replica.alive && !replica.lost && replica.lease.stopped.is_none();
        follows && position >= self.first && position.0 < self.control.len() as u64
    }

    /// Whether the record that a replica would read next is gone.
    pub(super) fn has_missed(&self, slot: usize) -> bool {
        let replica = &self.replicas[slot];
        let follows = replica.alive && !replica.lost && replica.lease.stopped.is_none();
        follows && replica.lease.position < self.first
    }
}
