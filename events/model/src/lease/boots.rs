//! Which boots there are, by their ticks as this replica reads them.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use crate::{
    control::{ControlEvent, Tick},
    envelope::Envelope,
    ids::{BootId, Offset, ReplicaName},
};

use super::BootInstant;

/// How long a boot is silent, by the stream's own time ([`Lease::silence`](super::Lease::silence)), until it is taken for dead and
/// others close it. Far longer than any pause it may come back from with calls under way.
pub const DEAD_AFTER: Duration = Duration::from_secs(15);

/// A silent boot is forgotten after so long: by then it was closed.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// An interval between two records counts for no more than this: while nobody ticks, it is the log that is silent.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// A boot that ticked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBoot {
    /// The boot.
    pub boot: BootId,
    /// Its replica.
    pub replica: ReplicaName,
    /// Its last tick, with the highest revision and position that it ever told.
    pub tick: Tick,
    /// Where that stands in `control`.
    pub offset: Offset,
    /// When the log took it, by the log's clock.
    pub time: Timestamp,
    /// When it was read here. Its lease cannot last longer than [`LEASE`](super::LEASE) from here.
    pub read: BootInstant,
    /// The stream's time at that tick.
    pub(super) heard: Duration,
}

/// All boots that ticked in what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Boots {
    seen: BTreeMap<BootId, SeenBoot>,
    /// Time that went by in the stream since reading began: an outage of the log is no time.
    elapsed: Duration,
    last: Option<Timestamp>,
}

impl Boots {
    /// Takes the time of a record: of every one, in order.
    pub(super) fn passed(&mut self, time: Timestamp) {
        let gap = self.last.map_or(Duration::ZERO, |last| {
            Duration::try_from(time.duration_since(last)).unwrap_or(Duration::ZERO)
        });
        self.elapsed += gap.min(LONGEST_GAP);
        self.last = Some(time);
    }

    /// Takes a tick, once its time was taken.
    pub(super) fn ticked(
        &mut self,
        offset: Offset,
        time: Timestamp,
        envelope: &Envelope<ControlEvent>,
        tick: Tick,
        now: BootInstant,
    ) {
        let before = self.seen.get(&envelope.boot).map(|seen| seen.tick);
        let (revision, control) = before.map_or((Offset(0), Offset(0)), |tick| (tick.revision, tick.control));
        // A tick that was delayed says less than one that came before it.
        let tick = Tick {
            revision: tick.revision.max(revision),
            control: tick.read_to(offset).unwrap_or_default().max(control),
            ..tick
        };
        let seen = SeenBoot {
            boot: envelope.boot,
            replica: envelope.source.clone(),
            tick,
            offset,
            time,
            read: now,
            heard: self.elapsed,
        };
        self.seen.insert(envelope.boot, seen);
        let elapsed = self.elapsed;
        self.seen
            .retain(|_, seen| elapsed.saturating_sub(seen.heard) < FORGOTTEN_AFTER);
    }

    /// For how much of the stream's time nothing came of a boot.
    pub(super) fn silence(&self, boot: BootId) -> Duration {
        let heard = self.seen.get(&boot).map_or(Duration::ZERO, |seen| seen.heard);
        self.elapsed.saturating_sub(heard)
    }

    pub(super) fn is_alive(&self, boot: BootId) -> bool {
        self.silence(boot) < DEAD_AFTER
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SeenBoot> {
        self.seen.values()
    }
}
