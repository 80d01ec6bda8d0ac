//! Reading one partition from a place on.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use onedoor_model::ids::Offset;
use rdkafka::{
    ClientConfig, Message as _, Offset as Place, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};

use super::context::Context;
use crate::{error::EngineError, port::Record};

/// A consumer of one partition, at a place in it. Belongs to no group, and commits nothing.
pub(super) struct Cursor {
    consumer: StreamConsumer<Context>,
    /// The offset of the next record from the consumer.
    next: Offset,
    /// Received, and not taken yet.
    received: VecDeque<Record>,
    /// The newest record that was received: what must still be there after a doubt.
    last: Option<Record>,
    /// The record that must come first, and is not given: the place is the one after it.
    expected: Option<Record>,
    /// Why nothing more will be received.
    failure: Option<CursorError>,
    /// When it was last used.
    pub(super) idle_since: Instant,
}

/// Where a cursor starts.
#[derive(Clone, Debug)]
pub(super) enum Start {
    /// With the record at this offset.
    At(Offset),
    /// With the one after this record, which must still be there.
    After(Record),
}

/// Why a cursor cannot go on. What may pass by itself is waited for, and is no error.
#[derive(Clone, Debug)]
pub(super) enum CursorError {
    /// The place is not in the partition, or the partition is not there. What holds must be looked up.
    Lost,
    /// At this offset, there is another record than there was.
    Replaced(Offset),
    /// Something that will not pass.
    Broken(EngineError),
}

/// The partition skips an offset, or holds what has no time.
#[derive(Debug, thiserror::Error)]
#[error("record {0} is missing or damaged")]
struct Damaged(Offset);

impl Cursor {
    /// A cursor that starts there.
    pub(super) fn open(
        config: &ClientConfig,
        topic: &str,
        partition: i32,
        start: Start,
    ) -> Result<Self, KafkaError> {
        let (next, last) = match start {
            Start::At(offset) => (offset, None),
            Start::After(record) => (record.offset, Some(record)),
        };
        let consumer: StreamConsumer<Context> = config.create_with_context(Context)?;
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(topic, partition, Place::Offset(to_kafka(next)))?;
        consumer.assign(&places)?;
        Ok(Self {
            consumer,
            next,
            received: VecDeque::new(),
            last: last.clone(),
            expected: last,
            failure: None,
            idle_since: Instant::now(),
        })
    }

    /// The offset of the record that [`take`](Self::take) gives first.
    pub(super) fn position(&self) -> Offset {
        match (self.received.front(), &self.expected) {
            (Some(first), _) => first.offset,
            (None, Some(expected)) => expected.offset.next(),
            (None, None) => self.next,
        }
    }

    /// Whether [`take`](Self::take) gives something at once.
    pub(super) fn has_records(&self) -> bool {
        !self.received.is_empty()
    }

    /// The newest record that was received.
    pub(super) fn last(&self) -> Option<&Record> {
        self.last.as_ref()
    }

    /// Waits until there is a record to take, through an outage if need be. Cancel-safe. An error stays.
    pub(super) async fn ready(&mut self) -> Result<(), CursorError> {
        while self.received.is_empty() {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let event = self.consumer.recv().await.map(|message| read(&message));
            self.note(event);
        }
        Ok(())
    }

    /// The records that are here, at most `max_records` and about `max_bytes`. Does not wait.
    pub(super) fn take(&mut self, max_records: usize, max_bytes: usize) -> Vec<Record> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < max_records && bytes < max_bytes {
            if self.received.is_empty() && self.failure.is_none() {
                let Some(event) = self.consumer.recv().now_or_never() else {
                    break;
                };
                let event = event.map(|message| read(&message));
                self.note(event);
                continue;
            }
            let Some(record) = self.received.pop_front() else {
                break;
            };
            bytes += record.bytes.len();
            records.push(record);
        }
        records
    }

    fn note(&mut self, event: Result<Option<Record>, KafkaError>) {
        match event {
            Ok(Some(record)) if record.offset == self.next => self.accept(record),
            Ok(_) => self.failure = Some(CursorError::Broken(EngineError::new(Damaged(self.next)))),
            Err(error) if is_lost(&error) => self.failure = Some(CursorError::Lost),
            // librdkafka goes on by itself once it can, and logs itself what is wrong with connections.
            Err(error) if is_connection(&error) => tracing::debug!(%error, "reading the log waits"),
            Err(error) => tracing::warn!(%error, "reading the log waits"),
        }
    }

    fn accept(&mut self, record: Record) {
        self.next = record.offset.next();
        match self.expected.take() {
            None => {
                self.last = Some(record.clone());
                self.received.push_back(record);
            }
            Some(expected) if expected == record => {}
            Some(expected) => self.failure = Some(CursorError::Replaced(expected.offset)),
        }
    }
}

/// Whether librdkafka stops at an error: the offset is not in the partition, or the topic is not there.
fn is_lost(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(
                Code::AutoOffsetReset
                    | Code::OffsetOutOfRange
                    | Code::LogTruncation
                    | Code::UnknownTopic
                    | Code::UnknownTopicOrPartition
                    | Code::UnknownPartition
                    | Code::UnknownTopicId
            )
        )
}

fn is_connection(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::OperationTimedOut)
    )
}

/// A message as a record; `None` if it lacks what every message has.
fn read(message: &BorrowedMessage<'_>) -> Option<Record> {
    let time = Timestamp::from_millisecond(message.timestamp().to_millis()?).ok()?;
    Some(Record {
        offset: Offset(u64::try_from(message.offset()).ok()?),
        time,
        bytes: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
    })
}

/// Kafka's offsets are signed. What has no place there is beyond every end.
fn to_kafka(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}
