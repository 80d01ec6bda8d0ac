//! Places of a test's own: files, and schemas of the PostgreSQL that runs. (The crate's own tests use this file, too.)

use onedoor_projector::{Place, PostgresOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// Which database keeps a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A place of its own, gone when this is dropped.
pub(crate) struct Ground {
    pub(crate) place: Place,
    _folder: TempDir,
}

impl Ground {
    pub(crate) fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = match engine {
            Engine::Sqlite => Place::Sqlite(folder.path().join("projection.db")),
            Engine::Postgres => {
                let mut options = PostgresOptions::new(postgres());
                options.schema = format!("t{}", Uuid::new_v4().simple());
                Place::Postgres(options)
            }
        };
        Self {
            place,
            _folder: folder,
        }
    }
}

/// Where PostgreSQL is, for tests.
pub(crate) fn postgres() -> Url {
    const NAME: &str = "ONEDOOR_TEST_POSTGRES";
    let stack = concat!(env!("CARGO_MANIFEST_DIR"), "/../.stack/env");
    let written = std::fs::read_to_string(stack).unwrap_or_default();
    let written = written
        .lines()
        .find_map(|line| line.strip_prefix(NAME)?.strip_prefix('='));
    let url = std::env::var(NAME).ok().or_else(|| written.map(str::to_owned));
    let url = url.unwrap_or_else(|| panic!("{NAME} is not set, and no stack runs: `make stack` starts it"));
    url.parse().unwrap()
}

/// A connection beside the store's.
pub(crate) async fn connect(options: &PostgresOptions) -> PgConnection {
    let reached: PgConnectOptions = options.url.as_str().parse().unwrap();
    reached
        .options([("search_path", &options.schema)])
        .connect()
        .await
        .unwrap()
}

impl Drop for Ground {
    fn drop(&mut self) {
        let Place::Postgres(options) = self.place.clone() else {
            return;
        };
        let dropping = async move {
            let mut connection = connect(&options).await;
            for schema in ["", "_rebuild", "_replaced"].map(|end| format!("{}{end}", options.schema)) {
                let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
                let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            }
        };
        // A test's runtime cannot be waited on from within.
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(dropping);
        });
        let _ = thread.join();
    }
}
