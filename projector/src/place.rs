//! Where a projection is kept.

use std::{
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use url::Url;

/// Where a projection is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file, made if it is not there.
    Sqlite(PathBuf),
    /// In a schema of a PostgreSQL database.
    Postgres(PostgresOptions),
}

/// A schema of a PostgreSQL database (version 14 or later), and how it is reached.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user@host:port/database`, without a password and without parameters.
    pub url: Url,
    /// The user's password.
    pub password: Option<Password>,
    /// The schema, which belongs to the projection: a lower-case letter, then at most 39 of `a-z`, `0-9` and `_`.
    pub schema: String,
    /// TLS: the server's certificate must be good for the host of the URL. None: plain text.
    pub tls: Option<PostgresTls>,
    /// Days, by the log's time, that the audit index keeps: older ones are dropped by the projector, whole days at a time. None: for
    /// ever. The log keeps them all the same.
    pub keep_days: Option<NonZeroU32>,
}

/// Certificates for TLS; PEM.
#[derive(Clone, Debug, Default)]
pub struct PostgresTls {
    /// Authorities that may vouch for the server, beside the public ones.
    pub ca: Option<PathBuf>,
    /// What is shown to the server.
    pub client: Option<ClientCertificate>,
}

/// A certificate chain and its key; PEM.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A password. It is never printed.
#[derive(Clone)]
pub struct Password(String);

impl PostgresOptions {
    /// The schema where none is named.
    pub const SCHEMA: &str = "onedoor";

    /// The default schema of a database, without password, in plain text, kept for ever.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            password: None,
            schema: Self::SCHEMA.to_owned(),
            tls: None,
            keep_days: None,
        }
    }
}

impl Password {
    /// A password.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<PostgresOptions> for Place {
    fn from(options: PostgresOptions) -> Self {
        Self::Postgres(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let mut options = PostgresOptions::new(Url::parse("postgres://onedoor@localhost/onedoor").unwrap());
        options.password = Some(Password::new("s3cret"));
        assert!(!format!("{:?}", Place::from(options)).contains("s3cret"));
    }
}
