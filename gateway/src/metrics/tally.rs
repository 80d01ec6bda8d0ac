//! Counters for a few known things, without a lock.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// One counter for each of the things there are.
pub(super) struct Tally<K: 'static> {
    keys: &'static [K],
    counts: Box<[AtomicU64]>,
}

impl<K: PartialEq> Tally<K> {
    /// A tally of `keys`; put the common ones first.
    pub(super) fn new(keys: &'static [K]) -> Self {
        Self {
            keys,
            counts: keys.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one more. What is not among the keys is not counted.
    pub(super) fn add(&self, key: &K) {
        let place = self.keys.iter().position(|known| known == key);
        if let Some(count) = place.and_then(|place| self.counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted, zeros too: a series that begins at zero shows its first increase.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static K, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        self.keys.iter().zip(counts)
    }
}

impl<K: fmt::Debug + PartialEq> fmt::Debug for Tally<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}
