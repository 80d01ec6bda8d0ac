//! The rule, case by case. What can happen in any order is searched in `check/`.

mod boots;
mod confirmation;

use proptest::prelude::*;

use super::{
    facts::{Command, Fact, Facts, LOG, OTHER_LOG, admin, boot_id, envelope, event, revision},
    *,
};
use crate::{
    control::Hold,
    ids::{EventId, ServerId},
    registry::{Change, RegistryEvent, ServerChosen, Verdict},
};

const ME: u8 = 1;
const OTHER: u8 = 2;

/// A replica, and what it reads.
struct Replica {
    lease: Lease,
    facts: Facts,
    registry: Vec<Fact>,
    folded: usize,
}

impl Replica {
    /// One that has joined.
    fn joined() -> Self {
        let mut replica = Self::new();
        replica.lease.joined(Offset(0));
        replica
    }

    fn new() -> Self {
        let mut replica = Self {
            lease: Lease::new(boot_id(ME), LOG, Offset(0), at(0)),
            facts: Facts::default(),
            registry: Vec::new(),
            folded: 0,
        };
        replica.enforce();
        replica
    }

    fn state(&self) -> State {
        self.facts.state(&self.registry[..self.folded])
    }

    /// Reads the next record.
    fn read(&mut self, boot: u8, data: ControlEvent, now: u64) -> Result<Read, Stop> {
        let mut record = envelope(Some(admin()), data);
        record.boot = boot_id(boot);
        self.lease
            .read(self.lease.position(), log_time(now), &record, at(now))
    }

    fn tick(&mut self, boot: u8, tick: Tick, now: u64) {
        assert_eq!(self.read(boot, ControlEvent::Tick(tick), now), Ok(Read::Tick));
    }

    /// Sends a tick and reads it back.
    fn renew(&mut self, sent: u64, read: u64) {
        let tick = self.lease.send(at(sent));
        self.tick(ME, tick, read);
    }

    fn hold(&mut self, event: RegistryEvent, now: u64) {
        let hold = ControlEvent::Hold(Box::new(Hold::new(event).unwrap()));
        assert_eq!(self.read(OTHER, hold, now), Ok(Read::Hold));
    }

    fn enforce(&mut self) -> View {
        let view = self.lease.view(&self.state());
        self.lease.enforced(&view);
        view
    }

    /// Folds and enforces all there is.
    fn fold(&mut self, facts: &[Fact]) {
        self.registry.extend(facts);
        self.folded = self.registry.len();
        self.enforce();
    }

    fn serves(&self, now: u64) -> bool {
        matches!(self.lease.may_serve(at(now)), Serving::Yes { .. })
    }
}

fn at(millis: u64) -> BootInstant {
    BootInstant::from_nanos(millis * 1_000_000)
}

fn log_time(millis: u64) -> Timestamp {
    Timestamp::from_millisecond(millis.cast_signed()).unwrap()
}

/// A tick of a replica that has read all before `control`.
fn told(revision: Revision, control: u64) -> Tick {
    Tick {
        log: LOG,
        nonce: 0,
        revision,
        control: Offset(control),
        oldest_hold: None,
        vocabulary: VOCABULARY,
    }
}

/// Disables a server that nobody registered.
fn kill_of_nothing() -> RegistryEvent {
    let nothing = ServerChosen {
        server: ServerId(uuid::Uuid::from_u128(99)),
    };
    RegistryEvent {
        change: Change::ServerDisabled(nothing),
        ..event(Command::Kill)
    }
}

#[test]
fn a_lease_lasts_from_before_its_tick_was_sent() {
    let mut replica = Replica::joined();
    assert_eq!(replica.lease.may_serve(at(0)), Serving::No(Why::Joining));
    replica.renew(100, 400);
    assert_eq!(replica.lease.may_serve(at(799)), Serving::Yes { until: at(800) });
    let expired = Why::Expired { since: at(800) };
    assert_eq!(replica.lease.may_serve(at(800)), Serving::No(expired));
    replica.renew(900, 1_000);
    assert_eq!(
        replica.lease.may_serve(at(1_000)),
        Serving::Yes { until: at(1_600) }
    );
}

#[test]
fn only_an_own_tick_that_is_out_renews() {
    let mut replica = Replica::joined();
    let tick = replica.lease.send(at(0));
    replica.tick(OTHER, tick, 10);
    assert!(!replica.serves(10), "another boot's");
    replica.tick(
        ME,
        Tick {
            nonce: tick.nonce + 1,
            ..tick
        },
        10,
    );
    assert!(!replica.serves(10), "never sent");
    replica.tick(ME, tick, 10);
    assert!(replica.serves(10));
    replica.tick(ME, tick, 690);
    assert!(!replica.serves(700), "a duplicate");
}

/// After a gap a boot reads again what it has read, its own ticks among it.
#[test]
fn a_tick_from_before_a_gap_renews_nothing() {
    let mut replica = Replica::joined();
    replica.renew(0, 10);
    let before = replica.lease.send(at(20));
    replica.lease.gap();
    assert_eq!(replica.lease.may_serve(at(30)), Serving::No(Why::Joining));
    let meanwhile = replica.lease.send(at(40));
    replica.lease.begin_again(Offset(0), at(50));
    replica.lease.joined(Offset(0));
    replica.enforce();
    let after = replica.lease.send(at(100));
    for early in [before, meanwhile] {
        replica.tick(ME, early, 110);
        assert!(!replica.serves(110));
    }
    replica.tick(ME, after, 120);
    assert!(replica.serves(120));
}

/// What was refused once must not be permitted in the meantime: a call may have looked at the lease before.
#[test]
fn holds_outlive_a_gap() {
    let mut replica = Replica::joined();
    replica.hold(event(Command::Kill), 0);
    replica.enforce();
    replica.lease.gap();
    assert!(Command::Kill.is_refused_by(&replica.enforce().state));
    // Reading begins before the hold, or behind it.
    for position in [0, 5] {
        replica.lease.begin_again(Offset(position), at(10));
        assert!(Command::Kill.is_refused_by(&replica.enforce().state));
        replica.lease.joined(Offset(0));
        replica.enforce();
        let tick = replica.lease.send(at(20));
        let oldest = (position > 0).then_some(Offset(0));
        assert_eq!((tick.control, tick.oldest_hold), (Offset(position), oldest));
    }
    replica.fold(&[Fact::Given(Command::Kill)]);
    assert_eq!(replica.lease.holds().count(), 0);
}

/// What was missed is in force no sooner, and a call that was decided on before may still be written: others must not take this boot for
/// having confirmed.
#[test]
fn what_was_missed_is_not_told_as_enforced_before_the_boot_has_joined_again() {
    let mut replica = Replica::joined();
    replica.lease.gap();
    replica.lease.begin_again(Offset(5), at(10));
    replica.enforce();
    replica.lease.joined(revision(0));
    let tick = replica.lease.send(at(20));
    assert_eq!(tick.control, Offset(0));
    replica.tick(ME, tick, 30);
    assert!(!replica.serves(30));
    replica.fold(&[Fact::Joined(ME)]);
    assert!(replica.serves(30));
    assert_eq!(replica.lease.send(at(40)).control, Offset(6));
}

#[test]
fn nothing_is_served_before_what_was_there_at_boot_is_folded() {
    let mut replica = Replica::new();
    replica.renew(0, 10);
    assert_eq!(replica.lease.may_serve(at(10)), Serving::No(Why::Joining));
    replica.lease.joined(revision(1));
    replica.fold(&[Fact::Given(Command::Plain)]);
    assert_eq!(replica.lease.may_serve(at(10)), Serving::No(Why::Joining));
    replica.fold(&[Fact::Joined(ME)]);
    assert!(replica.serves(10));
}

#[test]
fn a_renewal_waits_for_the_fold() {
    let mut replica = Replica::joined();
    replica.tick(OTHER, told(revision(0), 0), 0);
    replica.renew(0, 10);
    assert!(!replica.serves(10));
    replica.fold(&[Fact::Given(Command::Plain)]);
    assert!(replica.serves(10));
}

#[test]
fn a_renewal_does_not_wait_for_what_came_after_its_tick() {
    let mut replica = Replica::joined();
    replica.renew(0, 10);
    replica.tick(OTHER, told(revision(0), 0), 20);
    assert!(replica.serves(699));
    assert!(!replica.serves(700));
}

#[test]
fn a_hold_refuses_before_its_event_is_there_and_ends_with_it() {
    let mut replica = Replica::joined();
    replica.hold(event(Command::Kill), 0);
    let unenforced = replica.lease.send(at(0));
    assert_eq!((unenforced.control, unenforced.oldest_hold), (Offset(0), None));
    replica.tick(ME, unenforced, 10);
    assert!(!replica.serves(10), "not enforced");

    let view = replica.enforce();
    assert!(Command::Kill.is_refused_by(&view.state));
    assert!(
        !Command::Kill.is_refused_by(&replica.state()),
        "what is folded stays as it is"
    );
    assert!(replica.serves(10));
    let enforced = replica.lease.send(at(20));
    assert_eq!(
        (enforced.control, enforced.oldest_hold),
        (Offset(2), Some(Offset(0)))
    );

    replica.fold(&[Fact::Given(Command::Kill)]);
    assert_eq!(replica.lease.holds().count(), 0);
    assert_eq!(replica.lease.send(at(30)).oldest_hold, None);
    assert!(Command::Kill.is_refused_by(&replica.lease.view(&replica.state()).state));
    replica.hold(event(Command::Kill), 40);
    replica.enforce();
    assert_eq!(
        replica.lease.holds().count(),
        0,
        "a hold that comes after its event"
    );
}

#[test]
fn what_the_fold_would_refuse_has_no_effect_as_a_hold() {
    let mut replica = Replica::joined();
    replica.hold(kill_of_nothing(), 0);
    let view = replica.enforce();
    let digest = |state: &State| state.digest().unwrap();
    assert_eq!(digest(&view.state), digest(&replica.state()));
    assert_eq!(replica.lease.holds().count(), 1);
    // Its event is refused, and ends it all the same: it is of the same command as this one.
    replica.fold(&[Fact::Given(Command::Kill)]);
    assert_eq!(replica.lease.holds().count(), 0);
}

#[test]
fn a_hold_without_its_event_is_taken_over_and_that_is_harmless() {
    let mut replica = Replica::joined();
    replica.hold(event(Command::Kill), 1_000);
    assert!(replica.lease.take_over(at(10_999)).is_empty());
    let overdue = replica.lease.take_over(at(11_000));
    assert!(replica.lease.take_over(at(11_001)).is_empty(), "given once");
    assert_eq!(replica.lease.take_over(at(21_000)), overdue, "and again");

    let mut state = replica.state();
    let draft = overdue[0].draft(EventId(uuid::Uuid::nil()));
    let appended = envelope(draft.actor, draft.data);
    let mut append = || {
        let next = state.revision().unwrap().next();
        state.apply(next, &appended).unwrap()
    };
    assert_eq!([append(), append()], [Verdict::Effective, Verdict::Duplicate]);
}

#[test]
fn what_cannot_be_relied_on_ends_the_lease_for_good() {
    let gap = |replica: &mut Replica| {
        let record = envelope(None, ControlEvent::Tick(told(Offset(0), 0)));
        replica.lease.read(Offset(7), log_time(0), &record, at(20))
    };
    let foreign = |replica: &mut Replica| {
        let tick = Tick {
            log: OTHER_LOG,
            ..told(Offset(0), 0)
        };
        replica.read(OTHER, ControlEvent::Tick(tick), 20)
    };
    let nobodys = |replica: &mut Replica| {
        let hold = Hold::new(event(Command::Kill)).unwrap();
        let record = envelope(None, ControlEvent::Hold(Box::new(hold)));
        replica
            .lease
            .read(replica.lease.position(), log_time(0), &record, at(20))
    };
    type Happens = fn(&mut Replica) -> Result<Read, Stop>;
    let cases: [(Happens, Stop); 3] = [
        (
            gap,
            Stop::Gap {
                due: Offset(1),
                found: Offset(7),
            },
        ),
        (
            foreign,
            Stop::ForeignLog {
                found: OTHER_LOG,
                followed: LOG,
            },
        ),
        (nobodys, Stop::Unintelligible),
    ];
    for (happens, stop) in cases {
        let mut replica = Replica::joined();
        replica.renew(0, 10);
        assert!(replica.serves(20));
        assert_eq!(happens(&mut replica), Err(stop));
        let stopped = Serving::No(Why::Stopped(stop));
        assert_eq!(replica.lease.may_serve(at(20)), stopped);
        assert_eq!(
            replica.lease.stop(Stop::NotFollowed),
            stop,
            "the first reason counts"
        );
        let later = told(Offset(0), 0);
        assert_eq!(replica.read(OTHER, ControlEvent::Tick(later), 30), Err(stop));
    }
}

#[test]
fn reading_begins_at_the_oldest_hold_that_may_be_open() {
    let tick = |control, oldest_hold: Option<u64>| {
        let tick = Tick {
            oldest_hold: oldest_hold.map(Offset),
            ..told(Offset(2), control)
        };
        (Offset(30), tick)
    };
    let cases = [
        (vec![], Ok(10)),
        (vec![tick(20, None)], Ok(20)),
        (vec![tick(20, Some(15))], Ok(15)),
        // Each is right by itself; the one that needs least is taken.
        (vec![tick(20, Some(15)), tick(18, None)], Ok(18)),
        (vec![tick(20, Some(5))], Err(5)),
        // Of a stream that was here before this one was made anew.
        (vec![tick(31, None)], Ok(10)),
        (vec![tick(31, None), tick(20, None)], Ok(20)),
    ];
    for (ticks, wanted) in cases {
        let expected = wanted.map(Offset).map_err(|wanted| HoldLost {
            wanted: Offset(wanted),
            first: Offset(10),
        });
        assert_eq!(start(Offset(10), ticks.clone()), expected, "{ticks:?}");
    }
}

proptest! {
    /// However the log orders and repeats the ticks of a boot, and whatever never comes back: the lease is of the last one sent of those
    /// that did.
    #[test]
    fn the_lease_is_of_the_latest_tick_that_came_back(order in prop::collection::vec(0..6_usize, 0..12)) {
        let mut replica = Replica::joined();
        let sent: Vec<_> = (0..6_u64).map(|n| replica.lease.send(at(n * 100))).collect();
        let mut latest = None;
        for place in order {
            replica.tick(ME, sent[place], 600);
            latest = latest.max(Some(place as u64));
            let until = at(latest.unwrap_or_default() * 100 + 700);
            prop_assert_eq!(replica.lease.may_serve(at(600)), Serving::Yes { until });
        }
        prop_assert_eq!(replica.serves(600), latest.is_some());
    }
}
