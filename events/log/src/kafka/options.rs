//! What can be set about a log in Kafka beside its place.

use std::{fmt, path::PathBuf};

/// How Kafka is reached, and how its topics are made. None of it changes what is in the log.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// How many partitions `audit` has. Topics that are there must have as many.
    pub audit_partitions: u32,
    /// How many brokers keep each partition; if `None`, three, or as many as there are. Above two, an append is acknowledged
    /// once two have it.
    pub replication: Option<u32>,
    /// Whether topics that are not there are made.
    pub create_topics: bool,
    /// TLS towards the brokers; plain text if `None`.
    pub tls: Option<Tls>,
    /// How this client says who it is; as nobody if `None`, or by its certificate.
    pub sasl: Option<Sasl>,
}

/// TLS towards the brokers.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// PEM file of the authorities that sign brokers' certificates; the system's if `None`.
    pub ca: Option<PathBuf>,
    /// What this client shows to brokers that ask for a certificate.
    pub client: Option<ClientCertificate>,
}

/// A certificate of this client.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// PEM file of the certificate and those that sign it.
    pub certificate: PathBuf,
    /// PEM file of its private key, not encrypted.
    pub key: PathBuf,
}

/// How this client says who it is.
#[derive(Clone, Debug)]
pub enum Sasl {
    /// By name and password.
    Password {
        /// How the password is shown.
        mechanism: PasswordMechanism,
        /// The name.
        user: String,
        /// The password.
        password: Password,
    },
    /// `OAUTHBEARER`: by a token that an OAuth server issues to the client itself (RFC 6749, section 4.4).
    OAuthBearer {
        /// Where tokens are issued. Its certificate must be signed by one of the system's authorities.
        token_endpoint: String,
        /// Who asks.
        client_id: String,
        /// How it proves that.
        client_secret: Password,
        /// What the token is for, where the server wants to know.
        scope: Option<String>,
    },
}

/// How a password is shown to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordMechanism {
    /// As it is (RFC 4616): needs TLS.
    Plain,
    /// By a proof (RFC 5802).
    ScramSha256,
    /// By a proof (RFC 5802).
    ScramSha512,
}

/// A secret. Never printed.
#[derive(Clone)]
pub struct Password(String);

impl Default for KafkaOptions {
    /// Six partitions of `audit`, topics made where there are none, in plain text.
    fn default() -> Self {
        Self {
            audit_partitions: 6,
            replication: None,
            create_topics: true,
            tls: None,
            sasl: None,
        }
    }
}

impl PasswordMechanism {
    /// Its name among SASL mechanisms.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl Password {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
