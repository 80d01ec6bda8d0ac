//! The upstream's side of a stream that is passed on: how the door answers the server itself while the stream goes on.

use std::sync::Arc;

use onedoor_model::{decide::Permit, ids::CallId};
use onedoor_wire::{bearer::OwnedToken, session::Sending};
use tokio::sync::Semaphore;

use crate::{door::Door, refusal::Failure};

use super::{
    state::Session,
    upstream::{At, Way},
};

/// Answers of the door's own under way to one server on one stream; what it asks beyond that gets none.
const ANSWERS: usize = 8;

/// The upstream's side of one stream.
pub(super) struct Side {
    pub(super) door: Arc<Door>,
    pub(super) session: Session,
    /// What it is permitted by; none for the door's own stream, which is of no server.
    permit: Option<Permit>,
    /// Token A: a stream may outlive the Token B that it was opened with, and ends with this one.
    token: OwnedToken,
    /// The request that opened the stream.
    pub(super) call: CallId,
    answers: Arc<Semaphore>,
}

impl Side {
    pub(super) fn new(
        door: &Arc<Door>,
        session: Session,
        permit: Option<Permit>,
        token: OwnedToken,
        call: CallId,
    ) -> Arc<Self> {
        Arc::new(Self {
            door: Arc::clone(door),
            session,
            permit,
            token,
            call,
            answers: Arc::new(Semaphore::new(ANSWERS)),
        })
    }

    /// Sends the server a response of the door's own, without waiting for it.
    pub(super) fn answer(self: &Arc<Self>, message: Vec<u8>) {
        let Ok(room) = Arc::clone(&self.answers).try_acquire_owned() else {
            tracing::warn!(call = %self.call, "a server asks more than it is answered");
            return;
        };
        let side = Arc::clone(self);
        self.door.tasks.spawn(async move {
            let _room = room;
            if let Err(failure) = side.send(message).await {
                tracing::warn!(call = %side.call, reason = ?failure.reason, "a server could not be answered");
            }
        });
    }

    async fn send(&self, message: Vec<u8>) -> Result<(), Failure> {
        let Some(permit) = &self.permit else {
            return Ok(());
        };
        let way = Way::new(&self.door, permit.entitlement(), self.call);
        let token = way.token_b(self.token.borrowed()).await?;
        way.send(token, Sending::Post, At::of(&self.session), message)
            .await?;
        Ok(())
    }
}
