use onedoor_model::{
    audit::CancelCause,
    registry::{Limits, Settings},
};
use uuid::Uuid;

use super::*;

const FINANCE: Key = (ServerId(Uuid::from_u128(1)), VersionNumber(1));
/// What counts as a failure.
const BROKEN: Outcome = Outcome::UpstreamError(UpstreamFault::Unreachable);

const HR: Key = (ServerId(Uuid::from_u128(2)), VersionNumber(1));

fn settings() -> Settings {
    Settings {
        limits: Limits {
            upstream_calls: 2,
            ..Limits::default()
        },
        breaker: Rules {
            failures: 2,
            open_ms: 60_000,
        },
        ..Settings::default()
    }
}

fn admit(upstreams: &Upstreams, key: Key) -> Result<Admission, Refusal> {
    upstreams.admit(key.0, key.1, &settings(), Instant::now())
}

fn fail(upstreams: &Upstreams, key: Key) {
    admit(upstreams, key).unwrap().ended(&BROKEN, false);
}

#[test]
fn a_full_upstream_refuses_and_leaves_the_others_alone() {
    let upstreams = Upstreams::default();
    let calls = [
        admit(&upstreams, FINANCE).unwrap(),
        admit(&upstreams, FINANCE).unwrap(),
    ];
    assert_eq!(admit(&upstreams, FINANCE).unwrap_err(), Refusal::Busy);
    assert!(admit(&upstreams, HR).is_ok());
    let other_version = (FINANCE.0, VersionNumber(2));
    assert!(admit(&upstreams, other_version).is_ok());
    drop(calls);
    assert!(admit(&upstreams, FINANCE).is_ok());
    let status = upstreams.status(FINANCE).unwrap();
    assert_eq!(
        (status.calls, status.refused_busy, status.refused_circuit_open),
        (0, 1, 0)
    );
}

#[test]
fn a_failing_upstream_is_left_alone_and_holds_no_room() {
    let upstreams = Upstreams::default();
    fail(&upstreams, FINANCE);
    fail(&upstreams, FINANCE);
    for _ in 0..5 {
        let refusal = admit(&upstreams, FINANCE).unwrap_err();
        let Refusal::CircuitOpen { retry_after } = refusal else {
            panic!("{refusal:?}");
        };
        assert!(retry_after > Duration::from_secs(50));
        assert_eq!(Failure::from(refusal).retry_after, Some(retry_after));
    }
    assert!(admit(&upstreams, HR).is_ok());
    let status = upstreams.status(FINANCE).unwrap();
    assert_eq!((status.calls, status.refused_circuit_open), (0, 5));
}

#[test]
fn the_first_thing_told_counts() {
    let upstreams = Upstreams::default();
    for _ in 0..5 {
        let mut call = admit(&upstreams, FINANCE).unwrap();
        call.succeeded();
        call.ended(&BROKEN, false);
    }
    assert!(upstreams.status(FINANCE).unwrap().breaker.is_calm());
    fail(&upstreams, FINANCE);
    drop(admit(&upstreams, FINANCE).unwrap());
    assert_eq!(
        upstreams.status(FINANCE).unwrap().breaker,
        Breaker::Closed { failures: 1 },
        "dropped, it showed nothing"
    );
}

#[test]
fn an_upstream_that_is_served_again_begins_anew() {
    let upstreams = Upstreams::default();
    fail(&upstreams, FINANCE);
    let call = admit(&upstreams, FINANCE).unwrap();
    upstreams.keep(|key| *key == HR);
    assert_eq!(upstreams.status(FINANCE), None);
    drop(call);
    assert!(admit(&upstreams, FINANCE).is_ok());
    assert!(upstreams.status(FINANCE).unwrap().breaker.is_calm());
}

#[test]
fn a_change_of_health_is_told_once() {
    let upstreams = Upstreams::default();
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(upstreams.health(FINANCE.0, FINANCE.1), Health::Unknown);
    let down = Health::Down { since: at(1) };
    assert_eq!(upstreams.probed(FINANCE, false, at(1)), Some(down));
    assert_eq!(upstreams.probed(FINANCE, false, at(2)), None);
    assert_eq!(upstreams.health(FINANCE.0, FINANCE.1), down);
    assert_eq!(
        upstreams.probed(FINANCE, true, at(3)),
        Some(Health::Up { since: at(3) })
    );
    assert_eq!(upstreams.health(HR.0, HR.1), Health::Unknown);
}

#[test]
fn only_what_the_upstream_did_counts() {
    use Verdict::{Fails, Unknown, Works};
    for (outcome, answered, shows) in [
        (Outcome::Succeeded, true, Works),
        (Outcome::ToolError, true, Works),
        (Outcome::UpstreamError(UpstreamFault::Unreachable), false, Fails),
        (Outcome::UpstreamError(UpstreamFault::Status), true, Fails),
        (Outcome::UpstreamError(UpstreamFault::Protocol), true, Fails),
        (Outcome::UpstreamError(UpstreamFault::Unauthorized), true, Works),
        (Outcome::UpstreamError(UpstreamFault::TooLarge), true, Works),
        (Outcome::TimedOut, false, Fails),
        (Outcome::TimedOut, true, Unknown),
        (Outcome::Cancelled(CancelCause::Client), false, Unknown),
        (
            Outcome::NotDispatched(NotDispatchedReason::Unreachable),
            false,
            Fails,
        ),
        (
            Outcome::NotDispatched(NotDispatchedReason::ConsentRequired),
            false,
            Unknown,
        ),
        (Outcome::Unknown, false, Unknown),
    ] {
        assert_eq!(shown_by(&outcome, answered), shows, "{outcome:?}");
    }
}

/// Many callers at once: never more than the limit inside, and all room is given back.
#[test]
fn room_is_never_lost_nor_given_twice() {
    let upstreams = Arc::new(Upstreams::default());
    let refused: u64 = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let upstreams = Arc::clone(&upstreams);
                scope.spawn(move || {
                    (0..2_000)
                        .filter(|round| match admit(&upstreams, FINANCE) {
                            Ok(mut call) => {
                                assert!(call.upstream.bulkhead.inside() <= 2);
                                if (round + caller) % 3 == 0 {
                                    call.succeeded();
                                }
                                false
                            }
                            Err(_) => true,
                        })
                        .count() as u64
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let status = upstreams.status(FINANCE).unwrap();
    assert_eq!((status.calls, status.refused_busy), (0, refused));
}
