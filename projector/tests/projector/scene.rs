//! A log, a writer, and answers out of a projection that is always up to date.

use std::{num::NonZeroU32, sync::Arc};

use onedoor_log::EventLog;
use onedoor_model::ids::CallId;
use onedoor_projector::{CallOutcome, CallQuery, CallRow, HistoryQuery, HistoryRow, Store};

use crate::support::{Engine, Projector, Room, Writer, caught_up, memory};

pub(crate) const MANY: NonZeroU32 = NonZeroU32::MAX;

pub(crate) fn limit(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap()
}

/// A log, its writer, and a store that has all that is in it.
pub(crate) struct Scene {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) writer: Writer,
    room: Room,
}

impl Scene {
    pub(crate) async fn new(engine: Engine) -> Self {
        let log = memory().await;
        let writer = Writer::begin(&log).await;
        Self {
            log,
            writer,
            room: Room::new(engine).await,
        }
    }

    pub(crate) async fn store(&self) -> &Store {
        let projector = Projector::start(&self.log, &self.room.store);
        caught_up(&self.log, &self.room.store).await;
        projector.stop().await.unwrap();
        &self.room.store
    }

    pub(crate) async fn calls(&self, query: CallQuery) -> Vec<CallRow> {
        self.store().await.calls(&query).await.unwrap().items
    }

    /// The ids of the calls that are found.
    pub(crate) async fn found(&self, query: CallQuery) -> Vec<CallId> {
        self.calls(query).await.into_iter().map(|row| row.call).collect()
    }

    pub(crate) async fn outcome(&self, call: CallId) -> CallOutcome {
        let row = self.calls(all()).await.into_iter().find(|row| row.call == call);
        row.expect("the call is recorded").outcome
    }

    pub(crate) async fn history(&self, server: &str) -> Vec<HistoryRow> {
        let query = HistoryQuery {
            server: server.parse().unwrap(),
            limit: MANY,
            cursor: None,
        };
        self.store().await.history(&query).await.unwrap().items
    }
}

pub(crate) fn all() -> CallQuery {
    CallQuery::all(MANY)
}

pub(crate) fn of(server: &str) -> CallQuery {
    CallQuery {
        server: Some(server.parse().unwrap()),
        ..all()
    }
}
