//! What tells one state of the search from another. What is left out can make no difference to what follows; where that is so only for
//! some scenarios, it is asked here.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{
    super::{BootInstant, DRIFT, LEASE, Lease, Tick},
    facts::Command,
    steps::Rules,
    world::{Given, Published, Record, Replica, World},
};
use crate::{control::ControlEvent, ids::Offset};

/// Places in `control` are told from here on: what is before it is looked at no more.
#[derive(Clone, Copy)]
struct Base(Offset);

impl Base {
    fn of(self, offset: Offset) -> u64 {
        offset.0.wrapping_sub(self.0.0)
    }
}

impl Rules {
    pub(super) fn fingerprint(&self, world: &World) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(world, &mut hasher);
        hasher.finish()
    }

    fn hash(&self, world: &World, hasher: &mut impl Hasher) {
        let World {
            now,
            control,
            first,
            registry,
            flying,
            replicas,
            given,
            left,
            next_boot,
        } = world;
        // What everybody has read is looked at again only by who boots or begins again after a gap.
        let begins = left.boots > 0 || left.trims > 0 || replicas.iter().any(|replica| replica.lost);
        let running = replicas.iter().filter(|replica| replica.alive);
        let read = running.map(|replica| replica.lease.position).min();
        let base = Base(match (begins, read) {
            (false, Some(read)) if read > *first => read,
            _ => *first,
        });
        (now, registry, left, next_boot).hash(hasher);
        for given in given {
            given.hash(*now, base, hasher);
        }
        let rest = control.get(base.0.0 as usize..).unwrap_or_default();
        for records in [rest, flying] {
            records.len().hash(hasher);
            for record in records {
                record.hash(base, hasher);
            }
        }
        for (slot, replica) in replicas.iter().enumerate() {
            replica.alive.hash(hasher);
            if replica.alive {
                let clock = self.clock(world, slot);
                replica.hash(clock, base, hasher);
                // Other boots matter only to who has to answer.
                if left.retries > 0
                    || given
                        .iter()
                        .any(|given| given.api == Some(slot) && !given.answered)
                {
                    replica.lease.hash_boots(clock, base, hasher);
                }
            }
        }
    }
}

impl Record {
    fn hash(&self, base: Base, hasher: &mut impl Hasher) {
        let Self {
            envelope,
            boot,
            covers,
            sent,
        } = self;
        (boot, covers).hash(hasher);
        match &envelope.data {
            ControlEvent::Hold(_) => sent.hash(hasher),
            ControlEvent::Tick(Tick {
                log,
                nonce,
                revision,
                control,
                oldest_hold,
                vocabulary: _,
            }) => {
                let oldest = oldest_hold.map(|hold| base.of(hold));
                (log, nonce, revision, base.of(*control), oldest).hash(hasher);
            }
        }
    }
}

impl Given {
    fn hash(&self, now: u64, base: Base, hasher: &mut impl Hasher) {
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
                record.map(|(offset, at)| (base.of(offset), at)).hash(hasher);
            }
        }
    }
}

impl Replica {
    fn hash(&self, clock: BootInstant, base: Base, hasher: &mut impl Hasher) {
        let Self {
            alive: _,
            boot,
            lease,
            lost,
            folded,
            refuses,
            published,
            cut,
            call,
            behind,
            sends,
        } = self;
        (boot, lost, folded, refuses, cut, call, behind, sends).hash(hasher);
        published.len().hash(hasher);
        for Published { view, refuses } in published {
            (view.folded.revision(), base.of(view.control), refuses).hash(hasher);
        }
        lease.hash(clock, base, hasher);
    }
}

impl Lease {
    /// What it would have ended with by now does nothing.
    fn hash(&self, clock: BootInstant, base: Base, hasher: &mut impl Hasher) {
        let Self {
            boot,
            log,
            began: _,
            position,
            enforced,
            vouched,
            carried,
            sent,
            nonce,
            read_back,
            until,
            joined,
            holds,
            boots: _,
            stopped,
        } = self;
        let lasts = |sent: &BootInstant| clock < sent.plus(LEASE);
        (
            boot,
            log,
            base.of(*vouched),
            carried,
            nonce,
            joined,
            stopped.is_some(),
        )
            .hash(hasher);
        (base.of(*position), enforced.revision, base.of(enforced.control)).hash(hasher);
        until.filter(|until| clock < *until).hash(hasher);
        let sent = sent.iter().filter(|(_, sent)| lasts(sent));
        let read_back = read_back
            .iter()
            .filter(|read| lasts(&read.sent))
            .map(|read| (base.of(read.offset), read.sent, read.carried));
        let holds = holds
            .iter()
            .map(|held| (base.of(held.offset), Command::of(&held.event)));
        (
            sent.collect::<Vec<_>>(),
            read_back.collect::<Vec<_>>(),
            holds.collect::<Vec<_>>(),
        )
            .hash(hasher);
    }

    fn hash_boots(&self, clock: BootInstant, base: Base, hasher: &mut impl Hasher) {
        let lasts = |from: BootInstant| (clock < from.plus(LEASE + DRIFT)).then_some(from);
        lasts(self.began).hash(hasher);
        for seen in self.boots() {
            let (at, control) = (base.of(seen.offset), base.of(seen.tick.control));
            (seen.boot, seen.tick.revision, control, at, lasts(seen.read)).hash(hasher);
        }
    }
}
