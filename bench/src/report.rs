//! Figures as text: every round, its paired difference, and over the rounds the median and the range.
//!
//! Quantiles of different rounds are never pooled nor averaged: each round's difference is one sample.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;

use crate::load::Outcome;

/// One round: straight, then through the door, at once after each other.
#[derive(Debug)]
pub struct Round {
    /// Load average before it. Above 0 something else was at work on the machine, or the round before.
    pub load: f64,
    /// Straight to the server.
    pub direct: Outcome,
    /// Through the door.
    pub door: Outcome,
    /// CPU time that the door's process took for its part, the projection of its calls included.
    pub cpu: Duration,
}

/// Median and range of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

/// Milliseconds below which half, 95 % and 99 % of calls stayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles([f64; 3]);

/// The rounds of one kind of load.
#[derive(Clone, Copy, Debug)]
pub struct Rounds<'a>(pub &'a [Round]);

impl Round {
    /// Microseconds of CPU that the door took for a call.
    #[must_use]
    pub fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.door.answered() + self.door.failed()).max(1) as f64
    }
}

impl Spread {
    /// Of at least one sample.
    #[must_use]
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let (low, high) = (*samples.first()?, *samples.last()?);
        let middle = samples.len() / 2;
        let median = match samples.len() % 2 {
            0 => f64::midpoint(samples[middle - 1], samples[middle]),
            _ => samples[middle],
        };
        Some(Self { median, low, high })
    }
}

impl Quantiles {
    /// The names of the three.
    pub const NAMES: [&str; 3] = ["P50", "P95", "P99"];

    /// Of microseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self([0.5, 0.95, 0.99].map(|quantile| histogram.value_at_quantile(quantile) as f64 / 1e3))
    }

    /// What is more here than in the other, each by itself.
    #[must_use]
    pub fn above(self, other: Self) -> Self {
        let [a, b, c] = self.0;
        let [d, e, f] = other.0;
        Self([a - d, b - e, c - f])
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { median, low, high } = self;
        write!(f, "{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99] = self.0;
        write!(f, "{p50:>7.2} {p95:>7.2} {p99:>7.2}")
    }
}

impl Rounds<'_> {
    /// Median and range over the rounds.
    fn spread(&self, of: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.0.iter().map(of)).unwrap_or(Spread {
            median: 0.0,
            low: 0.0,
            high: 0.0,
        })
    }

    fn added(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        of: fn(&Outcome) -> &Histogram<u64>,
    ) -> fmt::Result {
        for (index, name) in Quantiles::NAMES.into_iter().enumerate() {
            let added = |round: &Round| {
                Quantiles::of(of(&round.door))
                    .above(Quantiles::of(of(&round.direct)))
                    .0[index]
            };
            writeln!(f, "  {what} {name}, ms: {}", self.spread(added))?;
        }
        Ok(())
    }

    /// The medians, for loads of which only the rate is asked.
    pub fn write_rates(&self, connections: usize, f: &mut impl fmt::Write) -> fmt::Result {
        let failed: u64 = self
            .0
            .iter()
            .map(|round| round.direct.failed() + round.door.failed())
            .sum();
        writeln!(
            f,
            "  {connections:>3} connections: direct {:.0}; door {:.0} calls/s, P50 {:.2} ms, {:.0} us of CPU a call; {failed} errors",
            self.spread(|round| round.direct.rate),
            self.spread(|round| round.door.rate),
            self.spread(|round| Quantiles::of(&round.door.latency).0[0]),
            self.spread(Round::cpu_per_call),
        )
    }
}

impl fmt::Display for Rounds<'_> {
    /// A table of the rounds, and what they come to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  round load | direct P50     P95     P99 calls/s | door   P50     P95     P99 calls/s errors CPU us | added  P50     P95     P99"
        )?;
        for (number, round) in (1..).zip(self.0) {
            let (direct, door) = (
                Quantiles::of(&round.direct.latency),
                Quantiles::of(&round.door.latency),
            );
            writeln!(
                f,
                "  {number:>5} {:>4.1} |    {direct} {:>7.1} |    {door} {:>7.1} {:>6} {:>6.0} |    {}",
                round.load,
                round.direct.rate,
                round.door.rate,
                round.direct.failed() + round.door.failed(),
                round.cpu_per_call(),
                door.above(direct),
            )?;
        }
        self.added(f, "added", |outcome| &outcome.latency)?;
        self.added(f, "added to the first bytes,", |outcome| &outcome.first)?;
        writeln!(
            f,
            "  CPU of the door a call, us: {:.0}",
            self.spread(Round::cpu_per_call)
        )?;
        for (error, times) in self
            .0
            .iter()
            .flat_map(|round| round.direct.errors.iter().chain(&round.door.errors))
        {
            writeln!(f, "  {times} times: {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_median_and_range() {
        let spread = |samples: &[f64]| Spread::of(samples.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(
            spread(&[3.0]),
            Some(Spread {
                median: 3.0,
                low: 3.0,
                high: 3.0
            })
        );
        assert_eq!(
            spread(&[9.0, -1.0, 2.0]),
            Some(Spread {
                median: 2.0,
                low: -1.0,
                high: 9.0
            })
        );
        assert_eq!(
            spread(&[4.0, 1.0, 2.0, 8.0]),
            Some(Spread {
                median: 3.0,
                low: 1.0,
                high: 8.0
            })
        );
    }

    #[test]
    fn quantiles_differ_each_by_itself() {
        let histogram = |values: &[u64]| {
            let mut histogram = Histogram::new(3).unwrap();
            values.iter().for_each(|value| histogram.record(*value).unwrap());
            histogram
        };
        let direct = Quantiles::of(&histogram(&[100, 100, 100]));
        let door = Quantiles::of(&histogram(&[500, 1_100, 2_100]));
        let Quantiles(added) = door.above(direct);
        for (added, expected) in added.into_iter().zip([1.0, 2.0, 2.0]) {
            assert!((added - expected).abs() < 0.01, "{added} {expected}");
        }
    }
}
