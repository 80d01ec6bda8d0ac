//! What probes say of an upstream. Pure.

use jiff::Timestamp;

/// How an upstream answered its last probes. It closes no circuit: a probe may be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It has no health path, or was not asked yet.
    #[default]
    Unknown,
    /// It answers.
    Up {
        /// Since when.
        since: Timestamp,
    },
    /// It does not answer as it must.
    Down {
        /// Since when.
        since: Timestamp,
    },
}

impl Health {
    /// After one more probe; the same where it showed what is known.
    pub(super) fn after(self, answered: bool, now: Timestamp) -> Self {
        match (self, answered) {
            (Self::Up { .. }, true) | (Self::Down { .. }, false) => self,
            (Self::Unknown | Self::Down { .. }, true) => Self::Up { since: now },
            (Self::Unknown | Self::Up { .. }, false) => Self::Down { since: now },
        }
    }

    /// Whether clients are to be told that it does not answer.
    pub(crate) fn is_down(self) -> bool {
        match self {
            Self::Down { .. } => true,
            Self::Unknown | Self::Up { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_since_its_first_probe() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut health = Health::default();
        for (answered, now, then) in [
            (true, 1, Health::Up { since: at(1) }),
            (true, 2, Health::Up { since: at(1) }),
            (false, 3, Health::Down { since: at(3) }),
            (false, 4, Health::Down { since: at(3) }),
            (true, 5, Health::Up { since: at(5) }),
        ] {
            health = health.after(answered, at(now));
            assert_eq!(health, then);
        }
        let unknown = Health::Unknown.after(false, at(1));
        assert_eq!(unknown, Health::Down { since: at(1) });
        assert!(unknown.is_down() && !Health::Unknown.is_down() && !health.is_down());
    }
}
