//! Asking Kafka what there is.

use std::{sync::Arc, thread, time::Duration};

use onedoor_model::ids::Offset;
use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    producer::{DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};

use super::context::Context;
use crate::port::Bounds;

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(3);

/// A client that only asks: about topics, and where partitions begin and end. It has connections of its own, so that answers do not
/// queue up behind appends. A producer, as that is librdkafka's lightest client, which produces nothing.
pub(super) struct Query(Option<ThreadedProducer<Silent>>);

/// Keeps the last thing that went wrong: why there is no answer.
#[derive(Debug, Default)]
struct Silent(Mutex<Option<String>>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Why(String);

impl Query {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self(Some(config.create_with_context(Silent::default())?)))
    }

    /// What a partition holds, by its leader.
    pub(super) async fn bounds(
        self: &Arc<Self>,
        topic: &Arc<str>,
        partition: i32,
    ) -> Result<Bounds, KafkaError> {
        let topic = Arc::clone(topic);
        let (first, end) = self
            .ask(move |producer| producer.client().fetch_watermarks(&topic, partition, QUESTION))
            .await?;
        let offset = |offset: i64| Offset(u64::try_from(offset).unwrap_or_default());
        Ok(Bounds {
            first: offset(first),
            end: offset(end),
        })
    }

    /// What there is of a topic, and which brokers there are.
    pub(super) async fn topic(self: &Arc<Self>, topic: &Arc<str>) -> Result<Metadata, KafkaError> {
        let topic = Arc::clone(topic);
        self.ask(move |producer| producer.client().fetch_metadata(Some(&topic), QUESTION))
            .await
    }

    /// What stands behind an error: what Kafka's client said last of its connections, or the error itself.
    pub(super) fn why(&self, error: &KafkaError) -> Why {
        let said = self
            .0
            .as_ref()
            .and_then(|producer| producer.context().0.lock().clone());
        Why(said.unwrap_or_else(|| error.to_string()))
    }

    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&ThreadedProducer<Silent>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let query = Arc::clone(self);
        tokio::task::spawn_blocking(move || query.0.as_ref().map_or(Err(KafkaError::Canceled), question))
            .await
            .unwrap_or(Err(KafkaError::Canceled))
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        // It joins its thread.
        let producer = self.0.take();
        thread::spawn(move || drop(producer));
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").finish_non_exhaustive()
    }
}

impl ClientContext for Silent {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let is_summary = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if !is_summary {
            *self.0.lock() = Some(reason.to_owned());
        }
        Context.error(error, reason);
    }
}

impl ProducerContext for Silent {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
