//! Reading: bounds, records from a place on, and waiting for more.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use rdkafka::{ClientConfig, error::KafkaError};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    cursor::{Cursor, CursorError, Start},
    query::Query,
};
use crate::{
    error::{EngineError, ReadError},
    limits::{self, MAX_READ_BYTES},
    port::{Bounds, Record},
};

/// How long a read waits for Kafka before it says that it cannot be reached.
const PATIENCE: Duration = Duration::from_secs(10);
/// The rest between two attempts.
const REST: Duration = Duration::from_millis(100);
/// How long a cursor is kept for whoever goes on from where it stands, and how many are beside one for each partition: each has
/// threads, connections and what it has read ahead.
const KEPT: Duration = Duration::from_secs(60);
const MORE_KEPT: usize = 8;

/// Reads topics. Cursors are kept by where they stand: whoever goes on from where the last read ended finds the records already on
/// their way.
pub(super) struct Reader {
    config: ClientConfig,
    query: Arc<Query>,
    idle: Mutex<Vec<Cursor>>,
    most_kept: usize,
    closed: watch::Sender<bool>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
}

/// A cursor in use, which is kept when it is no longer.
struct Lent<'a> {
    reader: &'a Reader,
    /// `None` once it is of no more use.
    cursor: Option<Cursor>,
}

/// Kafka gave no answer for a while, or none of use.
#[derive(Debug, thiserror::Error)]
#[error("there was no answer for {} s", PATIENCE.as_secs())]
struct NoAnswer(#[source] Option<KafkaError>);

impl Reader {
    /// A reader of topics that have so many partitions together.
    pub(super) fn new(config: ClientConfig, query: Arc<Query>, partitions: u32) -> Self {
        Self {
            config,
            query,
            idle: Mutex::new(Vec::new()),
            most_kept: partitions as usize + MORE_KEPT,
            closed: watch::Sender::new(false),
        }
    }

    /// What the partition holds now.
    pub(super) async fn bounds(&self, lane: &Lane) -> Result<Bounds, ReadError> {
        self.unless_closed(self.ask(lane)).await
    }

    /// The records from `from` on.
    pub(super) async fn read(
        &self,
        lane: &Lane,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.unless_closed(async {
            let mut lent = self.lend(lane, from);
            let received = lent
                .as_mut()
                .map(|lent| lent.received(max_records))
                .unwrap_or_default();
            // What a wait has received needs no question.
            if received.is_empty() {
                self.read_all(lent, lane, from, max_records).await
            } else {
                Ok(received)
            }
        })
        .await
    }

    /// Completes once there is a record at `offset`, however long Kafka is away meanwhile.
    pub(super) async fn wait_for(&self, lane: &Lane, offset: Offset) -> Result<(), ReadError> {
        self.unless_closed(self.wait(lane, offset)).await
    }

    /// Ends everything under way, and whatever comes later.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        drop_elsewhere(mem::take(&mut *self.idle.lock()));
    }

    async fn unless_closed<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(ReadError::Closed),
            done = work => done,
        }
    }

    /// All there is, up to the limits, and not only what is already here.
    async fn read_all(
        &self,
        lent: Option<Lent<'_>>,
        lane: &Lane,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let bounds = self.ask(lane).await?;
        limits::starts_within(bounds, from)?;
        let held = usize::try_from(bounds.end.0 - from.0).unwrap_or(usize::MAX);
        let wanted = max_records.min(held);
        let (mut records, mut bytes) = (Vec::new(), 0);
        if wanted == 0 {
            return Ok(records);
        }
        let mut lent = match lent {
            Some(lent) => lent,
            None => self.open(lane, from).await?,
        };
        while records.len() < wanted && bytes < MAX_READ_BYTES {
            timeout(PATIENCE, lent.ready())
                .await
                .map_err(|_| unavailable(None))??;
            let more = lent.take(wanted - records.len(), MAX_READ_BYTES - bytes);
            bytes += more.iter().map(|record| record.bytes.len()).sum::<usize>();
            records.extend(more);
        }
        Ok(records)
    }

    async fn wait(&self, lane: &Lane, offset: Offset) -> Result<(), ReadError> {
        let mut lent = match self.lend(lane, offset) {
            Some(lent) => lent,
            None => {
                let Bounds { first, end } = self.ask_until_answered(lane).await;
                if end > offset {
                    return Ok(());
                }
                // From the record before it, where there is one: whether the topic is made anew shows by a record that was read.
                self.open(lane, first.max(Offset(end.0.saturating_sub(1))))
                    .await?
            }
        };
        loop {
            match lent.ready().await {
                Ok(()) => {}
                // It was there, and went meanwhile.
                Err(ReadError::Truncated { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
            let Some(before) = offset
                .0
                .checked_sub(lent.position().0)
                .filter(|before| *before > 0)
            else {
                return Ok(());
            };
            lent.take(usize::try_from(before).unwrap_or(usize::MAX), MAX_READ_BYTES);
        }
    }

    /// Asks until there is an answer, or patience ends.
    async fn ask(&self, lane: &Lane) -> Result<Bounds, ReadError> {
        let mut last = None;
        let asking = async {
            loop {
                match self.query.bounds(&lane.topic, lane.partition).await {
                    Ok(bounds) => return bounds,
                    Err(error) => last = Some(error),
                }
                sleep(REST).await;
            }
        };
        let answered = timeout(PATIENCE, asking).await;
        answered.map_err(|_| unavailable(last))
    }

    async fn ask_until_answered(&self, lane: &Lane) -> Bounds {
        loop {
            match self.ask(lane).await {
                Ok(bounds) => return bounds,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(topic = &*lane.topic, lane.partition, error, "waiting for Kafka");
                }
            }
        }
    }

    /// The cursor that stands there, if one does.
    fn lend(&self, lane: &Lane, at: Offset) -> Option<Lent<'_>> {
        let mut idle = self.idle.lock();
        let found = idle
            .iter()
            .position(|cursor| cursor.lane() == lane && cursor.position() == at)?;
        Some(self.lent(idle.remove(found)))
    }

    async fn open(&self, lane: &Lane, at: Offset) -> Result<Lent<'_>, ReadError> {
        let witnesses = VecDeque::new();
        Ok(self.lent(self.cursor(lane, Start { at, witnesses }).await?))
    }

    fn lent(&self, cursor: Cursor) -> Lent<'_> {
        Lent {
            reader: self,
            cursor: Some(cursor),
        }
    }

    /// A new cursor. Made elsewhere: to make a consumer takes a while, with TLS more.
    async fn cursor(&self, lane: &Lane, start: Start) -> Result<Cursor, ReadError> {
        let (config, lane) = (self.config.clone(), lane.clone());
        let opened = spawn_blocking(move || Cursor::open(&config, lane, start)).await;
        opened
            .unwrap_or(Err(KafkaError::Canceled))
            .map_err(|error| ReadError::Engine(EngineError::new(error)))
    }

    fn keep(&self, mut cursor: Cursor) {
        cursor.idle_since = Instant::now();
        let mut idle = self.idle.lock();
        idle.push(cursor);
        // Under the lock, so that none is kept after `close` has looked. The oldest stand first.
        let is_closed = *self.closed.borrow();
        let too_many = idle.len().saturating_sub(self.most_kept);
        let mut nth = 0;
        let dropped = idle.extract_if(.., |cursor| {
            nth += 1;
            is_closed || nth <= too_many || cursor.idle_since.elapsed() > KEPT
        });
        drop_elsewhere(dropped.collect());
    }
}

impl Lent<'_> {
    /// Waits for a record to take. Cancel-safe.
    async fn ready(&mut self) -> Result<(), ReadError> {
        while let Some(cursor) = &mut self.cursor {
            match cursor.ready().await {
                Ok(()) => return Ok(()),
                Err(CursorError::Lost) => self.find_again().await?,
                Err(CursorError::Replaced(end)) => return Err(ReadError::BeyondEnd { end }),
                Err(CursorError::Broken(error)) => {
                    drop_elsewhere(self.cursor.take().into_iter().collect());
                    return Err(ReadError::Engine(error));
                }
            }
        }
        Err(ReadError::Closed)
    }

    /// Looks up what became of the place of a cursor that lost it. If it is still there, a new one goes on from it, once it has seen
    /// that a record that was read is the same still.
    async fn find_again(&mut self) -> Result<(), ReadError> {
        let Some(lost) = &self.cursor else { return Ok(()) };
        let lane = lost.lane().clone();
        let bounds = self.reader.ask_until_answered(&lane).await;
        limits::starts_within(bounds, lost.position())?;
        let mut witnesses = lost.witnesses();
        witnesses.retain(|witness| witness.offset >= bounds.first);
        let at = lost.position();
        // Where the topic comes and goes, not too often.
        sleep(REST).await;
        let found = self.reader.cursor(&lane, Start { at, witnesses }).await?;
        drop_elsewhere(self.cursor.replace(found).into_iter().collect());
        Ok(())
    }

    /// What is here already.
    fn received(&mut self, max_records: usize) -> Vec<Record> {
        match &mut self.cursor {
            Some(cursor) if cursor.has_records() => cursor.take(max_records, MAX_READ_BYTES),
            Some(_) | None => Vec::new(),
        }
    }

    fn take(&mut self, max_records: usize, max_bytes: usize) -> Vec<Record> {
        let taken = self
            .cursor
            .as_mut()
            .map(|cursor| cursor.take(max_records, max_bytes));
        taken.unwrap_or_default()
    }

    fn position(&self) -> Offset {
        self.cursor.as_ref().map(Cursor::position).unwrap_or_default()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(cursor) = self.cursor.take() {
            self.reader.keep(cursor);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop_elsewhere(mem::take(self.idle.get_mut()));
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Dropping a consumer waits for its threads, which is not for ours.
fn drop_elsewhere(cursors: Vec<Cursor>) {
    if !cursors.is_empty() {
        thread::spawn(move || drop(cursors));
    }
}

fn unavailable(last: Option<KafkaError>) -> ReadError {
    ReadError::Unavailable(EngineError::new(NoAnswer(last)))
}
