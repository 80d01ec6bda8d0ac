//! The store: one type, whichever database keeps it.

#[cfg(test)]
mod plans;
#[cfg(test)]
mod tests;

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{BootId, Digest, LogId, Offset};
use tracing::warn;
use uuid::Uuid;

use crate::{
    error::{OpenError, QueryError, StoreError},
    place::Place,
    postgres,
    progress::Progress,
    project::Step,
    query::{CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page},
    rows::{
        digest::{self, TableDigest},
        offsets::{Advance, Move},
        select,
        state::{Frozen, KeptState},
    },
    sqlite,
    status::Status,
};

/// A projection: in an SQLite file, or in a schema of PostgreSQL. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    pub(crate) progress: Progress,
}

#[derive(Clone, Debug)]
enum Engine {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Store {
    /// Opens a store. The one place that knows which databases there are.
    ///
    /// An SQLite file is made if it is not there (mode 0600, in a folder of mode 0700), and its tables are brought up to date.
    /// PostgreSQL is reached only when it is needed, so that whoever can do without it starts without it; its tables are made and
    /// brought up to date by [`run`](crate::run), and by nobody who only reads.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(place: impl Into<Place>) -> Result<Self, OpenError> {
        let engine = match place.into() {
            Place::Sqlite(path) => Engine::Sqlite(sqlite::Database::open(&path).await?),
            Place::Postgres(options) => Engine::Postgres(postgres::Database::open(&options)?),
        };
        Ok(Self {
            engine,
            progress: Progress::default(),
        })
    }

    /// A store of a database that a test looks into.
    #[cfg(test)]
    pub(crate) fn of_sqlite(database: sqlite::Database) -> Self {
        Self {
            engine: Engine::Sqlite(database),
            progress: Progress::default(),
        }
    }

    /// The first offset that is not projected yet. 0 for a partition that nobody has followed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn position(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        let positions = self.positions().await?;
        let found = positions
            .into_iter()
            .find(|(s, p, _)| (*s, *p) == (stream, partition));
        Ok(found.map_or(Offset(0), |(_, _, position)| position))
    }

    /// [`position`](Self::position) of every partition that was ever followed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn positions(&self) -> Result<Vec<(Stream, Partition, Offset)>, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => select::positions(database).await,
            Engine::Postgres(database) => select::positions(database).await,
        }
    }

    /// The log that it is a projection of; none before it has followed one.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn log(&self) -> Result<Option<LogId>, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => select::log(database).await,
            Engine::Postgres(database) => select::log(database).await,
        }
    }

    /// The registry's state, to go on folding from; none where none was kept yet, or only by another version of Onedoor.
    ///
    /// It may lag behind [`position`](Self::position) by a second or so. Before it is gone on from, it must be found to be of the log
    /// ([`KeptState::is_of`]).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn state(&self) -> Result<Option<KeptState>, StoreError> {
        let frozen = match &self.engine {
            Engine::Sqlite(database) => select::state(database).await?,
            Engine::Postgres(database) => select::state(database).await?,
        };
        let Some(frozen) = frozen else { return Ok(None) };
        // It may be large. A task that was cancelled or died has no result: then there is none.
        let thawed = tokio::task::spawn_blocking(move || frozen.thaw()).await;
        match thawed {
            Ok(Ok(kept)) => Ok(Some(kept)),
            Ok(Err(useless)) => {
                warn!(
                    error = &useless as &dyn std::error::Error,
                    "the kept registry state is of no use"
                );
                Ok(None)
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the kept registry state was not read"
                );
                Ok(None)
            }
        }
    }

    /// Completes once the record at `offset` is projected, by whichever process. Where none projects, or the database is away, never:
    /// wait with a deadline. Cancel-safe.
    pub async fn reached(&self, stream: Stream, partition: Partition, offset: Offset) {
        let here = self.progress.reached(stream, partition, offset);
        match &self.engine {
            Engine::Sqlite(_) => here.await,
            Engine::Postgres(database) => tokio::select! {
                () = here => {}
                () = database.watch(&self.progress, stream, partition, offset) => {}
            },
        }
    }

    /// Calls, the newest first.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn calls(&self, query: &CallQuery) -> Result<Page<CallRow>, QueryError> {
        match &self.engine {
            Engine::Sqlite(database) => select::calls(database, query).await,
            Engine::Postgres(database) => select::calls(database, query).await,
        }
    }

    /// The history of a server, the oldest event first. Commands that were refused are in it.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn history(&self, query: &HistoryQuery) -> Result<Page<HistoryRow>, QueryError> {
        match &self.engine {
            Engine::Sqlite(database) => select::history(database, query).await,
            Engine::Postgres(database) => select::history(database, query).await,
        }
    }

    /// The boots that nobody has closed, but for the given one, oldest first. Whoever closes them must first have waited until
    /// everything in the audit is projected ([`Store::reached`]).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn open_boots(&self, except: BootId) -> Result<Vec<OpenBoot>, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => select::open_boots(database, except).await,
            Engine::Postgres(database) => select::open_boots(database, except).await,
        }
    }

    /// A digest of every row, in an order of their own: equal for equal projections, however they came about, and in whichever database.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn digest(&self) -> Result<Digest, StoreError> {
        Ok(digest::whole(&self.digests().await?))
    }

    pub(crate) async fn digests(&self) -> Result<Vec<TableDigest>, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.digests().await,
            Engine::Postgres(database) => database.digests().await,
        }
    }

    /// What the projector of this store or its clones does.
    #[must_use]
    pub fn status(&self) -> Status {
        self.progress.status()
    }

    /// Lets go of the database. Clones cannot be used any more.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(database) => database.close().await,
            Engine::Postgres(database) => database.close().await,
        }
    }

    /// Brings the tables up to date.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(database) => database.migrate().await,
        }
    }

    /// Whether `projector` is the active one for the next [`LEASE`](postgres::LEASE). Those of one file need not take turns: it has one
    /// writer at a time.
    pub(crate) async fn hold(&self, projector: Uuid) -> Result<bool, StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(true),
            Engine::Postgres(database) => database.hold(projector).await,
        }
    }

    /// Lets another projector be the active one at once.
    pub(crate) async fn release(&self, projector: Uuid) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(database) => database.release(projector).await,
        }
    }

    /// Makes room for the next days of the audit, and drops those that are kept no longer.
    pub(crate) async fn keep_house(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(database) => database.keep_house().await,
        }
    }

    /// Makes this a projection of `log`, if it is none yet, and says of which log it is one.
    pub(crate) async fn adopt(&self, log: LogId) -> Result<LogId, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.adopt(log).await,
            Engine::Postgres(database) => database.adopt(log).await,
        }
    }

    /// Makes sure that a partition can be advanced, and says where it stands.
    pub(crate) async fn enlist(&self, stream: Stream, partition: Partition) -> Result<Offset, StoreError> {
        let position = match &self.engine {
            Engine::Sqlite(database) => database.enlist(stream, partition).await?,
            Engine::Postgres(database) => database.enlist(stream, partition).await?,
        };
        self.progress.publish(stream, partition, position);
        Ok(position)
    }

    /// Writes the rows of `steps`, and the registry's state where one is given, and moves the partition: all or nothing.
    pub(crate) async fn advance(
        &self,
        to: Move,
        steps: &[Step],
        state: Option<&Frozen>,
    ) -> Result<Advance, StoreError> {
        let advance = match &self.engine {
            Engine::Sqlite(database) => database.advance(to, steps, state).await?,
            Engine::Postgres(database) => database.advance(to, steps, state).await?,
        };
        let position = match advance {
            Advance::Done => to.next,
            Advance::Elsewhere(position) => position,
        };
        self.progress.publish(to.stream, to.partition, position);
        Ok(advance)
    }
}
