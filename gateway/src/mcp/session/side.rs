//! The upstream's side of a stream that is passed on: how the door answers the server itself while the stream goes on.

use std::sync::Arc;

use onedoor_exchange::TokenB;
use onedoor_model::{
    decide::{CallPermit, Entitlement, ListPermit},
    ids::CallId,
};
use onedoor_wire::session::Sending;
use tokio::sync::Semaphore;

use crate::door::Door;

use super::{
    state::Session,
    upstream::{At, Way},
};

/// Answers of the door's own under way to one server on one stream; what it asks beyond that gets none.
const ANSWERS: usize = 8;

/// What a stream is permitted by.
pub(super) enum Leave {
    /// A call.
    Call(CallPermit),
    /// The server's own stream.
    List(ListPermit),
    /// The door's own stream: of no server.
    Door,
}

impl Leave {
    fn entitlement(&self) -> Option<Entitlement<'_>> {
        match self {
            Self::Call(permit) => Some(permit.entitlement()),
            Self::List(permit) => Some(permit.entitlement()),
            Self::Door => None,
        }
    }
}

/// The upstream's side of one stream.
pub(super) struct Side {
    pub(super) door: Arc<Door>,
    pub(super) session: Session,
    leave: Leave,
    token: Option<TokenB>,
    call: CallId,
    answers: Arc<Semaphore>,
}

impl Side {
    pub(super) fn new(
        door: &Arc<Door>,
        session: Session,
        leave: Leave,
        token: Option<TokenB>,
        call: CallId,
    ) -> Arc<Self> {
        Arc::new(Self {
            door: Arc::clone(door),
            session,
            leave,
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
            let (Some(entitlement), Some(token)) = (side.leave.entitlement(), side.token.clone()) else {
                return;
            };
            let way = Way {
                door: &side.door,
                entitlement,
                call: side.call,
            };
            let sent = way.send(token, Sending::Post, At::of(&side.session), message);
            if let Err(reason) = sent.await {
                tracing::warn!(call = %side.call, ?reason, "a server could not be answered");
            }
        });
    }
}
