//! Stores of a test's own.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use onedoor_log::EventLog;
use onedoor_projector::{Place, PostgresOptions, Store};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

pub(crate) use crate::ground::{Engine, Ground, connect};
use crate::support::{Projector, caught_up};

/// A store in a place of its own.
pub(crate) struct Room {
    pub(crate) place: Place,
    pub(crate) store: Store,
    /// Goes with the room.
    _ground: Ground,
}

impl Room {
    pub(crate) async fn new(engine: Engine) -> Self {
        Self::on(Ground::new(engine)).await
    }

    /// A store in a given place.
    pub(crate) async fn on(ground: Ground) -> Self {
        Self {
            store: Store::open(ground.place.clone()).await.unwrap(),
            place: ground.place.clone(),
            _ground: ground,
        }
    }

    /// A store with everything that is in the log, projected in one go.
    pub(crate) async fn of(engine: Engine, log: &Arc<dyn EventLog>) -> Self {
        let room = Self::new(engine).await;
        let projector = Projector::start(log, &room.store);
        caught_up(log, &room.store).await;
        projector.stop().await.unwrap();
        room
    }

    /// The store, opened once more: as another process has it.
    pub(crate) async fn again(&self) -> Store {
        Store::open(self.place.clone()).await.unwrap()
    }

    /// A projector that was dropped has not said so: others take it to be active for a while.
    pub(crate) async fn forget_the_dead(&self) {
        if let Place::Postgres(options) = &self.place {
            let mut connection = connect(options).await;
            // There may be no tables yet.
            let _ = sqlx::raw_sql("DELETE FROM projector_lease")
                .execute(&mut connection)
                .await;
        }
    }

    /// The rows of a query whose one column is text.
    pub(crate) async fn rows(&self, sql: &'static str) -> BTreeSet<String> {
        let rows: Vec<String> = match &self.place {
            Place::Sqlite(path) => {
                let mut connection = SqliteConnectOptions::new()
                    .filename(path)
                    .connect()
                    .await
                    .unwrap();
                let rows = sqlx::query_scalar(sql).fetch_all(&mut connection).await;
                connection.close().await.unwrap();
                rows.unwrap()
            }
            Place::Postgres(options) => {
                let mut connection = connect(options).await;
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
        };
        rows.into_iter().collect()
    }

    /// The file.
    pub(crate) fn path(&self) -> &PathBuf {
        let Place::Sqlite(path) = &self.place else {
            panic!("it is no file");
        };
        path
    }

    /// The schema.
    pub(crate) fn schema(&self) -> &PostgresOptions {
        let Place::Postgres(options) = &self.place else {
            panic!("it is no schema");
        };
        options
    }

    /// Whatever is to be done to the tables.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(path) => {
                let mut connection = SqliteConnectOptions::new()
                    .filename(path)
                    .connect()
                    .await
                    .unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Place::Postgres(options) => {
                let mut connection = connect(options).await;
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
        }
    }
}
