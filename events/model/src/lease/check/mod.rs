//! The rule, model-checked: a search of everything that can happen to a few replicas, two logs and a command or two, in any order.
//!
//! The replicas run the production [`Lease`](super::Lease) on real events and the real fold, and drive it as the gateway does: views that
//! are published wait for what was decided on before to end; a call looks at the lease, is decided on, written, and looked at again.
//! Whatever can be slow is not forced to happen: a replica that reads nothing is cut off, one that does nothing is paused. Then every
//! sentence of the design is taken out in turn, and the search must find what it was there for.
//!
//! One sentence has no test of its own: "`control` is read to the noted end". It follows from others: a [`Lease`](super::Lease) reads
//! without gaps from where it began, and its first own tick stands behind the end, as it was sent after that was noted.
//!
//! Time passes in steps of half a lease, so that both its sides are met; the bound that is checked is the tightest there is, a lease and
//! its drift, where a second is promised. All that can happen within a scenario's bounds is searched; only recoveries are tried from one
//! state in some. That takes a CPU half a minute for the rule, and six seconds for what is left out. `ONEDOOR_MODEL_CHECK=large` lets one
//! step more pass: twice the states, in a few minutes. One more tick for each replica is hundreds of times as many.

mod actions;
mod calls;
mod commands;
mod fingerprint;
mod recovery;
mod replicas;
mod scenario;
mod search;
mod sentences;
mod steps;
mod world;

use std::rc::Rc;

use self::{
    scenario::Scenario,
    search::Seen,
    sentences::Sentence,
    steps::{Action, Rules},
};
use super::facts::{self, Facts};

fn rules(scenario: Scenario, without: Option<Sentence>) -> Rules {
    Rules {
        scenario,
        without,
        facts: Rc::new(Facts::default()),
    }
}

/// The whole rule: nothing that must not be is found, in a search that is not empty.
fn holds(scenario: Scenario) {
    let large = std::env::var("ONEDOOR_MODEL_CHECK").is_ok_and(|size| size == "large");
    let scenario = if large { scenario.larger() } else { scenario };
    match rules(scenario, None).search() {
        Ok(seen) => {
            println!("{}: {seen:?}", scenario.name);
            let Seen {
                serving_still,
                enforcing,
                expired,
                answered,
                ..
            } = seen;
            let met = [serving_still, enforcing, expired, answered];
            assert!(
                met.iter().all(|states| *states > 0),
                "{}: {seen:?}",
                scenario.name
            );
        }
        Err(counterexample) => panic!("{}: {counterexample}", scenario.name),
    }
}

/// Without a sentence, what it is there for is found.
fn breaks(scenario: Scenario, sentence: Sentence) {
    match rules(scenario, Some(sentence)).search() {
        Ok(seen) => panic!(
            "{}: nothing is found without {sentence:?}: {seen:?}",
            scenario.name
        ),
        Err(counterexample) => println!("without {sentence:?}: {counterexample}"),
    }
}

macro_rules! the_rule_holds {
    ($($name:ident: $scenario:ident,)+) => {$(
        #[test]
        fn $name() {
            holds(Scenario::$scenario);
        }
    )+};
}

macro_rules! is_needed {
    ($($name:ident: $sentence:ident in $scenario:ident,)+) => {$(
        #[test]
        fn $name() {
            breaks(Scenario::$scenario, Sentence::$sentence);
        }
    )+};
}

mod the_rule_holds {
    use super::*;

    the_rule_holds! {
        in_a_kill: KILL,
        in_another_command: PLAIN,
        in_both: BOTH,
        among_three: THREE,
        with_two_ticks_under_way: TWO_TICKS,
        where_the_api_lags: LAGGING_API,
        with_a_slow_hold: SLOW_HOLD,
        with_two_holds: TWO_HOLDS,
        with_slow_cuts: SLOW_CUTS,
        with_a_slow_clock: DRIFT,
        on_a_suspended_host: SUSPENDED,
        in_a_crash: CRASH,
        at_boot: BOOT,
        at_a_cold_boot: COLD_BOOT,
        at_boot_with_old_records_gone: BOOT_LATE,
        at_two_boots: BOOT_TWO,
        at_boot_beside_a_lagging_replica: BOOT_BESIDE,
        where_the_api_is_fresh: FRESH_API,
        where_the_api_missed_records: GAP_API,
        after_missed_records: MISSED,
        in_a_retry: RETRY,
        in_a_retried_kill: RETRY_KILL,
        for_calls_that_wait: CALLS,
        for_calls_over_a_gap: CALLS_OVER_GAP,
        beside_a_foreign_log: FOREIGN,
        in_an_old_version: OLD,
    }
}

mod every_sentence_is_needed {
    use super::*;

    is_needed! {
        hold_first: HoldFirst in KILL,
        hold_refuses: HoldRefuses in KILL,
        hold_enforced_before_renewal: HoldEnforcedBeforeRenewal in KILL,
        hold_ends_by_own_fold: HoldEndsByOwnFold in KILL,
        takeover: Takeover in CRASH,
        ticks: Ticks in KILL,
        log_id: LogId in FOREIGN,
        boot_id: Boot in KILL,
        nonce: Nonce in TWO_TICKS,
        revision_enforced: RevisionEnforced in PLAIN,
        clock_read_before: ClockReadBefore in TWO_TICKS,
        read_back: ReadBack in KILL,
        fold_awaited: FoldAwaited in PLAIN,
        never_shorter: NeverShorter in TWO_TICKS,
        confirmed: Confirmed in KILL,
        every_boot: EveryBoot in LAGGING_API,
        boots_before_reading: BootsBeforeReading in FRESH_API,
        streams_cut: StreamsCut in KILL,
        footing_held: FootingHeld in CALLS,
        expires: Expires in CRASH,
        drift: Drift in DRIFT,
        after_acknowledgement: AfterAcknowledgement in SLOW_HOLD,
        read_to_oldest_hold: ReadToOldestHold in BOOT,
        oldest_named: OldestNamed in BOOT,
        position_named: PositionNamed in BOOT,
        read_all_retained: ReadAllRetained in COLD_BOOT,
        joined: Joined in BOOT_BESIDE,
        end_noted_before_joining: EndNotedBeforeJoining in BOOT_BESIDE,
        gap: Gap in MISSED,
        holds_outlive_gap: HoldsOutliveGap in CALLS_OVER_GAP,
        enforced_anew: EnforcedAnew in CALLS_OVER_GAP,
        lost_hold_stops: LostHoldStops in BOOT_LATE,
        any_record_covers: AnyRecordCovers in RETRY,
        retry_writes_again: RetryWritesAgain in RETRY,
        suspended_time: SuspendedTime in SUSPENDED,
        check_before_write: CheckBeforeWrite in CALLS,
        check_after_write: CheckAfterWrite in CALLS,
        unknown_stops: UnknownStops in OLD,
    }
}

/// How long a kill takes where nothing is slow, in milliseconds.
fn answered_after(without: Option<Sentence>) -> u64 {
    let rules = rules(Scenario::KILL, without);
    let mut world = rules.beginning();
    let begun = world.now;
    let mut act = |action| {
        world = rules
            .step(&world, action)
            .unwrap_or_else(|violation| panic!("{violation:?}"));
    };
    act(Action::Give(0));
    act(Action::Read(1));
    act(Action::Publish(1));
    if without == Some(Sentence::TickAtOnce) {
        act(Action::Pass(super::TICK.as_millis() as u64));
    }
    for slot in [0, 1] {
        act(Action::Send(slot));
        act(Action::Commit(0));
    }
    assert!(world.given[0].answered, "confirmed by a tick");
    world.now - begun
}

/// "… and at once after a command."
#[test]
fn a_tick_at_once_answers_at_once() {
    assert_eq!(answered_after(None), 0);
    assert_eq!(answered_after(Some(Sentence::TickAtOnce)), 200);
}
