//! How far a partition has come, and waiting for it to come further. Shared by the embedded engines.

use onedoor_model::ids::Offset;
use tokio::sync::watch;

use crate::{error::ReadError, port::Bounds};

/// What readers may see of a partition. Only what is durable is ever published here.
#[derive(Debug)]
pub(crate) struct Progress(watch::Sender<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    bounds: Bounds,
    closed: bool,
}

impl Progress {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(watch::Sender::new(State {
            bounds,
            closed: false,
        }))
    }

    /// Lets readers see as far as `bounds` and wakes those who wait for it.
    pub(crate) fn publish(&self, bounds: Bounds) {
        self.0.send_modify(|state| state.bounds = bounds);
    }

    /// Ends every wait and every read from now on.
    pub(crate) fn close(&self) {
        self.0.send_modify(|state| state.closed = true);
    }

    /// What readers may see.
    pub(crate) fn bounds(&self) -> Result<Bounds, ReadError> {
        let state = *self.0.borrow();
        if state.closed {
            Err(ReadError::Closed)
        } else {
            Ok(state.bounds)
        }
    }

    /// Completes as soon as the end is greater than `offset`.
    pub(crate) async fn wait_for(&self, offset: Offset) -> Result<(), ReadError> {
        let mut states = self.0.subscribe();
        let state = states
            .wait_for(|state| state.closed || state.bounds.end > offset)
            .await;
        // The sender is `self`, so it is still there.
        match state {
            Ok(state) if !state.closed => Ok(()),
            Ok(_) | Err(_) => Err(ReadError::Closed),
        }
    }
}
