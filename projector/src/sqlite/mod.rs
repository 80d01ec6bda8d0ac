//! The store in SQLite.

mod advance;
mod digest;
mod execute;
mod open;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};
use sqlx::{SqlitePool, sqlite::SqliteRow};

use crate::{
    error::{OpenError, StoreError},
    project::Step,
    rows::{
        ask::{Ask, Question, Speak as _},
        digest::TableDigest,
        offsets::{self, Advance, Move},
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

    pub(crate) async fn digests(&self) -> Result<Vec<TableDigest>, StoreError> {
        Ok(digest::digests(&self.readers).await?)
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) async fn adopt(&self, log: LogId) -> Result<LogId, StoreError> {
        Ok(offsets::adopt(&mut *self.writer.acquire().await?, log).await?)
    }

    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        Ok(offsets::enlist(&mut *self.writer.acquire().await?, stream, partition).await?)
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

impl Ask for Database {
    type Row = SqliteRow;

    async fn ask(&self, question: Question) -> Result<Vec<SqliteRow>, StoreError> {
        let asked = async { self.readers.acquire().await?.ask(question).await };
        Ok(Box::pin(asked).await?)
    }
}
