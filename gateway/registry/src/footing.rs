//! Telling when a snapshot is enforced: when nothing goes on any more that was decided on an earlier one.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What something that goes on, such as an open stream, stands on: this snapshot or a later one. Whoever decides anew takes
/// the present footing first, and lets the old one go when the decision is carried out.
#[derive(Clone, Debug)]
pub struct Footing(#[expect(dead_code, reason = "it is held, and counts as long")] Arc<Generation>);

/// All that stands on one snapshot.
#[derive(Debug)]
struct Generation {
    edition: u64,
    ended: Arc<Notify>,
}

/// The generations that something may still stand on.
#[derive(Debug)]
pub(crate) struct Generations {
    current: ArcSwap<Generation>,
    /// Earlier ones, oldest first.
    earlier: Mutex<VecDeque<(u64, Weak<Generation>)>>,
    /// Told when a generation ends.
    ended: Arc<Notify>,
}

impl Default for Generations {
    fn default() -> Self {
        let ended = Arc::<Notify>::default();
        Self {
            current: ArcSwap::from_pointee(Generation {
                edition: 0,
                ended: Arc::clone(&ended),
            }),
            earlier: Mutex::default(),
            ended,
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.ended.notify_one();
    }
}

impl Generations {
    /// The present footing. Takes no lock.
    pub(crate) fn footing(&self) -> Footing {
        Footing(self.current.load_full())
    }

    /// Another snapshot is published: from now on there is no footing on earlier ones. Its number.
    pub(crate) fn advance(&self) -> u64 {
        let mut earlier = self.earlier.lock();
        let edition = self.current.load().edition + 1;
        let last = self.current.swap(Arc::new(Generation {
            edition,
            ended: Arc::clone(&self.ended),
        }));
        earlier.push_back((last.edition, Arc::downgrade(&last)));
        drop(last);
        forget_ended(&mut earlier);
        edition
    }

    /// The snapshot that everything stands on, or a later one: its number.
    pub(crate) fn enforced(&self) -> u64 {
        let mut earlier = self.earlier.lock();
        forget_ended(&mut earlier);
        match earlier.front() {
            Some((edition, _)) => *edition,
            None => self.current.load().edition,
        }
    }

    /// Completes once a generation has ended since this was last awaited. For one task; cancel-safe.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }
}

fn forget_ended(earlier: &mut VecDeque<(u64, Weak<Generation>)>) {
    while earlier
        .front()
        .is_some_and(|(_, generation)| generation.strong_count() == 0)
    {
        earlier.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_enforced_when_nothing_stands_on_an_earlier_one() {
        let generations = Generations::default();
        assert_eq!(generations.enforced(), 0);
        let (first, again) = (generations.footing(), generations.footing());
        assert_eq!(generations.advance(), 1);
        let second = generations.footing();
        assert_eq!(generations.advance(), 2);
        assert_eq!(generations.enforced(), 0);
        drop(first);
        assert_eq!(generations.enforced(), 0, "one of two still stands on it");
        drop(again);
        assert_eq!(generations.enforced(), 1);
        let third = generations.footing();
        drop(second);
        assert_eq!(generations.enforced(), 2);
        drop(third);
        assert_eq!(generations.enforced(), 2);
    }

    #[test]
    fn those_that_end_out_of_order_wait_for_the_oldest() {
        let generations = Generations::default();
        let first = generations.footing();
        generations.advance();
        drop(generations.footing());
        generations.advance();
        assert_eq!(generations.enforced(), 0);
        drop(first);
        assert_eq!(generations.enforced(), 2);
    }

    #[tokio::test]
    async fn the_end_of_a_generation_is_told() {
        let generations = Generations::default();
        let first = generations.footing();
        generations.advance();
        tokio::select! {
            biased;
            () = generations.ended() => panic!("something stands on it"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        generations.ended().await;
    }
}
