//! How long to wait before connecting anew. Pure.

use std::time::Duration;

const LEAST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(2);

/// A connection that lived so long was a good one.
const STEADY: Duration = Duration::from_secs(10);

/// Doubles with every try, up to a limit. A connection that works at first and then hangs is no reason to begin anew, as each of its
/// like costs the calls of the moment a time-out.
#[derive(Debug)]
pub(crate) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(LEAST)
    }
}

impl Pause {
    /// After no connection came about.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(MOST);
        pause
    }

    /// After the end of a connection that lived so long.
    pub(crate) fn after_loss(&mut self, lived: Duration) -> Duration {
        if lived < STEADY {
            return self.after_failure();
        }
        *self = Self::default();
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_a_connection_lived_long() {
        let mut pause = Pause::default();
        let short = Duration::from_secs(1);
        let millis: Vec<_> = (0..3)
            .flat_map(|_| [pause.after_failure(), pause.after_loss(short)])
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(millis, [100, 200, 400, 800, 1_600, 2_000]);
        assert_eq!(pause.after_loss(STEADY), Duration::ZERO);
        assert_eq!(pause.after_failure(), LEAST);
    }
}
