//! Limits that replicas share, in Redis.
//!
//! The generic cell rate algorithm as `governor` has it, in a script that Redis runs as one step: a call is counted for all of its
//! subjects or for none, by Redis' own clock, at the cost of one question.

use std::{sync::LazyLock, time::Duration};

use onedoor_redis::{Away, Kind, Name, Redis, Script};

use crate::{Limited, subject::Subject};

/// Under each name stands when, in microseconds, all that was let through will have been paid for: one interval a call.
/// A call is let through while that is no more than a burst's worth of intervals ahead.
///
/// `ARGV` has two numbers a name, in microseconds: the interval, and a burst's worth of it. The answer is the number of the name whose
/// limit lasts longest, and for how long; two zeros let the call through. What else stands there counts as nothing.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local paid, limited, longest = {}, 0, 0
for i, name in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local last = tonumber(redis.pcall('GET', name) or '')
  if not last or not (now <= last and last <= now + burst) then last = now end
  paid[i] = last + interval
  local wait = paid[i] - now - burst
  if wait > longest then limited, longest = i, wait end
end
if limited == 0 then
  for i, name in ipairs(KEYS) do
    redis.call('SET', name, string.format('%.0f', paid[i]), 'PX', math.ceil((paid[i] - now) / 1000))
  end
end
return {limited, longest}
",
    )
});

#[derive(Debug)]
pub(crate) struct Shared(Redis);

impl Shared {
    pub(crate) fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Counts a call for all of these, unless it is beyond a limit of one.
    pub(crate) async fn check(&self, subjects: &[Subject]) -> Result<Result<(), Limited>, Away> {
        let names: Vec<_> = subjects.iter().map(|subject| self.name(subject)).collect();
        let arguments: Vec<_> = subjects.iter().flat_map(micros).collect();
        let (number, wait): (usize, u64) = self.0.run(&SCRIPT, &names, &arguments).await?;
        let Some(index) = number.checked_sub(1) else {
            return Ok(Ok(()));
        };
        // A Redis that answers something else is as good as none.
        let limited = subjects.get(index).ok_or(Away)?;
        Ok(Err(Limited {
            by: limited.by,
            retry_after: Duration::from_micros(wait),
        }))
    }

    /// Another limit has another name: where the setting changed, everybody begins anew.
    fn name(&self, subject: &Subject) -> Name {
        let Subject { by, limit, key } = subject;
        let of = format!("{by:?} {} {} ", limit.per_minute, limit.burst);
        self.0.ring().name(Kind::Rate, &[of.as_bytes(), key].concat())
    }
}

/// The interval between calls in the long run, and a burst's worth of it.
fn micros(subject: &Subject) -> [u64; 2] {
    let interval = 60_000_000 / u64::from(subject.limit.per_minute.max(1));
    [interval, interval * u64::from(subject.limit.burst.max(1))]
}
