//! What is known of the boots.

use super::*;

/// `control` was made anew under its writer: what it had read was another stream.
#[test]
fn a_position_beyond_its_own_tick_says_nothing() {
    let mut replica = Replica::joined();
    replica.hold(event(Command::Kill), 1_000);
    replica.tick(OTHER, told(Offset(2), 900), 1_010);
    let seen: Vec<_> = replica.lease.boots().map(|seen| seen.tick.control).collect();
    assert_eq!(seen, [Offset(0)]);
    replica.tick(OTHER, told(Offset(2), 1), 1_020);
    let seen: Vec<_> = replica.lease.boots().map(|seen| seen.tick.control).collect();
    assert_eq!(seen, [Offset(1)]);
}

/// A replica that is cut off from `control` itself does not know who ticked: it answers by time alone.
#[test]
fn nobody_has_confirmed_before_the_record_is_read() {
    let replica = Replica::joined();
    let asked = Asked {
        proof: Proof::Event(revision(0)),
        record: Offset(5),
        acknowledged: at(0),
    };
    assert!(!replica.lease.confirmation(&asked, at(709)).complete);
    assert!(replica.lease.confirmation(&asked, at(710)).complete);
}

#[test]
fn a_boot_is_dead_when_others_tick_on_without_it() {
    let mut replica = Replica::joined();
    let silence = |replica: &Replica, boot| replica.lease.silence(boot_id(boot)).as_millis();
    replica.tick(OTHER, told(Offset(2), 0), 0);
    // An outage of the log for an hour: silent is the log.
    replica.tick(ME, told(Offset(2), 0), 3_600_000);
    assert_eq!(silence(&replica, OTHER), 1_000);
    for n in 1..=75 {
        replica.tick(ME, told(Offset(2), 0), 3_600_000 + n * 200);
    }
    assert_eq!(silence(&replica, OTHER), 16_000);
    assert_eq!(silence(&replica, ME), 0);
    assert_eq!(silence(&replica, 3), 16_000, "one that never ticked");
    assert!(replica.lease.silence(boot_id(OTHER)) > DEAD_AFTER);
    replica.tick(OTHER, told(Offset(2), 0), 3_620_000);
    assert_eq!(silence(&replica, OTHER), 0);
    // By the log's clock, which may be set back.
    replica.tick(ME, told(Offset(2), 0), 0);
    assert_eq!(silence(&replica, OTHER), 0);
}

#[test]
fn a_vocabulary_is_what_everyone_understands_who_lives() {
    let mut replica = Replica::joined();
    assert_eq!(replica.lease.vocabulary(), 0);
    let knows = |vocabulary| Tick {
        vocabulary,
        ..told(Offset(2), 0)
    };
    replica.tick(OTHER, knows(1), 0);
    for n in 0..16 {
        assert_eq!(replica.lease.vocabulary(), 1);
        replica.tick(ME, knows(2), n * 1_000);
    }
    assert_eq!(replica.lease.vocabulary(), 2, "the other is dead");
}
