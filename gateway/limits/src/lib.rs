//! Rate limits per user, per client app and per server.
//!
//! Replicas that share a Redis share each limit: together they let as many calls through as it says. While Redis is away, and where there
//! is none, each replica holds to the whole limit by itself, so that n of them let at most n times as many through. What was counted is
//! no record: it may be lost at any time, and then counting begins anew.

mod local;
mod shared;
mod subject;

use std::time::Duration;

use onedoor_model::{audit::RateLimited, ids::ServerId, principal::Principal, registry::RateLimits};
use onedoor_redis::Redis;

use self::{local::Local, shared::Shared, subject::subjects};

/// Counts calls, and says which are too many.
#[derive(Debug)]
pub struct Limits {
    shared: Option<Shared>,
    local: Local,
}

/// A call too many. Nobody's fault; a repeat may succeed after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls")]
pub struct Limited {
    /// The limit that it was beyond.
    pub by: RateLimited,
    /// When such a call is within it again, if nobody makes another before.
    pub retry_after: Duration,
}

impl Limits {
    /// Limits that replicas share through `redis`, where there is one.
    #[must_use]
    pub fn new(redis: Option<Redis>) -> Self {
        Self {
            shared: redis.map(Shared::new),
            local: Local::default(),
        }
    }

    /// Counts a call of this caller to this server, unless it is beyond one of the limits. Where nothing is limited it takes no I/O.
    ///
    /// # Errors
    /// [`Limited`]: it must not be made.
    pub async fn check(
        &self,
        principal: &Principal,
        server: ServerId,
        limits: &RateLimits,
    ) -> Result<(), Limited> {
        let subjects = subjects(principal, server, limits);
        if subjects.is_empty() {
            return Ok(());
        }
        if let Some(shared) = &self.shared
            && let Ok(checked) = shared.check(&subjects).await
        {
            return checked;
        }
        self.local.check(&subjects)
    }
}
