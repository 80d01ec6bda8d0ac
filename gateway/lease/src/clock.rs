//! This host's clock.

use onedoor_model::lease::BootInstant;
use rustix::time::{ClockId, clock_gettime};

/// The clock that goes on while the host is suspended.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;

/// The clock that goes on while the host is suspended.
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Now, by the clock that leases are counted by.
#[must_use]
pub fn now() -> BootInstant {
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    BootInstant::from_nanos(seconds * 1_000_000_000 + nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on() {
        let before = now();
        assert!(before.as_nanos() > 0);
        assert!(now() >= before);
    }
}
