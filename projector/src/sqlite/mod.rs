//! The store in SQLite: the one place that knows its SQL.

mod advance;
mod boots;
mod calls;
mod column;
mod denials;
mod digest;
mod history;
mod open;
mod registry;
mod select_calls;
mod select_history;

#[cfg(test)]
mod tests;

use std::path::Path;

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, Digest, LogId, Offset};
use sqlx::SqlitePool;

pub(crate) use self::advance::Advance;
use crate::{
    error::{OpenError, QueryError, StoreError},
    progress::Progress,
    project::Step,
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page},
};

/// A projection in an SQLite file. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer at a time, and here they queue without polling.
    writer: SqlitePool,
    /// Connections that cannot write. Under WAL they neither wait for the writer nor make it wait.
    readers: SqlitePool,
    progress: Progress,
}

impl Store {
    /// Opens the store in a file, made if it is not there (mode 0600, in a folder of mode 0700), and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (writer, readers) = open::open(path.as_ref()).await?;
        Ok(Self {
            writer,
            readers,
            progress: Progress::default(),
        })
    }

    /// The first offset that is not projected yet. 0 for a partition that nobody has followed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn position(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        Ok(advance::position(&mut *self.readers.acquire().await?, stream, partition).await?)
    }

    /// The log that it is a projection of; none before it has followed one.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn log(&self) -> Result<Option<LogId>, StoreError> {
        Ok(advance::log(&mut *self.readers.acquire().await?).await?)
    }

    /// Completes once the record at `offset` is projected by a projector of this store or its clones. Where none runs, never: wait
    /// with a deadline. Cancel-safe.
    pub async fn reached(&self, stream: Stream, partition: Partition, offset: Offset) {
        self.progress.reached(stream, partition, offset).await;
    }

    /// Calls, the newest first.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn calls(&self, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
        select_calls::select(&self.readers, query).await
    }

    /// The history of a server, the oldest event first. Commands that were refused are in it.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn history(&self, query: &HistoryQuery) -> Result<Page<HistoryRow>, QueryError> {
        select_history::select(&self.readers, query).await
    }

    /// The boots that nobody has closed, but for the given one, oldest first. Whoever closes them must first have waited until
    /// everything in the audit is projected ([`Store::reached`]).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn open_boots(&self, except: BootId) -> Result<Vec<OpenBoot>, StoreError> {
        Ok(boots::open(&self.readers, except).await?)
    }

    /// A digest of every row, in an order of their own: equal for equal projections, however they came about.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn digest(&self) -> Result<Digest, StoreError> {
        Ok(digest::digest(&self.readers).await?)
    }

    /// Lets go of the file. Clones cannot be used any more.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Makes this a projection of `log`, if it is none yet, and says of which log it is one.
    pub(crate) async fn adopt(&self, log: LogId) -> Result<LogId, StoreError> {
        Ok(advance::adopt(&mut *self.writer.acquire().await?, log).await?)
    }

    /// Makes sure that a partition can be advanced, and says where it stands.
    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        let position = advance::enlist(&mut *self.writer.acquire().await?, stream, partition).await?;
        self.progress.publish(stream, partition, position);
        Ok(position)
    }

    /// Writes the rows of `steps` and moves the partition from `from` to `next`, both or neither.
    pub(crate) async fn advance(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        next: Offset,
        steps: &[Step],
    ) -> Result<Advance, StoreError> {
        let advance = advance::advance(&self.writer, stream, partition, from, next, steps).await?;
        let position = match advance {
            Advance::Done => next,
            Advance::Elsewhere(position) => position,
        };
        self.progress.publish(stream, partition, position);
        Ok(advance)
    }
}
