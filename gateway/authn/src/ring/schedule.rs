//! When keys are fetched. Pure.

use std::time::Duration;

use onedoor_connect::Instant;

/// When an issuer's keys are fetched, and how long they are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// From this age on, keys are renewed in the background while they are used. A key that its issuer withdraws may
    /// be accepted for that long.
    pub renew_after: Duration,
    /// From this age on, because no renewal succeeded, keys are not used any more: the issuer's tokens are then refused
    /// as unavailable. Until then an issuer's outage is not ours.
    pub unusable_after: Duration,
    /// Younger keys are taken as current: a token that names an unknown key does not make them be fetched again. So
    /// that is the most often that a flood of such tokens, which anybody can make, has keys fetched.
    pub current_for: Duration,
    /// What one fetch may take.
    pub timeout: Duration,
    /// The pause after a failure, doubled with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

/// How fetching went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    fetched: Option<Instant>,
    failed: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
}

/// What to do for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The keys are good.
    Use,
    /// The keys are good, but growing old.
    UseAndRenew,
    /// There are no keys that may be used.
    Renew,
    /// Nor may they be fetched now.
    Refuse,
}

impl Default for KeyTimes {
    fn default() -> Self {
        Self {
            renew_after: Duration::from_secs(3_600),
            unusable_after: Duration::from_secs(24 * 3_600),
            current_for: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

impl History {
    pub(super) fn succeeded(self, now: Instant) -> Self {
        Self {
            fetched: Some(now),
            failed: None,
            failures: 0,
        }
    }

    pub(super) fn failed(self, now: Instant) -> Self {
        Self {
            failed: Some(now),
            failures: self.failures.saturating_add(1),
            ..self
        }
    }

    pub(super) fn plan(&self, now: Instant, times: &KeyTimes) -> Plan {
        let is_old = !self.is_younger_than(times.renew_after, now);
        match (self.is_usable(now, times), self.may_fetch(now, times)) {
            (true, true) if is_old => Plan::UseAndRenew,
            (true, _) => Plan::Use,
            (false, true) => Plan::Renew,
            (false, false) => Plan::Refuse,
        }
    }

    pub(super) fn is_usable(&self, now: Instant, times: &KeyTimes) -> bool {
        self.is_younger_than(times.unusable_after, now)
    }

    /// Whether a key that is not known may be known after another fetch.
    pub(super) fn may_have_changed(&self, now: Instant, times: &KeyTimes) -> bool {
        !self.is_younger_than(times.current_for, now) && self.may_fetch(now, times)
    }

    fn is_younger_than(&self, age: Duration, now: Instant) -> bool {
        self.fetched
            .is_some_and(|fetched| now.saturating_duration_since(fetched) < age)
    }

    fn may_fetch(&self, now: Instant, times: &KeyTimes) -> bool {
        self.failed
            .is_none_or(|failed| now.saturating_duration_since(failed) >= self.pause(times))
    }

    fn pause(&self, times: &KeyTimes) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        times
            .first_pause
            .saturating_mul(1 << doublings)
            .min(times.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn times() -> KeyTimes {
        KeyTimes {
            renew_after: 100 * SECOND,
            unusable_after: 1_000 * SECOND,
            current_for: 10 * SECOND,
            timeout: SECOND,
            first_pause: 2 * SECOND,
            longest_pause: 12 * SECOND,
        }
    }

    #[test]
    fn without_keys_they_are_fetched_at_once() {
        assert_eq!(History::default().plan(Instant::now(), &times()), Plan::Renew);
    }

    #[test]
    fn keys_are_used_then_renewed_while_used_then_not_used() {
        let start = Instant::now();
        let history = History::default().succeeded(start);
        for (age, plan, may_have_changed) in [
            (0, Plan::Use, false),
            (9, Plan::Use, false),
            (10, Plan::Use, true),
            (99, Plan::Use, true),
            (100, Plan::UseAndRenew, true),
            (999, Plan::UseAndRenew, true),
            (1_000, Plan::Renew, true),
        ] {
            let now = start + age * SECOND;
            assert_eq!(history.plan(now, &times()), plan, "{age}");
            assert_eq!(history.may_have_changed(now, &times()), may_have_changed, "{age}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_a_success() {
        let start = Instant::now();
        let mut history = History::default();
        for pause in [2, 4, 8, 12, 12] {
            history = history.failed(start);
            assert_eq!(history.plan(start + (pause - 1) * SECOND, &times()), Plan::Refuse);
            assert_eq!(history.plan(start + pause * SECOND, &times()), Plan::Renew);
        }
        for _ in 0..100 {
            history = history.failed(start);
        }
        assert_eq!(history.pause(&times()), 12 * SECOND);
        assert_eq!(history.succeeded(start).plan(start, &times()), Plan::Use);
    }

    #[test]
    fn a_failure_leaves_old_keys_in_use_and_pauses_all_fetching() {
        let start = Instant::now();
        let history = History::default().succeeded(start);
        let history = history.failed(start + 150 * SECOND);
        assert_eq!(history.plan(start + 151 * SECOND, &times()), Plan::Use);
        assert!(!history.may_have_changed(start + 151 * SECOND, &times()));
        assert_eq!(history.plan(start + 152 * SECOND, &times()), Plan::UseAndRenew);
        assert_eq!(
            history
                .failed(start + 999 * SECOND)
                .plan(start + 1_000 * SECOND, &times()),
            Plan::Refuse
        );
    }
}
