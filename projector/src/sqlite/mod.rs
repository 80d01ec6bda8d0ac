//! The store in SQLite.

mod advance;
mod digest;
mod execute;
mod open;
mod select;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, LogId, Offset};
use sqlx::SqlitePool;

use crate::{
    error::{OpenError, QueryError, StoreError},
    project::Step,
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page},
    rows::{
        digest::TableDigest,
        offsets::{Advance, Move},
        state::Frozen,
    },
};

/// A projection in an SQLite file. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// One connection: SQLite has one writer at a time, and here they queue without polling.
    writer: SqlitePool,
    /// Connections that cannot write. Under WAL they neither wait for the writer nor make it wait.
    readers: SqlitePool,
}

impl Database {
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        let (writer, readers) = open::open(path).await?;
        Ok(Self { writer, readers })
    }

    pub(crate) async fn positions(&self) -> Result<Vec<(Stream, Partition, Offset)>, StoreError> {
        Ok(select::positions(&self.readers).await?)
    }

    pub(crate) async fn log(&self) -> Result<Option<LogId>, StoreError> {
        Ok(select::log(&self.readers).await?)
    }

    pub(crate) async fn state(&self) -> Result<Option<Frozen>, StoreError> {
        Ok(select::state(&self.readers).await?)
    }

    pub(crate) async fn calls(&self, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
        select::calls(&self.readers, query).await
    }

    pub(crate) async fn history(&self, query: &HistoryQuery) -> Result<Page<HistoryRow>, QueryError> {
        select::history(&self.readers, query).await
    }

    pub(crate) async fn open_boots(&self, except: BootId) -> Result<Vec<OpenBoot>, StoreError> {
        Ok(select::open_boots(&self.readers, except).await?)
    }

    pub(crate) async fn digests(&self) -> Result<Vec<TableDigest>, StoreError> {
        Ok(digest::digests(&self.readers).await?)
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) async fn adopt(&self, log: LogId) -> Result<LogId, StoreError> {
        Ok(advance::adopt(&mut *self.writer.acquire().await?, log).await?)
    }

    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        Ok(advance::enlist(&mut *self.writer.acquire().await?, stream, partition).await?)
    }

    pub(crate) async fn advance(
        &self,
        to: Move,
        steps: &[Step],
        state: Option<&Frozen>,
    ) -> Result<Advance, StoreError> {
        Ok(advance::advance(&self.writer, to, steps, state).await?)
    }
}
