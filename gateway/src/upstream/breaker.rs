//! The circuit breaker of one upstream: when it failed too often in a row it is left alone for a while, then tried with one call. Pure:
//! the time comes in.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use onedoor_model::registry::Breaker as Rules;

/// How long an upstream is left alone at most, however often it failed; longer only where the settings begin with longer.
const LONGEST: Duration = Duration::from_secs(30);

/// When to ask again while the one call that tries the upstream has no result yet.
const WHILE_TRYING: Duration = Duration::from_secs(1);

/// What is known of an upstream's failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// Calls go through.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// Calls are refused.
    Open {
        /// Until when.
        until: Instant,
        /// How often it was opened since it was last closed.
        times: u32,
    },
    /// One call tries the upstream, others are refused.
    HalfOpen {
        /// As for [`Breaker::Open`].
        times: u32,
    },
}

/// What a call that was let through is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// One of many.
    Ordinary,
    /// The one that tries the upstream.
    Trial,
}

/// What a call showed of its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers.
    Works,
    /// It cannot be reached, does not answer in time, or answers with nonsense.
    Fails,
    /// The call ended for another reason.
    Unknown,
}

impl Breaker {
    /// Lets a call through, or says when to ask again.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        match *self {
            Self::Closed { .. } => Ok(Pass::Ordinary),
            Self::Open { until, .. } if now < until => Err(until - now),
            Self::Open { times, .. } => {
                *self = Self::HalfOpen { times };
                Ok(Pass::Trial)
            }
            Self::HalfOpen { .. } => Err(WHILE_TRYING),
        }
    }

    /// Takes what a call showed. While the breaker is not closed only the trial counts: others were sent before it opened.
    pub(super) fn learn(&mut self, pass: Pass, verdict: Verdict, rules: &Rules, now: Instant) {
        *self = match (*self, pass, verdict) {
            (Self::Closed { .. }, _, Verdict::Works) => Self::default(),
            (Self::Closed { failures }, _, Verdict::Fails) if failures + 1 >= rules.failures => {
                opened(now, 0, rules)
            }
            (Self::Closed { failures }, _, Verdict::Fails) => Self::Closed {
                failures: failures + 1,
            },
            (Self::HalfOpen { .. }, Pass::Trial, Verdict::Works) => Self::default(),
            (Self::HalfOpen { times }, Pass::Trial, Verdict::Fails) => opened(now, times, rules),
            // The next call is the trial.
            (Self::HalfOpen { times }, Pass::Trial, Verdict::Unknown) => Self::Open { until: now, times },
            (Self::Closed { .. }, _, Verdict::Unknown)
            | (Self::HalfOpen { .. }, Pass::Ordinary, _)
            | (Self::Open { .. }, _, _) => *self,
        };
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_calm(self) -> bool {
        self == Self::default()
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Open for twice as long each time.
fn opened(now: Instant, times_before: u32, rules: &Rules) -> Breaker {
    let first = Duration::from_millis(rules.open_ms);
    let pause = first.saturating_mul(2_u32.saturating_pow(times_before));
    Breaker::Open {
        until: now + pause.min(LONGEST.max(first)),
        times: times_before.saturating_add(1),
    }
}
