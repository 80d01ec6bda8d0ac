//! The store in PostgreSQL.

mod advance;
mod batch;
mod connect;
mod days;
mod denials;
mod digest;
mod execute;
mod lease;
mod migrate;
mod swap;
mod write;

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, OnceLock},
    time::Duration,
};

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::sync::Mutex;
use uuid::Uuid;

pub(crate) use self::{
    lease::LEASE,
    swap::{REPLACED, SHADOW, Swap},
};
use crate::{
    error::{OpenError, StoreError},
    place::PostgresOptions,
    progress::Progress,
    project::Step,
    rows::{
        ask::{Ask, Question, Speak as _},
        digest::TableDigest,
        offsets::{self, Advance, Move},
        select,
        state::Frozen,
    },
};

/// How long the database may take over one thing that is asked of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked how far another process has projected.
const WATCH: Duration = Duration::from_millis(20);
/// How soon it is asked again after it did not answer.
const WATCH_AWAY: Duration = Duration::from_millis(250);

/// A projection in a schema of a PostgreSQL database. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Database {
    schema: String,
    keep_days: Option<NonZeroU32>,
    /// How it is reached for what takes its own connection.
    options: Arc<PgConnectOptions>,
    writers: PgPool,
    lease: PgPool,
    /// Connections that cannot write.
    readers: PgPool,
    /// Set once the tables were found to be good enough to read.
    ready: Arc<OnceLock<()>>,
    /// Held by the one waiter that asks for all.
    watching: Arc<Mutex<()>>,
}

impl Database {
    /// Connects to nothing yet.
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        let reached = connect::options(options)?;
        Ok(Self {
            schema: options.schema.clone(),
            keep_days: options.keep_days,
            writers: connect::writers(&reached),
            lease: connect::lease(&reached),
            readers: connect::readers(&reached),
            options: Arc::new(reached),
            ready: Arc::default(),
            watching: Arc::default(),
        })
    }

    /// However long it takes.
    pub(crate) async fn digests(&self) -> Result<Vec<TableDigest>, StoreError> {
        self.ready().await?;
        let mut connection = connect::alone(&self.options).await?;
        Ok(digest::at_one_moment(&mut connection).await?)
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.lease.close().await;
        self.writers.close().await;
    }

    /// Asks how far other processes have projected until the record at `offset` is, one waiter for all. Cancel-safe.
    pub(crate) async fn watch(
        &self,
        progress: &Progress,
        stream: Stream,
        partition: Partition,
        offset: Offset,
    ) {
        let _turn = self.watching.lock().await;
        while !progress.has_reached(stream, partition, offset) {
            let pause = match select::positions(self).await {
                Ok(positions) => {
                    for (stream, partition, position) in positions {
                        progress.publish(stream, partition, position);
                    }
                    WATCH
                }
                Err(_) => WATCH_AWAY,
            };
            if !progress.has_reached(stream, partition, offset) {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Makes the schema and its tables, or brings them up to date. However long it takes.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = connect::migrating(&self.options).await?;
        migrate::migrate(&mut connection, &self.schema).await
    }

    pub(crate) async fn hold(&self, projector: Uuid) -> Result<bool, StoreError> {
        lease::hold(&self.lease, projector).await
    }

    pub(crate) async fn release(&self, projector: Uuid) -> Result<(), StoreError> {
        lease::release(&self.lease, projector).await
    }

    pub(crate) async fn keep_house(&self) -> Result<(), StoreError> {
        let mut connection = self.writers.acquire().await?;
        let kept = days::keep_house(&mut connection, self.keep_days).await;
        if kept.is_err() {
            connection.close_on_drop();
        }
        Ok(kept?)
    }

    pub(crate) async fn adopt(&self, log: LogId) -> Result<LogId, StoreError> {
        patiently(async { offsets::adopt(&mut *self.writers.acquire().await?, log).await }).await
    }

    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        let enlisted =
            async { offsets::enlist(&mut *self.writers.acquire().await?, stream, partition).await };
        patiently(enlisted).await
    }

    pub(crate) async fn advance(
        &self,
        to: Move,
        steps: &[Step],
        state: Option<&Frozen>,
    ) -> Result<Advance, StoreError> {
        advance::advance(&self.writers, to, steps, state).await
    }

    /// A transaction as the projector has them.
    #[cfg(test)]
    pub(crate) async fn begin_for_test(&self) -> sqlx::Transaction<'static, sqlx::Postgres> {
        self.writers.begin().await.unwrap()
    }

    /// A connection as migrations have them.
    #[cfg(test)]
    pub(crate) async fn migrating_for_test(&self) -> sqlx::PgConnection {
        connect::migrating(&self.options).await.unwrap()
    }

    /// [`advance`](Self::advance) without the condition that the partition stands where it was thought to.
    #[cfg(test)]
    pub(crate) async fn advance_from_anywhere_for_test(&self, to: Move, steps: &[Step]) {
        let mut transaction = self.begin_for_test().await;
        let mut moved = to.write();
        moved.sql = moved.sql.strip_suffix(" AND next = $4").unwrap();
        moved.values.truncate(3);
        assert_eq!(transaction.tell(moved).await.unwrap(), 1);
        write::write(&mut transaction, to.partition, steps).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Whoever only reads makes no tables; it finds them, or says who makes them.
    async fn ready(&self) -> Result<(), StoreError> {
        // Not one after the other: while the database hangs, each would wait for all before it.
        if self.ready.get().is_none() {
            patiently(migrate::check(&self.readers, &self.schema)).await?;
            let _ = self.ready.set(());
        }
        Ok(())
    }
}

impl Ask for Database {
    type Row = PgRow;

    async fn ask(&self, question: Question) -> Result<Vec<PgRow>, StoreError> {
        Box::pin(self.ready()).await?;
        let asked = async { self.readers.acquire().await?.ask(question).await };
        Box::pin(patiently(asked)).await
    }
}

/// Waits for an answer, but not for ever: a host that vanished says nothing.
async fn patiently<T, E>(asked: impl Future<Output = Result<T, E>>) -> Result<T, StoreError>
where
    StoreError: From<E>,
{
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Silent(PATIENCE)),
    }
}

/// sqlx prints passwords.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("schema", &self.schema)
            .field("keep_days", &self.keep_days)
            .finish_non_exhaustive()
    }
}
