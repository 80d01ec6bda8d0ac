//! How the database is reached.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use url::Host;

use super::{PATIENCE, SHADOW};
use crate::{
    error::{OpenError, StoreError},
    place::PostgresOptions,
};

/// Every log partition has a follower, and each writes often and briefly.
const WRITERS: u32 = 4;
/// How many reads go on at once; more wait.
const READERS: u32 = 8;
/// How long to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// What all connections have.
const COMMON: [(&str, &str); 4] = [
    // Which of a table's days are asked for is in the values: a plan that is good for all values opens all days.
    ("plan_cache_mode", "force_custom_plan"),
    // The server learns within seconds that the host on the other side is gone.
    ("tcp_keepalives_idle", "2"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "2"),
];

const WRITING: [(&str, &str); 8] = [
    // A projector that was stopped within a transaction must not keep the next one from its rows.
    ("idle_in_transaction_session_timeout", "1000"),
    ("client_connection_check_interval", "1000"),
    // Whoever waits for a lock is tried again; whoever waits for ever is not.
    ("lock_timeout", "5000"),
    // A crash of the database may take back the last commits, but rows and offsets together. They are projected again.
    ("synchronous_commit", "off"),
    // A batch finds its rows by their keys, one by one, however little the planner thinks a young table holds.
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("enable_seqscan", "off"),
];

/// A process that was stopped in mid-migration must not keep all others from theirs.
const MIGRATING: [(&str, &str); 3] = [
    ("idle_session_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "5000"),
    // Whoever reads a table that is to be changed is waited for, but not for ever: all others wait behind.
    ("lock_timeout", "10000"),
];

const READING: [(&str, &str); 2] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "30000"),
];

/// What a connection to the schema needs.
pub(super) fn options(place: &PostgresOptions) -> Result<PgConnectOptions, OpenError> {
    let fault = |reason: &str| OpenError::Address {
        url: place.url.to_string(),
        reason: reason.to_owned(),
    };
    let url = &place.url;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(fault("it does not begin with postgres://"));
    }
    if url.password().is_some() {
        // Not repeated.
        return Err(OpenError::Address {
            url: "postgres://…".to_owned(),
            reason: "a password is given beside the URL, not in it".to_owned(),
        });
    }
    if url.query().is_some() {
        return Err(fault("it has parameters; there are options for what can be set"));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(fault("it names no host")),
    };
    let database = url.path().trim_start_matches('/');
    if database.is_empty() || url.username().is_empty() {
        return Err(fault(
            "it must name user and database: postgres://user@host/database",
        ));
    }
    if !is_plain(&place.schema) {
        return Err(OpenError::Schema(place.schema.clone()));
    }
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(url.port().unwrap_or(5432))
        .username(url.username())
        .database(database)
        .application_name("onedoor")
        .options(COMMON)
        .options([("search_path", &place.schema)])
        .disable_statement_logging();
    if let Some(password) = &place.password {
        options = options.password(password.expose());
    }
    secured(options, place)
}

/// With TLS, the server must be who the URL says.
fn secured(options: PgConnectOptions, place: &PostgresOptions) -> Result<PgConnectOptions, OpenError> {
    let Some(tls) = &place.tls else {
        return Ok(options.ssl_mode(PgSslMode::Disable));
    };
    let mut options = options.ssl_mode(PgSslMode::VerifyFull);
    if let Some(ca) = &tls.ca {
        options = options.ssl_root_cert(readable(ca)?);
    }
    if let Some(client) = &tls.client {
        options = options
            .ssl_client_cert(readable(&client.certificate)?)
            .ssl_client_key(readable(&client.key)?);
    }
    Ok(options)
}

/// Found out now, not when the first connection is made.
fn readable(path: &Path) -> Result<&Path, OpenError> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(path),
        Err(source) => Err(OpenError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Whether a schema's name can stand in SQL as it is, with room for what a rebuild puts behind it.
fn is_plain(schema: &str) -> bool {
    schema.strip_suffix(SHADOW).unwrap_or(schema).len() <= 40
        && schema.starts_with(|first: char| first.is_ascii_lowercase())
        && !schema.starts_with("pg_")
        && schema
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Connections that write.
pub(super) fn writers(options: &PgConnectOptions) -> PgPool {
    // Followers wait for each other. Whether the database is there at all, the lease's connection finds out.
    pool(WRITERS)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone().options(WRITING))
}

/// The connection for the lease: whoever says that he is there must not have to wait for his own work.
pub(super) fn lease(options: &PgConnectOptions) -> PgPool {
    pool(1).connect_lazy_with(options.clone().options(WRITING))
}

/// Connections that only read.
pub(super) fn readers(options: &PgConnectOptions) -> PgPool {
    pool(READERS).connect_lazy_with(options.clone().options(READING))
}

fn pool(size: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE)
}

/// A connection of its own, for what may take long.
pub(super) async fn alone(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    match tokio::time::timeout(ACQUIRE, options.connect()).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(StoreError::Silent(ACQUIRE)),
    }
}

/// A connection of its own that migrates.
pub(super) async fn migrating(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    alone(&options.clone().options(MIGRATING)).await
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::place::{Password, PostgresTls};

    fn place(url: &str) -> PostgresOptions {
        PostgresOptions::new(Url::parse(url).unwrap())
    }

    #[test]
    fn a_good_address_is_taken_apart() {
        let mut place = place("postgres://ada@[::1]:5433/onedoor");
        place.password = Some(Password::new("s3cret"));
        let options = options(&place).unwrap();
        assert_eq!(
            (options.get_host(), options.get_port(), options.get_username()),
            ("::1", 5433, "ada")
        );
        assert_eq!(options.get_database(), Some("onedoor"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Disable));
    }

    #[test]
    fn tls_always_verifies_the_host() {
        let mut place = place("postgres://ada@db/onedoor");
        place.tls = Some(PostgresTls::default());
        assert!(matches!(
            options(&place).unwrap().get_ssl_mode(),
            PgSslMode::VerifyFull
        ));
        place.tls = Some(PostgresTls {
            ca: Some("/nowhere/ca.pem".into()),
            client: None,
        });
        assert!(matches!(options(&place), Err(OpenError::Io { .. })));
    }

    #[test]
    fn a_bad_address_is_refused_and_a_password_in_it_is_not_repeated() {
        for url in [
            "mysql://ada@db/onedoor",
            "postgres://db/onedoor",
            "postgres://ada@db",
            "postgres://ada@db/onedoor?sslmode=disable",
            "postgres://ada:s3cret@db/onedoor",
        ] {
            let error = options(&place(url)).unwrap_err();
            assert!(matches!(error, OpenError::Address { .. }), "{url}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        for schema in ["", "Onedoor", "1door", "pg_x", "a-b", "a\"b", &"a".repeat(41)] {
            let place = PostgresOptions {
                schema: schema.to_owned(),
                ..place("postgres://ada@db/onedoor")
            };
            assert!(matches!(options(&place), Err(OpenError::Schema(_))), "{schema}");
        }
    }
}
