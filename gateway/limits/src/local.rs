//! Limits of this replica alone.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arc_swap::ArcSwap;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use onedoor_model::{audit::RateLimited, registry::RateLimit};

use crate::{Limited, subject::Subject};

/// After so many calls those who made none of late are forgotten.
const SWEPT_EVERY: u32 = 10_000;

/// One limiter for each kind of subject.
#[derive(Debug, Default)]
pub(crate) struct Local {
    users: Kind,
    clients: Kind,
    servers: Kind,
}

/// The users, or the client apps, or the servers.
#[derive(Debug)]
struct Kind {
    rate: ArcSwap<Rate>,
    since_swept: AtomicU32,
}

#[derive(Debug)]
struct Rate {
    limit: RateLimit,
    limiter: DefaultKeyedRateLimiter<Vec<u8>>,
}

impl Local {
    /// Counts a call for each subject in turn, until it is beyond a limit.
    pub(crate) fn check(&self, subjects: &[Subject]) -> Result<(), Limited> {
        subjects.iter().try_for_each(|subject| {
            let kind = match subject.by {
                RateLimited::PerUser => &self.users,
                RateLimited::PerClient => &self.clients,
                RateLimited::PerServer => &self.servers,
            };
            kind.check(subject)
        })
    }
}

impl Kind {
    fn check(&self, subject: &Subject) -> Result<(), Limited> {
        if self.rate.load().limit != subject.limit {
            // The setting changed: everybody begins anew, and once.
            self.rate.rcu(|rate| {
                if rate.limit == subject.limit {
                    Arc::clone(rate)
                } else {
                    Arc::new(Rate::new(subject.limit))
                }
            });
        }
        let rate = self.rate.load();
        if self.since_swept.fetch_add(1, Ordering::Relaxed) >= SWEPT_EVERY {
            self.since_swept.store(0, Ordering::Relaxed);
            rate.limiter.retain_recent();
        }
        rate.limiter.check_key(&subject.key).map_err(|until| Limited {
            by: subject.by,
            retry_after: until.wait_time_from(DefaultClock::default().now()),
        })
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            rate: ArcSwap::from_pointee(Rate::new(RateLimit {
                per_minute: 1,
                burst: 1,
            })),
            since_swept: AtomicU32::new(0),
        }
    }
}

impl Rate {
    fn new(limit: RateLimit) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(limit.per_minute)).allow_burst(at_least_one(limit.burst));
        Self {
            limit,
            limiter: RateLimiter::keyed(quota),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread, time::Duration};

    use super::*;

    fn subject(by: RateLimited, key: u32, burst: u32) -> Subject {
        Subject {
            by,
            limit: RateLimit { per_minute: 1, burst },
            key: key.to_be_bytes().to_vec(),
        }
    }

    #[test]
    fn each_is_limited_for_itself_until_the_limit_changes() {
        let local = Local::default();
        let user = |key, burst| local.check(&[subject(RateLimited::PerUser, key, burst)]);
        assert!(user(1, 2).is_ok() && user(1, 2).is_ok());
        let limited = user(1, 2).unwrap_err();
        assert_eq!(limited.by, RateLimited::PerUser);
        let wait = limited.retry_after;
        assert!(
            wait > Duration::from_secs(50) && wait <= Duration::from_secs(60),
            "{wait:?}"
        );
        assert!(user(2, 2).is_ok(), "another user");
        assert!(local.check(&[subject(RateLimited::PerClient, 1, 2)]).is_ok());
        assert!(user(1, 3).is_ok(), "another limit");
    }

    #[test]
    fn a_changed_limit_is_one_limit_for_all_who_call_at_once() {
        let (local, start) = (Local::default(), Barrier::new(4));
        for burst in [1, 2].repeat(500) {
            let call = || {
                start.wait();
                let calls = [(); 2].map(|()| local.check(&[subject(RateLimited::PerUser, 1, burst)]));
                calls.iter().filter(|call| call.is_ok()).count()
            };
            let passed: usize = thread::scope(|scope| {
                let callers = [(); 4].map(|()| scope.spawn(call));
                callers.into_iter().map(|caller| caller.join().unwrap()).sum()
            });
            assert_eq!(passed, burst as usize);
        }
    }

    #[test]
    fn what_a_caller_may_not_do_does_not_use_up_the_servers_limit() {
        let local = Local::default();
        let (user, server) = (
            subject(RateLimited::PerUser, 1, 1),
            subject(RateLimited::PerServer, 1, 2),
        );
        let both = [user, server.clone()];
        assert!(local.check(&both).is_ok());
        for _ in 0..5 {
            assert_eq!(local.check(&both).unwrap_err().by, RateLimited::PerUser);
        }
        assert!(local.check(std::slice::from_ref(&server)).is_ok());
        assert_eq!(local.check(&[server]).unwrap_err().by, RateLimited::PerServer);
    }

    #[test]
    fn who_called_long_ago_is_forgotten() {
        let local = Local::default();
        let quick = |key| Subject {
            limit: RateLimit {
                per_minute: 1_000_000,
                burst: 1,
            },
            ..subject(RateLimited::PerUser, key, 1)
        };
        for key in 0..=2 * SWEPT_EVERY {
            local.check(&[quick(key)]).unwrap();
        }
        assert!(local.users.rate.load().limiter.len() < 2 * SWEPT_EVERY as usize);
    }
}
