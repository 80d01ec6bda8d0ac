//! This host's clock, as the rule sees it.

use std::time::Duration;

/// An instant of one host's `CLOCK_BOOTTIME`, which goes on while the host is suspended (`std::time::Instant` does not). Instants of
/// different hosts, or of different boots of a host, are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant {
    nanos: u64,
}

impl BootInstant {
    /// So many nanoseconds after the host's boot.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the host's boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// How long after `earlier` it is; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            nanos: self.nanos.saturating_add(nanos),
        }
    }
}
