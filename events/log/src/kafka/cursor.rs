//! Reading one partition from a place on.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    time::{Duration, Instant},
};

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
use tokio::time::{self, timeout_at};

use super::{context::Context, reader::Lane};
use crate::{error::EngineError, port::Record};

/// How often a record that was read is read once more. Of a topic that was made anew, librdkafka tells nothing if it did not see it
/// missing: it goes on in the new one, at the same offset.
const RECHECK: Duration = Duration::from_secs(10);

/// A consumer of one partition, at a place in it. Belongs to no group, and commits nothing.
pub(super) struct Cursor {
    consumer: StreamConsumer<Context>,
    lane: Lane,
    /// The offset of the next record to be received.
    next: Offset,
    /// Received, and not taken yet.
    received: VecDeque<Record>,
    /// The newest record that was received.
    last: Option<Record>,
    /// A record of this topic, and no other that was made in its place: the newest that had been received at the last check.
    witness: Option<Record>,
    /// What is read once more, in order, and must come before any other.
    expected: VecDeque<Record>,
    /// When that is to be done next.
    recheck: time::Instant,
    /// Why nothing more will be received.
    failure: Option<CursorError>,
    /// When it was last used.
    pub(super) idle_since: Instant,
}

/// Where a cursor starts.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// With the record at this offset.
    pub(super) at: Offset,
    /// Earlier records, in order, which must still be there.
    pub(super) witnesses: VecDeque<Record>,
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
    /// A cursor that starts there. Blocks while the consumer is made.
    pub(super) fn open(config: &ClientConfig, lane: Lane, start: Start) -> Result<Self, KafkaError> {
        let Start { at, witnesses } = start;
        let first = witnesses.front().map_or(at, |witness| witness.offset);
        let consumer: StreamConsumer<Context> = config.create_with_context(Context)?;
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(&lane.topic, lane.partition, Place::Offset(to_kafka(first)))?;
        consumer.assign(&places)?;
        Ok(Self {
            consumer,
            lane,
            next: at,
            received: VecDeque::new(),
            last: witnesses.back().cloned(),
            witness: witnesses.front().cloned(),
            expected: witnesses,
            recheck: time::Instant::now() + RECHECK,
            failure: None,
            idle_since: Instant::now(),
        })
    }

    /// The offset of the record that [`take`](Self::take) gives first.
    pub(super) fn position(&self) -> Offset {
        self.received.front().map_or(self.next, |first| first.offset)
    }

    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Whether [`take`](Self::take) gives something at once.
    pub(super) fn has_records(&self) -> bool {
        !self.received.is_empty()
    }

    /// What shows that the topic is the one that was read: an early record, that it was not made anew; the newest, that its end was not
    /// cut off.
    pub(super) fn witnesses(&self) -> VecDeque<Record> {
        let mut witnesses: VecDeque<_> = self.witness.iter().chain(&self.last).cloned().collect();
        witnesses.truncate(if self.witness == self.last { 1 } else { 2 });
        witnesses
    }

    /// Waits until there is a record to take, through an outage if need be. Cancel-safe. An error stays.
    pub(super) async fn ready(&mut self) -> Result<(), CursorError> {
        while self.received.is_empty() {
            // Looked at before each record: where they come without a pause, no time-out would end.
            if self.failure.is_none() && time::Instant::now() >= self.recheck {
                self.check();
            }
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let received = timeout_at(self.recheck, self.consumer.recv()).await;
            if let Ok(event) = received.map(|event| event.map(|message| read(&message))) {
                self.note(event);
            }
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
            Ok(Some(record)) => self.accept(record),
            Ok(None) => self.fail(CursorError::Broken(EngineError::new(Damaged(self.next)))),
            Err(error) if is_lost(&error) => self.fail(CursorError::Lost),
            // librdkafka goes on by itself once it can, and logs itself what is wrong with connections.
            Err(error) if is_connection(&error) => {
                tracing::debug!(%error, "reading the log waits");
                if self.expected.is_empty() {
                    self.check();
                }
            }
            Err(error) => tracing::warn!(%error, "reading the log waits"),
        }
    }

    fn accept(&mut self, record: Record) {
        if let Some(expected) = self.expected.front() {
            match record.offset.cmp(&expected.offset) {
                Ordering::Less => {}
                Ordering::Equal if record == *expected => self.confirm(),
                Ordering::Equal => self.fail(CursorError::Replaced(record.offset)),
                Ordering::Greater => self.fail(CursorError::Lost),
            }
        } else if record.offset == self.next {
            self.next = record.offset.next();
            self.witness.get_or_insert_with(|| record.clone());
            self.last = Some(record.clone());
            self.received.push_back(record);
        } else {
            self.fail(CursorError::Broken(EngineError::new(Damaged(self.next))));
        }
    }

    /// What was expected is there still.
    fn confirm(&mut self) {
        self.expected.pop_front();
        match self.expected.front() {
            Some(next) => self.seek(next.offset),
            None => self.witness.clone_from(&self.last),
        }
    }

    /// Has the witnesses read once more, before any other record.
    fn check(&mut self) {
        self.recheck = time::Instant::now() + RECHECK;
        if !self.expected.is_empty() {
            // They did not come since the last time.
            self.fail(CursorError::Lost);
            return;
        }
        self.expected = self.witnesses();
        if let Some(first) = self.expected.front() {
            self.seek(first.offset);
        }
    }

    /// Has the consumer go on there. Does not wait.
    fn seek(&mut self, to: Offset) {
        let Lane { topic, partition } = &self.lane;
        let place = Place::Offset(to_kafka(to));
        if let Err(error) = self.consumer.seek(topic, *partition, place, Duration::ZERO) {
            tracing::debug!(%error, "reading the log starts over");
            self.fail(CursorError::Lost);
        }
    }

    fn fail(&mut self, failure: CursorError) {
        self.failure = Some(failure);
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
