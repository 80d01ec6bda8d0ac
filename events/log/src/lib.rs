//! The log: the source of truth. One port, [`EventLog`], and its engines, picked by URL in one place, [`open`].
//!
//! The log keeps bytes and gives them back exactly; it does not know what they mean. An append is acknowledged once it would
//! survive a crash, and offsets count from 0 without gaps.

mod clock;
mod copy;
mod error;
mod kafka;
mod limits;
mod memory;
mod port;
mod progress;
mod sqlite;
mod tail;

use std::{path::Path, sync::Arc};

use self::kafka::Place;
pub use self::{
    copy::{CopiedPartition, CopyError, CopyProgress, CopyStep, copy_log},
    error::{
        AppendError, EngineError, NoSuchPartition, OpenError, ReadError, Refusal, TopicFault, TopicFaults,
    },
    kafka::{ClientCertificate, KafkaLog, KafkaOptions, Password, PasswordMechanism, Sasl, Tls},
    limits::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, MAX_READ_BYTES},
    memory::MemoryLog,
    port::{Bounds, EventLog, Partition, Record, Stream},
    sqlite::SqliteLog,
    tail::Tail,
};

/// What can be set about a log beside its place.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many bytes of `denials` are kept. Embedded engines count 32 bytes more than its event for each record, and always keep
    /// the newest; Kafka goes by whole segments of an eighth of this, a mebibyte at least, every few minutes.
    pub denials_bytes: u64,
    /// How Kafka is reached, where the log is there.
    pub kafka: KafkaOptions,
}

impl Default for Options {
    /// 256 MiB of denials, and Kafka in plain text.
    fn default() -> Self {
        Self {
            denials_bytes: 256 << 20,
            kafka: KafkaOptions::default(),
        }
    }
}

/// Opens the log that a URL names, with the default [`Options`]: `sqlite:///absolute/folder` or `sqlite://relative/folder`, made
/// if it is not there; `kafka://host:port,host:port/prefix`, whose topics `prefix.registry` and so on are made where they are not
/// there; or `memory://`, which is gone with the process.
///
/// # Errors
/// [`OpenError`]
pub async fn open(url: &str) -> Result<Arc<dyn EventLog>, OpenError> {
    open_with(url, Options::default()).await
}

/// [`open`], with options. The one place that knows which engines there are.
///
/// # Errors
/// [`OpenError`]
pub async fn open_with(url: &str, options: Options) -> Result<Arc<dyn EventLog>, OpenError> {
    let invalid = |rule| OpenError::InvalidUrl {
        url: url.to_owned(),
        rule,
    };
    match url.split_once("://") {
        Some(("sqlite", "")) => Err(invalid("sqlite:// must be followed by a folder")),
        Some(("sqlite", folder)) if folder.contains(['?', '#']) => Err(invalid(
            "the folder is all that follows sqlite://, without '?' and '#'",
        )),
        Some(("sqlite", folder)) => Ok(Arc::new(SqliteLog::open(Path::new(folder), options).await?)),
        Some(("kafka", _)) => Ok(Arc::new(KafkaLog::open(&kafka_place(url)?, &options).await?)),
        Some(("memory", "")) => Ok(Arc::new(MemoryLog::new(options))),
        Some(("memory", _)) => Err(invalid("nothing may follow memory://")),
        Some(_) | None => Err(OpenError::UnknownEngine { url: url.to_owned() }),
    }
}

/// Whether a URL names a log in Kafka, by its form alone.
///
/// # Errors
/// The rule that is broken.
pub fn check_kafka_url(url: &str) -> Result<(), &'static str> {
    read_place(url).map(|_| ())
}

/// Where in Kafka a URL says that a log is.
fn kafka_place(url: &str) -> Result<Place, OpenError> {
    read_place(url).map_err(|rule| OpenError::InvalidUrl {
        url: url.to_owned(),
        rule,
    })
}

fn read_place(url: &str) -> Result<Place, &'static str> {
    let place = url
        .strip_prefix("kafka://")
        .ok_or("it must start with kafka://")?;
    Place::parse(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_engine_is_answered_with_those_there_are() {
        for url in ["kafka:broker:9092/x", "postgres://x", "sqlite:/x", "memory", ""] {
            let error = open(url).await.unwrap_err();
            assert!(
                matches!(&error, OpenError::UnknownEngine { url: named } if named == url),
                "{error:?}"
            );
            let text = error.to_string();
            assert!(
                ["sqlite://", "kafka://", "memory://"]
                    .iter()
                    .all(|engine| text.contains(engine)),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn what_follows_the_engine_is_checked() {
        for url in [
            "sqlite://",
            "sqlite://folder?mode=ro",
            "sqlite://folder#1",
            "memory://x",
            "kafka://broker:9092",
        ] {
            assert!(
                matches!(open(url).await, Err(OpenError::InvalidUrl { .. })),
                "{url}"
            );
        }
        open("memory://").await.unwrap();
    }
}
