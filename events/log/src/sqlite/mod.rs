//! `sqlite://folder`: the embedded engine. One database file for each stream, so that a flood of denials can neither fill nor delay
//! the audit; in each, one writer that commits in groups, and readers beside it.
//!
//! An append is acknowledged when SQLite's write-ahead log, which holds it, is flushed (`synchronous = FULL`); on `control`, when it is
//! written, as what is said there is over when the machine is down. Checkpoints run on
//! the writer's connection between commits, about every 4 MiB, so that the write-ahead log starts over and does not grow.

mod copy;
mod database;
mod folder;
mod reader;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use onedoor_model::ids::Offset;
use sqlx::SqlitePool;

use self::{
    database::{Database, Durability},
    folder::Folder,
    store::Store,
    writer::{Queue, Writer},
};
use crate::{
    Options,
    error::{AppendError, EngineError, OpenError, ReadError, Refusal},
    limits::{self, CONTROL_BYTES, PARTITIONS},
    port::{Bounds, EventLog, Partition, Record, Stream},
    progress::Progress,
};

/// The engine `sqlite://`. The folder belongs to one process at a time, until [`EventLog::close`], or some time after the last
/// reference is gone.
#[derive(Debug)]
pub struct SqliteLog {
    registry: Lane,
    audit: Lane,
    denials: Lane,
    control: Lane,
}

/// One stream.
#[derive(Debug)]
struct Lane {
    queue: Queue,
    progress: Arc<Progress>,
    readers: SqlitePool,
}

impl SqliteLog {
    /// Opens the log in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`OpenError`]: the folder cannot be used, is in use, or holds something else.
    pub async fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_with(folder, options, Durability::Full).await
    }

    /// How many commits there were on a stream since the log was opened. Many appends share one.
    #[must_use]
    pub fn commits(&self, stream: Stream) -> u64 {
        self.lane(stream).queue.commits()
    }

    /// Copies the log in a folder into another one, which is made, while its owner goes on appending.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn copy(folder: &Path, into: &Path) -> Result<(), OpenError> {
        copy::copy(folder, into).await
    }

    /// Whether there is a log in a folder.
    #[must_use]
    pub fn is_there(folder: &Path) -> bool {
        copy::is_there(folder)
    }

    /// Whether a process has the log in a folder open.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn is_in_use(folder: &Path) -> io::Result<bool> {
        copy::is_in_use(folder)
    }

    async fn open_with(folder: &Path, options: Options, durability: Durability) -> Result<Self, OpenError> {
        let folder = Arc::new(Folder::take(folder)?);
        let denials_cap = Some(options.denials_bytes);
        // All or none: a writer that has started would keep the folder for a while after an error.
        let registry = prepare(&folder, Stream::Registry, None, durability).await?;
        let audit = prepare(&folder, Stream::Audit, None, durability).await?;
        let denials = prepare(&folder, Stream::Denials, denials_cap, durability).await?;
        // There is a record in it several times a second, and none is worth anything once the machine has been down.
        let control = prepare(&folder, Stream::Control, Some(CONTROL_BYTES), Durability::Process).await?;
        Ok(Self {
            registry: Lane::start(registry),
            audit: Lane::start(audit),
            denials: Lane::start(denials),
            control: Lane::start(control),
        })
    }

    fn lane(&self, stream: Stream) -> &Lane {
        match stream {
            Stream::Registry => &self.registry,
            Stream::Audit => &self.audit,
            Stream::Denials => &self.denials,
            Stream::Control => &self.control,
        }
    }
}

#[async_trait::async_trait]
impl EventLog for SqliteLog {
    fn partitions(&self, _stream: Stream) -> u32 {
        PARTITIONS
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        limits::partition_exists(stream, partition).map_err(Refusal::from)?;
        let bytes = limits::batch_bytes(&events)?;
        self.lane(stream).queue.append(events, bytes).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        limits::partition_exists(stream, partition)?;
        self.lane(stream).read(from, max_records).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        limits::partition_exists(stream, partition)?;
        self.lane(stream).progress.bounds()
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        limits::partition_exists(stream, partition)?;
        self.lane(stream).progress.wait_for(offset).await
    }

    async fn close(&self) {
        tokio::join!(
            self.registry.queue.close(),
            self.audit.queue.close(),
            self.denials.queue.close(),
            self.control.queue.close()
        );
    }
}

/// Opens the database of a stream.
async fn prepare(
    folder: &Arc<Folder>,
    stream: Stream,
    cap: Option<u64>,
    durability: Durability,
) -> Result<(Writer, Store), OpenError> {
    let path = folder.file(&format!("{stream}.db"))?;
    let database = Database {
        stream,
        path,
        durability,
    };
    let store = Store::open(&database, cap)
        .await
        .map_err(|error| database.open_error(error))?;
    let readers = database
        .readers()
        .await
        .map_err(|error| database.open_error(error.into()))?;
    let progress = Arc::new(Progress::new(store.bounds()));
    Ok((
        Writer {
            database,
            cap,
            progress,
            readers,
            _folder: Arc::clone(folder),
        },
        store,
    ))
}

impl Lane {
    fn start((writer, store): (Writer, Store)) -> Self {
        let (progress, readers) = (Arc::clone(&writer.progress), writer.readers.clone());
        Self {
            queue: Queue::start(writer, store),
            progress,
            readers,
        }
    }

    async fn read(&self, from: Offset, max_records: usize) -> Result<Vec<Record>, ReadError> {
        let bounds = self.progress.bounds()?;
        limits::starts_within(bounds, from)?;
        // A task of its own: a caller that stops polling must not hold the write-ahead log back.
        tokio::spawn(reader::read(self.readers.clone(), from, bounds.end, max_records))
            .await
            .unwrap_or_else(|error| Err(ReadError::Engine(EngineError::new(error))))
    }
}
