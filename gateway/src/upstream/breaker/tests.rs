use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    failures: 3,
    open_ms: 1_000,
};

fn learn(breaker: &mut Breaker, pass: Pass, verdict: Verdict, now: Instant) {
    breaker.learn(pass, verdict, &RULES, now);
}

/// A breaker that has just opened, and when.
fn open() -> (Breaker, Instant) {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..RULES.failures {
        assert_eq!(breaker.admit(now), Ok(Pass::Ordinary));
        learn(&mut breaker, Pass::Ordinary, Verdict::Fails, now);
    }
    (breaker, now)
}

#[test]
fn failures_in_a_row_open_it() {
    let (mut breaker, now) = open();
    assert_eq!(breaker.admit(now), Err(Duration::from_secs(1)));
    let later = now + Duration::from_millis(400);
    assert_eq!(breaker.admit(later), Err(Duration::from_millis(600)));
}

#[test]
fn a_success_between_failures_keeps_it_closed() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        learn(&mut breaker, Pass::Ordinary, Verdict::Fails, now);
        learn(&mut breaker, Pass::Ordinary, Verdict::Fails, now);
        learn(&mut breaker, Pass::Ordinary, Verdict::Works, now);
    }
    assert!(breaker.is_calm());
}

#[test]
fn calls_that_say_nothing_of_the_upstream_change_nothing() {
    let now = Instant::now();
    let mut breaker = Breaker::Closed { failures: 2 };
    learn(&mut breaker, Pass::Ordinary, Verdict::Unknown, now);
    assert_eq!(breaker, Breaker::Closed { failures: 2 });
}

#[test]
fn one_call_tries_it_while_others_are_refused() {
    let (mut breaker, opened) = open();
    let later = opened + Duration::from_secs(1);
    assert_eq!(breaker.admit(later), Ok(Pass::Trial));
    assert_eq!(breaker.admit(later), Err(WHILE_TRYING));
    learn(&mut breaker, Pass::Ordinary, Verdict::Works, later);
    assert_eq!(
        breaker.admit(later),
        Err(WHILE_TRYING),
        "sent before it opened: shows nothing"
    );
    learn(&mut breaker, Pass::Trial, Verdict::Works, later);
    assert!(breaker.is_calm());
}

#[test]
fn a_trial_without_a_result_leaves_it_to_the_next_call() {
    let (mut breaker, opened) = open();
    let later = opened + Duration::from_secs(1);
    assert_eq!(breaker.admit(later), Ok(Pass::Trial));
    learn(&mut breaker, Pass::Trial, Verdict::Unknown, later);
    assert_eq!(breaker.admit(later), Ok(Pass::Trial));
}

#[test]
fn it_stays_open_for_longer_each_time_up_to_a_limit() {
    let (mut breaker, mut now) = open();
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(breaker.admit(now), Err(Duration::from_secs(seconds)));
        now += Duration::from_secs(seconds);
        assert_eq!(breaker.admit(now), Ok(Pass::Trial));
        learn(&mut breaker, Pass::Trial, Verdict::Fails, now);
    }
    now += Duration::from_secs(30);
    assert_eq!(breaker.admit(now), Ok(Pass::Trial));
    learn(&mut breaker, Pass::Trial, Verdict::Works, now);
    for _ in 0..RULES.failures {
        learn(&mut breaker, Pass::Ordinary, Verdict::Fails, now);
    }
    assert_eq!(breaker.admit(now), Err(Duration::from_secs(1)), "begins anew");
}

#[test]
fn settings_may_begin_with_a_longer_pause_than_the_limit() {
    let now = Instant::now();
    let rules = Rules {
        failures: 1,
        open_ms: 60_000,
    };
    let mut breaker = Breaker::default();
    breaker.learn(Pass::Ordinary, Verdict::Fails, &rules, now);
    assert_eq!(breaker.admit(now), Err(Duration::from_secs(60)));
}

/// The same, told by the whole story of a call at a time: who was let through when, and what it showed.
#[derive(Default)]
struct Reference {
    row: u32,
    closed_at_ms: Option<u64>,
    pause_ms: u64,
    trying: bool,
}

impl Reference {
    fn admit(&mut self, now_ms: u64) -> Option<Pass> {
        match self.closed_at_ms {
            None => Some(Pass::Ordinary),
            Some(at) if !self.trying && now_ms >= at + self.pause_ms => {
                self.trying = true;
                Some(Pass::Trial)
            }
            Some(_) => None,
        }
    }

    fn learn(&mut self, pass: Pass, verdict: Verdict, now_ms: u64) {
        let counts = self.closed_at_ms.is_none() || (self.trying && pass == Pass::Trial);
        match verdict {
            _ if !counts => return,
            Verdict::Works => *self = Self::default(),
            Verdict::Unknown if self.trying => (self.closed_at_ms, self.pause_ms) = (Some(now_ms), 0),
            Verdict::Unknown => {}
            Verdict::Fails => {
                self.row += 1;
                if self.row >= RULES.failures {
                    let again = self.row - RULES.failures;
                    self.pause_ms = (1_000 << again.min(10)).min(30_000);
                    self.closed_at_ms = Some(now_ms);
                }
            }
        }
        self.trying = false;
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Admit,
    Learn(usize, Verdict),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Fails),
        1 => Just(Verdict::Works),
        1 => Just(Verdict::Unknown),
    ];
    let step = prop_oneof![
        2 => (0..2_500_u64).prop_map(Step::Wait),
        4 => Just(Step::Admit),
        4 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::Learn(which, verdict)),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn it_does_as_the_reference_does(steps in steps()) {
        let start = Instant::now();
        let (mut breaker, mut reference) = (Breaker::default(), Reference::default());
        let (mut elapsed, mut under_way) = (0, Vec::new());
        for step in steps {
            let now = start + Duration::from_millis(elapsed);
            match step {
                Step::Wait(ms) => elapsed += ms,
                Step::Admit => {
                    let admitted = breaker.admit(now);
                    prop_assert_eq!(admitted.ok(), reference.admit(elapsed));
                    under_way.extend(admitted);
                }
                Step::Learn(..) if under_way.is_empty() => {}
                Step::Learn(which, verdict) => {
                    let pass = under_way.swap_remove(which % under_way.len());
                    breaker.learn(pass, verdict, &RULES, now);
                    reference.learn(pass, verdict, elapsed);
                }
            }
        }
        let trials = under_way.iter().filter(|pass| **pass == Pass::Trial).count();
        prop_assert!(trials <= 1, "one at a time");
    }
}
