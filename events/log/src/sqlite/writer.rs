//! The writer of one stream. Appends queue up while it waits for the disk; it then commits all that has come, together.

use std::{
    error::Error,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use onedoor_model::ids::Offset;
use sqlx::SqlitePool;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{JoinHandle, unconstrained},
};

use super::{
    database::{Database, DatabaseError},
    folder::Folder,
    store::{Failure, Store, refusal},
};
use crate::{
    error::{AppendError, EngineError, Refusal},
    progress::Progress,
};

/// How many appends may wait, and how many bytes: the rest wait for their turn to wait.
const QUEUE_APPENDS: usize = 1024;
const QUEUE_BYTES: u32 = 32 << 20;
/// A commit takes no more once it has this many events or bytes, so that the first in it need not wait long.
const GROUP_EVENTS: usize = 1_000;
const GROUP_BYTES: usize = 4 << 20;

/// Where appends queue up for the writer.
#[derive(Debug)]
pub(super) struct Queue {
    commands: mpsc::Sender<Command>,
    /// Whoever has it is the next to be queued: appends keep the order of their calls.
    turn: Mutex<()>,
    room: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
    commits: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Command {
    Append(Append),
    /// Take no more, answer what was taken, and end.
    Close,
}

/// A batch that waits for its commit.
#[derive(Debug)]
struct Append {
    events: Vec<Bytes>,
    bytes: usize,
    /// The caller may be gone: the batch is stored all the same.
    answer: oneshot::Sender<Result<Offset, AppendError>>,
    _room: OwnedSemaphorePermit,
}

/// What the writer works with.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) cap: Option<u64>,
    pub(super) progress: Arc<Progress>,
    /// Closed by the writer, after its last commit.
    pub(super) readers: SqlitePool,
    /// Kept until the files are closed.
    pub(super) _folder: Arc<Folder>,
}

impl Queue {
    /// Starts a writer. It ends, and lets go of the files, after [`Queue::close`], or when the queue is dropped.
    pub(super) fn start(writer: Writer, store: Store) -> Self {
        let (commands, queued) = mpsc::channel(QUEUE_APPENDS);
        let commits = Arc::new(AtomicU64::new(0));
        let task = Task {
            writer,
            store: Some(store),
            queued,
            commits: Arc::clone(&commits),
        };
        Self {
            commands,
            turn: Mutex::new(()),
            room: Arc::new(Semaphore::new(QUEUE_BYTES as usize)),
            writer: Mutex::new(Some(tokio::spawn(task.run()))),
            commits,
        }
    }

    /// Queues a batch and waits for its commit. `bytes` is its size.
    pub(super) async fn append(&self, events: Vec<Bytes>, bytes: usize) -> Result<Offset, AppendError> {
        let (answer, answered) = oneshot::channel();
        // Without a budget: an append that gave way to others here would lose its turn.
        unconstrained(self.enqueue(events, bytes, answer)).await?;
        answered
            .await
            .unwrap_or_else(|_| Err(AppendError::Unknown(EngineError::new("the log's writer died"))))
    }

    async fn enqueue(
        &self,
        events: Vec<Bytes>,
        bytes: usize,
        answer: oneshot::Sender<Result<Offset, AppendError>>,
    ) -> Result<(), Refusal> {
        // A batch is never larger than the queue (`limits`), so that there will be room.
        let room = u32::try_from(bytes).unwrap_or(QUEUE_BYTES).min(QUEUE_BYTES);
        let _turn = self.turn.lock().await;
        let room = Arc::clone(&self.room)
            .acquire_many_owned(room)
            .await
            .map_err(|_| Refusal::Closed)?;
        let append = Append {
            events,
            bytes,
            answer,
            _room: room,
        };
        self.commands
            .send(Command::Append(append))
            .await
            .map_err(|_| Refusal::Closed)
    }

    /// How many commits there were.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Ends the writer and waits for its end.
    pub(super) async fn close(&self) {
        self.room.close();
        // An error means that the writer has ended, or is about to.
        let _ = self.commands.send(Command::Close).await;
        if let Some(writer) = self.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(error = &error as &dyn Error, "the log's writer died");
        }
    }
}

/// The writer at work.
#[derive(Debug)]
struct Task {
    writer: Writer,
    /// `None` after a failure, until the next commit is tried.
    store: Option<Store>,
    queued: mpsc::Receiver<Command>,
    commits: Arc<AtomicU64>,
}

impl Task {
    async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            if !group.is_empty() {
                self.write(group).await;
                self.checkpoint().await;
            }
        }
        self.writer.progress.close();
        // The last connection to close tidies up, which a reader cannot do.
        self.writer.readers.close().await;
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    /// What has come, once something has: it waits for the first batch, never for others. Empty when all that came was to close.
    /// `None` when nothing will come any more.
    async fn next_group(&mut self) -> Option<Vec<Append>> {
        let mut group = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        let mut next = Some(self.queued.recv().await?);
        while let Some(command) = next {
            match command {
                Command::Append(append) => {
                    events += append.events.len();
                    bytes += append.bytes;
                    group.push(append);
                }
                Command::Close => self.queued.close(),
            }
            let is_full = events >= GROUP_EVENTS || bytes >= GROUP_BYTES;
            next = if is_full {
                None
            } else {
                self.queued.try_recv().ok()
            };
        }
        Some(group)
    }

    /// Stores the batches and answers them. If it is certain that none was stored, each gets another try by itself: a batch too
    /// large for the disk is not to fail those beside it.
    async fn write(&mut self, group: Vec<Append>) {
        match self.commit(&group).await {
            Err(Failure::NotStored(_)) if group.len() > 1 => {
                for append in group {
                    let outcome = self.commit(slice::from_ref(&append)).await;
                    answer(vec![append], outcome);
                }
            }
            outcome => answer(group, outcome),
        }
    }

    async fn commit(&mut self, group: &[Append]) -> Result<Vec<Offset>, Failure> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => self.reopen().await?,
        };
        match store
            .commit(group.iter().map(|append| append.events.as_slice()))
            .await
        {
            Ok(offsets) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.writer.progress.publish(store.bounds());
                self.store = Some(store);
                Ok(offsets)
            }
            Err(failure) => {
                store.close().await;
                Err(failure)
            }
        }
    }

    /// After a failure, only the database itself can say where the records stand.
    async fn reopen(&self) -> Result<Store, Failure> {
        let store = Store::open(&self.writer.database, self.writer.cap)
            .await
            .map_err(|error| {
                Failure::NotStored(match error {
                    DatabaseError::Sql(error) => refusal(error),
                    error @ DatabaseError::Unusable(_) => Refusal::Engine(EngineError::new(error)),
                })
            })?;
        self.writer.progress.publish(store.bounds());
        Ok(store)
    }

    async fn checkpoint(&mut self) {
        if let Some(store) = &mut self.store
            && let Err(error) = store.checkpoint_if_due().await
        {
            // Nothing is lost, and the next will make up for it. Until then the write-ahead log grows.
            let stream = self.writer.database.stream;
            tracing::warn!(%stream, error = &error as &dyn Error, "a checkpoint of the log failed");
        }
    }
}

/// Answers each batch. That a caller is gone is nothing to us.
fn answer(group: Vec<Append>, outcome: Result<Vec<Offset>, Failure>) {
    match outcome {
        Ok(offsets) => {
            for (append, offset) in group.into_iter().zip(offsets) {
                let _ = append.answer.send(Ok(offset));
            }
        }
        Err(Failure::NotStored(refusal)) => refuse(group, &AppendError::Refused(refusal)),
        Err(Failure::MaybeStored(error)) => refuse(group, &AppendError::Unknown(error)),
    }
}

fn refuse(group: Vec<Append>, error: &AppendError) {
    for append in group {
        let _ = append.answer.send(Err(error.clone()));
    }
}
