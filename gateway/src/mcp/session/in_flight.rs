//! Calls of sessions that are under way at this replica, so that a client can cancel one.

use std::{collections::HashMap, sync::Arc};

use onedoor_model::ids::Digest;
use onedoor_wire::request::RequestId;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::state::Session;

/// A call by its session and its request's id.
type Key = (Digest, String);

/// The calls under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<Key, Cancellable>>>);

/// How a call is cancelled.
#[derive(Clone, Debug)]
pub(super) struct Cancellable {
    /// Cancelled when the client cancels the call.
    pub(super) token: CancellationToken,
    /// The session, towards the server that is called once it is known.
    pub(super) session: Session,
}

/// One of them. It is no longer under way once this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    table: InFlight,
    key: Key,
    /// Cancelled when the client cancels the call.
    pub(super) cancelled: CancellationToken,
}

impl InFlight {
    /// A call begins; none where the session has one of this id already.
    pub(super) fn begin(&self, session: &Session, id: RequestId<'_>) -> Option<Flight> {
        let key = key(session, id);
        let cancelled = CancellationToken::new();
        let mut table = self.0.lock();
        if table.contains_key(&key) {
            return None;
        }
        let cancellable = Cancellable {
            token: cancelled.clone(),
            session: session.clone(),
        };
        table.insert(key.clone(), cancellable);
        Some(Flight {
            table: self.clone(),
            key,
            cancelled,
        })
    }

    /// How a call of the session is cancelled, if it is under way here.
    pub(super) fn of(&self, session: &Session, id: RequestId<'_>) -> Option<Cancellable> {
        self.0.lock().get(&key(session, id)).cloned()
    }
}

impl Flight {
    /// It goes to the server that this session is towards.
    pub(super) fn reaches(&self, session: &Session) {
        if let Some(call) = self.table.0.lock().get_mut(&self.key) {
            call.session = session.clone();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.table.0.lock().remove(&self.key);
    }
}

/// However the id was written: a server may read it in any way.
fn key(session: &Session, id: RequestId<'_>) -> Key {
    let id = serde_json::from_str(id.as_raw()).unwrap_or(Value::Null);
    (Digest::of(session.id.expose().as_bytes()), id.to_string())
}
