//! The rule by which a replica knows that it serves nothing stale, and a command that it is enforced everywhere.
//!
//! A replica may serve only while it can show that it has seen every command older than [`BOUND`]. It shows that by reading its own
//! [`Tick`]s back from `control`: what was in the stream before a tick is read and enforced by the time the tick comes back, so for
//! [`LEASE`] from the moment *before* it was sent nothing older than that can be missing. Pure: records read and instants in, may-serve
//! out. `check/` searches every interleaving of a small system that runs this very code.
//!
//! # How it is driven
//! By one task, which reads both streams and alone publishes what is decided on:
//! 1. Note the end of `control`; find where to read from ([`start`]); then read the clock, and make a [`Lease`]; append `ReplicaJoined` to
//!    `registry`, and tell its offset ([`Lease::joined`]).
//! 2. Every [`TICK`], and at once after a change was enforced: read the clock, [`Lease::send`], and then give the tick to the log.
//! 3. Every record of `control`, in order: [`Lease::read`], with the clock read after it came.
//! 4. At first, after a hold was read, and after events were folded: [`Lease::view`]; publish its state, cut what it forbids, purge what it
//!    revokes; then [`Lease::enforced`], and a tick.
//! 5. Now and then: append the events that [`Lease::take_over`] gives.
//! 6. Where records were missed: at once [`Lease::gap`]; then as in 1, but with the same `Lease` ([`Lease::begin_again`]).

mod boots;
#[cfg(test)]
mod check;
mod confirmation;
#[cfg(test)]
mod facts;
mod holds;
mod instant;
mod start;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

pub use self::{
    boots::{DEAD_AFTER, SeenBoot},
    confirmation::{Asked, Confirmation, Proof, Standing},
    holds::Held,
    instant::BootInstant,
    start::{HoldLost, start},
};

use self::{boots::Boots, holds::Holds};
use crate::{
    control::{ControlEvent, Tick, VOCABULARY},
    envelope::Envelope,
    ids::{BootId, LogId, Offset, Revision},
    registry::State,
};

/// How often a replica ticks.
pub const TICK: Duration = Duration::from_millis(200);

/// How long a replica may serve after the clock was read for a tick that it has read back.
pub const LEASE: Duration = Duration::from_millis(700);

/// How much longer a lease may seem to another host: clocks may run apart by 1 part in 70. (NTP slews by 1 in 2,000 at most.)
pub const DRIFT: Duration = Duration::from_millis(10);

/// What is promised: a replica that has not seen a command for so long serves nothing. [`LEASE`] and [`DRIFT`] fit in with room for
/// what lies between the last check of the lease and the write.
pub const BOUND: Duration = Duration::from_secs(1);

/// How long a hold waits for its event until every replica that knows it appends the event itself.
pub const TAKEOVER: Duration = Duration::from_secs(10);

/// How long streams pause without a lease until they are cut.
pub const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// One boot's lease.
#[derive(Clone, Debug)]
pub struct Lease {
    boot: BootId,
    log: LogId,
    /// When reading `control` began: whoever ticked before that, and may serve, is not known.
    began: BootInstant,
    /// The control record that is due next.
    position: Offset,
    /// What is decided on, cut and purged by.
    enforced: Enforced,
    /// Every hold before this is enforced, or had ended elsewhere, before this boot has folded that it joined. What was missed may be in
    /// force no sooner, and what goes on may have been decided on before a gap.
    vouched: Offset,
    /// The highest revision that a tick read so far carries.
    carried: Revision,
    /// Ticks that were sent, by nonce, and have not been read back.
    sent: BTreeMap<u64, BootInstant>,
    /// The next tick's.
    nonce: u64,
    /// Own ticks that were read before all before them was enforced.
    read_back: Vec<ReadBack>,
    /// Never moves back; a gap ends it.
    until: Option<BootInstant>,
    joined: Option<Revision>,
    holds: Holds,
    boots: Boots,
    stopped: Option<Stop>,
}

/// What decisions are to be made on: publish it, cut what it forbids, purge what it revokes, and then tell [`Lease::enforced`].
#[derive(Clone, Debug)]
pub struct View {
    /// The state under all open holds.
    pub state: State,
    folded: State,
    control: Offset,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Read {
    /// Nothing that has to be enforced.
    Tick,
    /// A hold: nothing renews the lease until it is enforced.
    Hold,
}

/// Whether calls may be dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Yes, before this instant.
    Yes {
        /// The lease's end.
        until: BootInstant,
    },
    /// No.
    No(Why),
}

/// Why calls may not be dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The replica has not caught up with both streams since its boot, or a gap. Calls wait.
    Joining,
    /// The lease has run out. Calls wait.
    Expired {
        /// When.
        since: BootInstant,
    },
    /// There will be no lease again. Calls are refused.
    Stopped(Stop),
}

/// Why a lease ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A replica follows another log: one of the two is not the one it should be. Raise an alert.
    #[error("a record of control is of log {found}, and this replica follows log {followed}")]
    ForeignLog {
        /// Its log.
        found: LogId,
        /// This replica's log.
        followed: LogId,
    },
    /// A newer Onedoor has written to the log, or it is damaged. Tell of it with [`Lease::stop`].
    #[error("an event cannot be understood")]
    Unintelligible,
    /// Records were skipped or came again, and nobody said so ([`Lease::gap`]).
    #[error("control record {found} came where {due} was due")]
    Gap {
        /// The offset due.
        due: Offset,
        /// The offset that came.
        found: Offset,
    },
    /// A stream is not followed any more.
    #[error("the log is not followed any more")]
    NotFollowed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Enforced {
    revision: Revision,
    /// Every hold before this control offset is enforced.
    control: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReadBack {
    offset: Offset,
    sent: BootInstant,
    /// The highest revision that a record before it carries.
    carried: Revision,
}

impl Lease {
    /// The lease of a boot that reads `control` from `position` on, as [`start`] says. `now` was read *after* `control`'s end was noted.
    #[must_use]
    pub fn new(boot: BootId, log: LogId, position: Offset, now: BootInstant) -> Self {
        Self {
            boot,
            log,
            began: now,
            position,
            enforced: Enforced {
                revision: Offset(0),
                control: position,
            },
            vouched: position,
            carried: Offset(0),
            sent: BTreeMap::new(),
            nonce: 0,
            read_back: Vec::new(),
            until: None,
            joined: None,
            holds: Holds::default(),
            boots: Boots::default(),
            stopped: None,
        }
    }

    /// Records of `control` were missed, as its head was cut. From now on nothing is served, until reading has begun again. Open holds stay in force: what was refused once is not permitted meanwhile, and a call that looked at the lease before this
    /// may still be decided.
    pub fn gap(&mut self) {
        self.vouched = self.told();
        self.until = None;
        self.joined = None;
        self.sent.clear();
        self.read_back.clear();
    }

    /// After a gap: reads on from `position`, as [`start`] says now. `now` was read *after* `control`'s end was noted.
    pub fn begin_again(&mut self, position: Offset, now: BootInstant) {
        self.gap();
        self.began = now;
        self.position = position;
        self.vouched = self.vouched.min(position);
    }

    /// This boot's `ReplicaJoined`, appended after `control`'s end was noted, stands at this offset of `registry`: before it is
    /// enforced, nothing is served. What was in `registry` when the boot began, and is in no record that is still read, is before it.
    pub fn joined(&mut self, revision: Revision) {
        self.joined = Some(revision);
        self.renew();
    }

    /// The tick to append now. `now` was read *before* this, and so before the log can have the tick.
    pub fn send(&mut self, now: BootInstant) -> Tick {
        // A tick renews nothing once its own lease has passed.
        self.sent.retain(|_, sent| now < sent.plus(LEASE));
        self.read_back.retain(|read| now < read.sent.plus(LEASE));
        let nonce = self.nonce;
        self.nonce += 1;
        self.sent.insert(nonce, now);
        let control = self.told();
        Tick {
            log: self.log,
            nonce,
            revision: self.enforced.revision,
            control,
            oldest_hold: self.holds.first_before(control),
            vocabulary: VOCABULARY,
        }
    }

    /// Takes the next record of `control`. `time` is the log's; `now` was read *after* the record came.
    ///
    /// # Errors
    /// The lease has ended for good.
    pub fn read(
        &mut self,
        offset: Offset,
        time: Timestamp,
        envelope: &Envelope<ControlEvent>,
        now: BootInstant,
    ) -> Result<Read, Stop> {
        if let Some(stop) = self.stopped {
            return Err(stop);
        }
        if offset != self.position {
            return Err(self.stop(Stop::Gap {
                due: self.position,
                found: offset,
            }));
        }
        self.boots.passed(time);
        let read = match &envelope.data {
            ControlEvent::Tick(tick) if tick.log != self.log => {
                return Err(self.stop(Stop::ForeignLog {
                    found: tick.log,
                    followed: self.log,
                }));
            }
            ControlEvent::Tick(tick) => {
                self.tick(offset, time, envelope, *tick, now);
                Read::Tick
            }
            ControlEvent::Hold(hold) => match Held::of(offset, envelope, hold) {
                Some(held) => {
                    self.holds.add(held, now);
                    Read::Hold
                }
                None => return Err(self.stop(Stop::Unintelligible)),
            },
        };
        self.position = offset.next();
        self.renew();
        Ok(read)
    }

    fn tick(
        &mut self,
        offset: Offset,
        time: Timestamp,
        envelope: &Envelope<ControlEvent>,
        tick: Tick,
        now: BootInstant,
    ) {
        if envelope.boot == self.boot
            && let Some(sent) = self.sent.remove(&tick.nonce)
        {
            self.read_back.push(ReadBack {
                offset,
                sent,
                carried: self.carried,
            });
        }
        self.carried = self.carried.max(tick.revision);
        self.boots.ticked(offset, time, envelope, tick, now);
    }

    /// What is to be decided on, given the state that is folded.
    #[must_use]
    pub fn view(&self, folded: &State) -> View {
        View {
            state: self.holds.over(folded),
            folded: folded.clone(),
            control: self.position,
        }
    }

    /// A view is decided on, and everything is cut and purged that it forbids and revokes. Holds end whose events it has folded.
    pub fn enforced(&mut self, view: &View) {
        self.enforced.revision = self
            .enforced
            .revision
            .max(view.folded.revision().unwrap_or_default());
        self.enforced.control = self.enforced.control.max(view.control);
        self.holds.end(&view.folded);
        self.renew();
    }

    /// Renews the lease by the own ticks that came back, where all before them is enforced.
    fn renew(&mut self) {
        if !self.has_joined() {
            return;
        }
        // Ticks hold nothing to enforce. (A hold from before a gap may have stood behind where reading began again.)
        let unenforced = self.holds.first_from(self.enforced.control);
        self.enforced.control = unenforced.map_or(self.position, |hold| hold.min(self.position));
        let Enforced { revision, control } = self.enforced;
        let until = &mut self.until;
        self.read_back.retain(|read| {
            let proven = read.carried <= revision && read.offset <= control;
            if proven {
                *until = (*until).max(Some(read.sent.plus(LEASE)));
            }
            !proven
        });
    }

    /// Whether a call may be dispatched at an instant.
    #[must_use]
    pub fn may_serve(&self, now: BootInstant) -> Serving {
        if let Some(stop) = self.stopped {
            return Serving::No(Why::Stopped(stop));
        }
        match self.until {
            Some(until) if now < until => Serving::Yes { until },
            Some(since) => Serving::No(Why::Expired { since }),
            None => Serving::No(Why::Joining),
        }
    }

    fn has_joined(&self) -> bool {
        self.joined.is_some_and(|joined| self.enforced.revision >= joined)
    }

    /// Where ticks say that this boot's reading stands.
    fn told(&self) -> Offset {
        if self.has_joined() {
            self.enforced.control
        } else {
            self.vouched
        }
    }

    /// Ends the lease for good, and gives the reason: the first one counts.
    pub fn stop(&mut self, stop: Stop) -> Stop {
        *self.stopped.get_or_insert(stop)
    }

    /// The control record that is due next.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.position
    }

    /// The revision that is enforced.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.enforced.revision
    }

    /// The open holds, oldest first.
    pub fn holds(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.holds.iter()
    }

    /// Holds that have waited for their event for [`TAKEOVER`]: append it ([`Held::draft`]). Each is given again after as long.
    pub fn take_over(&mut self, now: BootInstant) -> Vec<Arc<Held>> {
        self.holds.take_over(now)
    }

    /// How far a command is from its answer. It may be answered when every boot that may still hold a lease from before the command's
    /// record has confirmed, or a lease and [`DRIFT`] after the record.
    #[must_use]
    pub fn confirmation(&self, asked: &Asked, now: BootInstant) -> Confirmation {
        self.boots.confirmation(asked, self.position, self.began, now)
    }

    /// Every boot that ticked in what was read, but those that were silent for an hour.
    pub fn boots(&self) -> impl Iterator<Item = &SeenBoot> {
        self.boots.iter()
    }

    /// For how long nothing came of a boot, while others ticked, since this one reads: by the log's clock, with no interval between two
    /// records counted for more than a second, so that an outage of the log, or a pause of this host, kills nobody. A boot is dead after
    /// [`DEAD_AFTER`].
    #[must_use]
    pub fn silence(&self, boot: BootId) -> Duration {
        self.boots.silence(boot)
    }

    /// The number of the [`VOCABULARY`] that every boot understands which is not dead; 0 while there is none.
    #[must_use]
    pub fn vocabulary(&self) -> u32 {
        self.boots
            .iter()
            .filter(|seen| self.boots.is_alive(seen.boot))
            .map(|seen| seen.tick.vocabulary)
            .min()
            .unwrap_or(0)
    }
}
