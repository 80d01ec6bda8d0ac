//! How many connections there may be.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, futures::Notified};

/// Counts the connections of a pool, and tells those who wait for one when it is worth looking again.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    /// One is being opened that may come to serve all who wait.
    is_opening: bool,
}

/// Leave for one connection, from before it is opened until it is gone.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

/// Leave to be the only one who opens a connection, until it is there or given up.
#[derive(Debug)]
pub(super) struct Turn {
    slots: Arc<Slots>,
    opened: bool,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            taken: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Leave to open a connection, whoever else does.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        self.slot(&mut self.taken.lock())
    }

    /// Leave to open a connection while nobody else does.
    pub(super) fn take_alone(self: &Arc<Self>) -> Option<(Slot, Turn)> {
        let mut taken = self.taken.lock();
        if taken.is_opening {
            return None;
        }
        let slot = self.slot(&mut taken)?;
        taken.is_opening = true;
        let turn = Turn {
            slots: Arc::clone(self),
            opened: false,
        };
        Some((slot, turn))
    }

    fn slot(self: &Arc<Self>, taken: &mut Taken) -> Option<Slot> {
        if taken.connections >= self.limit {
            return None;
        }
        taken.connections += 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Resolves once it is worth looking again.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Something that one of those who wait can use has been given back.
    pub(super) fn tell_one(&self) {
        self.freed.notify_one();
    }
}

impl Slot {
    /// Something that one of those who wait can use has been given back.
    pub(crate) fn tell_one(&self) {
        self.0.tell_one();
    }
}

impl Turn {
    /// The connection is there, and is found by those who look.
    pub(super) fn opened(mut self) {
        self.opened = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.lock().connections -= 1;
        self.0.tell_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.slots.taken.lock().is_opening = false;
        if self.opened {
            self.slots.freed.notify_waiters();
        } else {
            self.slots.tell_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_the_limit() {
        let slots = Arc::new(Slots::new(2));
        let (first, second) = (slots.take().unwrap(), slots.take_alone().unwrap());
        assert!(slots.take().is_none());
        drop(first);
        let third = slots.take().unwrap();
        assert!(slots.take().is_none());
        drop((second, third));
        assert_eq!(slots.taken.lock().connections, 0);
    }

    #[test]
    fn one_is_opened_alone_until_it_is_there_or_given_up() {
        let slots = Arc::new(Slots::new(9));
        let (first, turn) = slots.take_alone().unwrap();
        assert!(slots.take_alone().is_none());
        assert!(slots.take().is_some());
        turn.opened();
        let (_, given_up) = slots.take_alone().unwrap();
        drop(first);
        assert!(
            slots.take_alone().is_none(),
            "another connection's end says nothing of this one"
        );
        drop(given_up);
        assert!(slots.take_alone().is_some());
    }

    /// Two who have begun to wait.
    fn waiting(slots: &Slots) -> [std::pin::Pin<Box<Notified<'_>>>; 2] {
        std::array::from_fn(|_| {
            let mut freed = Box::pin(slots.freed());
            assert!(!freed.as_mut().enable());
            freed
        })
    }

    #[tokio::test]
    async fn a_connection_for_all_is_told_to_all() {
        let slots = Arc::new(Slots::new(1));
        let (_slot, turn) = slots.take_alone().unwrap();
        let [first, second] = waiting(&slots);
        turn.opened();
        tokio::join!(first, second);
    }

    #[tokio::test]
    async fn what_one_can_use_is_told_to_one() {
        let slots = Arc::new(Slots::new(1));
        let (slot, given_up) = slots.take_alone().unwrap();
        let [first, mut second] = waiting(&slots);
        drop(slot);
        first.await;
        assert!(!second.as_mut().enable());
        drop(given_up);
        second.await;
    }
}
