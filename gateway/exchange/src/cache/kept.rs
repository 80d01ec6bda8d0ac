//! How long a kept token is good for, and when it is renewed. Pure.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::TokenB;

/// A token is not given out with less left to live, so that it does not end on its way to the tool.
const LEAST_LEFT: SignedDuration = SignedDuration::from_secs(5);

/// A token with less left to live is renewed; a shorter-lived one in the second half of its life.
const RENEWED_WITH: SignedDuration = SignedDuration::from_secs(60);

/// From one try to renew a token to the next.
const BETWEEN_TRIES: SignedDuration = SignedDuration::from_secs(5);

/// What an exchange brought.
pub(crate) struct Obtained {
    pub(crate) token: TokenB,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// When it ends.
    pub(crate) expires: Timestamp,
    /// When the token it was exchanged for ends.
    pub(crate) token_a_expires: Timestamp,
}

/// What is wanted of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// That it may be used.
    Good,
    /// That it replaces one which is about to end.
    Newer,
}

/// A token on its shelf.
pub(super) struct Kept {
    obtained: Obtained,
    /// How long it is kept.
    lifetime: Duration,
    /// No renewal is tried before, in seconds since the epoch.
    next_try: AtomicI64,
}

impl Obtained {
    /// How long it may be used from now on: never longer than Token A.
    pub(crate) fn usable(&self, now: Timestamp) -> Duration {
        let left = self.expires.min(self.token_a_expires).duration_since(now);
        Duration::try_from(left).unwrap_or_default()
    }

    pub(crate) fn meets(&self, need: Need, now: Timestamp) -> bool {
        self.is_good(now)
            && match need {
                Need::Good => true,
                Need::Newer => !self.is_ending(now),
            }
    }

    fn is_good(&self, now: Timestamp) -> bool {
        self.token_a_expires > now && self.left(now) >= LEAST_LEFT
    }

    /// Whether less than a fifth of its life is left, or less than a minute. One that outlives Token A gains nothing by a renewal.
    fn is_ending(&self, now: Timestamp) -> bool {
        let life = self.expires.duration_since(self.at);
        let ahead = (life / 5).max(RENEWED_WITH.min(life / 2));
        self.expires < self.token_a_expires && self.left(now) < ahead
    }

    fn left(&self, now: Timestamp) -> SignedDuration {
        self.expires.duration_since(now)
    }
}

impl Kept {
    pub(super) fn new(obtained: Obtained, now: Timestamp) -> Self {
        Self {
            lifetime: obtained.usable(now),
            obtained,
            next_try: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn token(&self) -> TokenB {
        self.obtained.token.clone()
    }

    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.obtained.token.weight()).unwrap_or(u32::MAX)
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.obtained.is_good(now)
    }

    /// Whether now is the time to renew it. Says so to one caller in a while.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.obtained.is_ending(now) && self.is_first_to_try(now)
    }

    fn is_first_to_try(&self, now: Timestamp) -> bool {
        let (now, next) = (now.as_second(), self.next_try.load(Ordering::Relaxed));
        let after = now.saturating_add(BETWEEN_TRIES.as_secs());
        now >= next
            && self
                .next_try
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(expires: i64, token_a_expires: i64) -> Kept {
        kept_at(0, expires, token_a_expires)
    }

    /// A token obtained at 0, and kept since then.
    fn kept_at(now: i64, expires: i64, token_a_expires: i64) -> Kept {
        let at = |second| Timestamp::from_second(second).unwrap();
        let obtained = Obtained {
            token: TokenB::bearer("b").unwrap(),
            at: at(0),
            expires: at(expires),
            token_a_expires: at(token_a_expires),
        };
        Kept::new(obtained, at(now))
    }

    #[test]
    fn a_token_is_good_until_it_or_token_a_ends() {
        for (expires, token_a_expires, last) in [(600, 9_000, 595), (600, 600, 595), (600, 300, 299)] {
            let kept = kept(expires, token_a_expires);
            let good = |second| kept.is_good(Timestamp::from_second(second).unwrap());
            assert!(good(0) && good(last), "{expires} {token_a_expires}");
            assert!(!good(last + 1), "{expires} {token_a_expires}");
            let end = expires.min(token_a_expires);
            for now in [0, 100, end, end + 1] {
                let lifetime = kept_at(now, expires, token_a_expires).lifetime();
                assert_eq!(
                    lifetime.as_secs(),
                    (end - now).max(0) as u64,
                    "never longer than it is good"
                );
            }
        }
    }

    #[test]
    fn a_token_is_renewed_with_a_fifth_of_its_life_or_a_minute_left() {
        for (life, first) in [(3_600, 2_881), (600, 481), (120, 61), (100, 51), (10, 6)] {
            let due =
                |second| kept(life, i64::from(u32::MAX)).is_due(Timestamp::from_second(second).unwrap());
            assert!(!due(0) && !due(first - 1), "{life}");
            assert!(due(first) && due(life - 1), "{life}");
        }
        let outliving = kept(600, 600);
        assert!(
            !outliving.is_due(Timestamp::from_second(595).unwrap()),
            "it would end with Token A all the same"
        );
    }

    #[test]
    fn one_caller_in_a_while_renews_it() {
        let kept = kept(600, 9_000);
        let due = |second| kept.is_due(Timestamp::from_second(second).unwrap());
        assert_eq!(
            [500, 500, 504, 505, 505].map(due),
            [true, false, false, true, false]
        );
    }
}
