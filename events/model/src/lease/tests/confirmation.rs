//! When a command may be answered.

use super::*;

#[test]
fn a_command_is_answered_when_everyone_has_confirmed_or_expired() {
    let mut replica = Replica::joined();
    replica.tick(OTHER, told(Offset(2), 0), 1_000);
    replica.hold(event(Command::Kill), 1_500);
    replica.enforce();
    let hold = Offset(1);
    let standing = |replica: &Replica, proof, now| {
        let asked = Asked {
            proof,
            record: hold,
            acknowledged: at(1_500),
        };
        let confirmation = replica.lease.confirmation(&asked, at(now));
        let standings: Vec<_> = confirmation
            .boots
            .iter()
            .map(|(_, _, standing)| *standing)
            .collect();
        (standings, confirmation.complete)
    };
    let by_hold = Proof::Hold { hold, event: None };
    use Standing::{Confirmed, Expired, Waiting};
    // The other's last tick was read at 1000: no lease of it outlasts 1710.
    assert_eq!(standing(&replica, by_hold, 1_709), (vec![Waiting], false));
    assert_eq!(standing(&replica, by_hold, 1_710), (vec![Expired], true));
    // It ticks behind the hold, and has not read it: it may hold a lease from before the hold, that lasts until 2210.
    replica.tick(OTHER, told(Offset(2), 1), 1_600);
    assert_eq!(standing(&replica, by_hold, 2_209), (vec![Waiting], false));
    assert_eq!(standing(&replica, by_hold, 2_210), (vec![Expired], true));
    replica.tick(OTHER, told(Offset(2), 2), 1_650);
    assert_eq!(standing(&replica, by_hold, 1_650), (vec![Confirmed], true));
    // What was told once stays told.
    replica.tick(OTHER, told(Offset(2), 0), 1_660);
    assert_eq!(standing(&replica, by_hold, 1_660), (vec![Confirmed], true));

    let by_event = Proof::Event(revision(0));
    assert_eq!(standing(&replica, by_event, 1_660), (vec![Waiting], false));
    replica.tick(OTHER, told(revision(0), 0), 1_670);
    assert_eq!(standing(&replica, by_event, 1_670), (vec![Confirmed], true));
}

/// A boot may hold a lease by a tick that a replica has not read which has only begun to read.
#[test]
fn who_may_serve_is_known_a_lease_after_reading_began() {
    let mut replica = Replica::joined();
    let begun = [
        |_: &mut Lease| 0,
        |lease: &mut Lease| {
            lease.gap();
            lease.begin_again(lease.position(), at(5_000));
            5_000
        },
    ];
    for begin in begun {
        let began = begin(&mut replica.lease);
        replica.tick(OTHER, told(revision(0), 0), began + 100);
        let asked = Asked {
            proof: Proof::Event(revision(0)),
            record: Offset(0),
            acknowledged: at(began + 90),
        };
        let complete = |now| replica.lease.confirmation(&asked, at(began + now)).complete;
        assert_eq!(
            [complete(100), complete(709), complete(710)],
            [false, false, true]
        );
    }
}

/// The log's clock may leap: whoever may still serve is waited for all the same.
#[test]
fn a_boot_that_is_dead_by_the_logs_clock_is_waited_for() {
    let mut replica = Replica::joined();
    replica.tick(OTHER, told(Offset(2), 0), 5_000);
    let mut record = envelope(None, ControlEvent::Tick(told(Offset(9), 0)));
    record.boot = boot_id(3);
    for n in 1..=20 {
        let position = replica.lease.position();
        let read = replica
            .lease
            .read(position, log_time(5_000 + n * 1_000), &record, at(5_000));
        assert_eq!(read, Ok(Read::Tick));
    }
    assert!(replica.lease.silence(boot_id(OTHER)) > DEAD_AFTER);
    let asked = Asked {
        proof: Proof::Event(Offset(9)),
        record: Offset(10),
        acknowledged: at(5_000),
    };
    let standing = |now| {
        let confirmation = replica.lease.confirmation(&asked, at(now));
        let boots = confirmation
            .boots
            .into_iter()
            .map(|(boot, _, standing)| (boot, standing));
        (boots.collect::<Vec<_>>(), confirmation.complete)
    };
    let (other, third) = (boot_id(OTHER), (boot_id(3), Standing::Confirmed));
    assert_eq!(standing(5_709), (vec![(other, Standing::Waiting), third], false));
    assert_eq!(standing(5_710), (vec![third], true));
}
