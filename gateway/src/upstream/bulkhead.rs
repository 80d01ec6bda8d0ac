//! The bulkhead of one upstream: so many calls at once and no more, so that a slow one cannot take the others' room. Nobody queues.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many calls are under way.
#[derive(Debug, Default)]
pub(super) struct Bulkhead(AtomicU32);

impl Bulkhead {
    /// Counts a call in, unless there are `limit` already. A limit that was lowered holds from the next call on.
    pub(super) fn enter(&self, limit: u32) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |inside| {
                (inside < limit).then_some(inside + 1)
            })
            .is_ok()
    }

    /// Counts a call out that was counted in.
    pub(super) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// Calls under way.
    pub(super) fn inside(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_and_no_more() {
        let bulkhead = Bulkhead::default();
        assert!(bulkhead.enter(2));
        assert!(bulkhead.enter(2));
        assert!(!bulkhead.enter(2));
        assert!(bulkhead.enter(3), "the limit was raised");
        assert_eq!(bulkhead.inside(), 3);
        bulkhead.leave();
        assert!(!bulkhead.enter(2), "the limit was lowered");
        bulkhead.leave();
        assert!(bulkhead.enter(2));
    }
}
