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
mod select;
mod swap;
mod write;

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, LogId, Offset};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

pub(crate) use self::{
    lease::LEASE,
    swap::{REPLACED, SHADOW, Swap},
};
use crate::{
    error::{OpenError, QueryError, StoreError},
    place::PostgresOptions,
    progress::Progress,
    project::Step,
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page},
    rows::{
        digest::TableDigest,
        offsets::{Advance, Move},
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
    ready: Arc<OnceCell<()>>,
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

    pub(crate) async fn positions(&self) -> Result<Vec<(Stream, Partition, Offset)>, StoreError> {
        self.ready().await?;
        patiently(select::positions(&self.readers)).await
    }

    pub(crate) async fn log(&self) -> Result<Option<LogId>, StoreError> {
        self.ready().await?;
        patiently(select::log(&self.readers)).await
    }

    pub(crate) async fn state(&self) -> Result<Option<Frozen>, StoreError> {
        self.ready().await?;
        patiently(select::state(&self.readers)).await
    }

    pub(crate) async fn calls(&self, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
        self.ready().await?;
        select::calls(&self.readers, query).await
    }

    pub(crate) async fn history(&self, query: &HistoryQuery) -> Result<Page<HistoryRow>, QueryError> {
        self.ready().await?;
        select::history(&self.readers, query).await
    }

    pub(crate) async fn open_boots(&self, except: BootId) -> Result<Vec<OpenBoot>, StoreError> {
        self.ready().await?;
        patiently(select::open_boots(&self.readers, except)).await
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
            let pause = match self.positions().await {
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
        let mut connection = connect::alone(&self.options).await?;
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
        patiently(advance::adopt(&self.writers, log)).await
    }

    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        patiently(advance::enlist(&self.writers, stream, partition)).await
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

    /// Whoever only reads makes no tables; it finds them, or says who makes them.
    async fn ready(&self) -> Result<(), StoreError> {
        let check = || patiently(migrate::check(&self.readers, &self.schema));
        self.ready.get_or_try_init(check).await.map(|_| ())
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
