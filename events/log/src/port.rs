//! The port: what every engine does, and the plain values that pass through it.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_model::ids::Offset;

use crate::error::{AppendError, ReadError};

/// What a record belongs to. Each stream is ordered, and kept apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Changes of servers, grants, blocks, issuers and options. One partition, kept for ever: its offset is the revision.
    Registry,
    /// What happened to every call. Kept for ever.
    Audit,
    /// Refused calls and failed authentication. Size-capped: the oldest records go, and the first offset moves.
    Denials,
    /// What replicas tell each other: holds and leases. Kept for a while only: the oldest records go, and the first offset moves.
    Control,
}

impl Stream {
    /// Every stream.
    pub const ALL: [Self; 4] = [Self::Registry, Self::Audit, Self::Denials, Self::Control];

    /// The streams that hold facts, and are backed up: what is in `control` is worth nothing after a while.
    pub const FACTS: [Self; 3] = [Self::Registry, Self::Audit, Self::Denials];
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registry => "registry",
            Self::Audit => "audit",
            Self::Denials => "denials",
            Self::Control => "control",
        })
    }
}

/// A part of a stream with its own offsets, numbered from 0. Order holds within a partition only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// When the log took it, by the log's own clock, in whole milliseconds. Never decreases within a partition, unless another broker
    /// with another clock takes over.
    pub time: Timestamp,
    /// Exactly the bytes that were appended.
    pub bytes: Bytes,
}

/// What a partition holds: offsets from `first` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest record that is still held. Equal to `end` if nothing was ever appended.
    pub first: Offset,
    /// The offset that the next append will get.
    pub end: Offset,
}

/// An append-only log of bytes: the source of truth. It does not know what an event is.
///
/// Used as `Arc<dyn EventLog>`; every engine passes the same contract suite (`tests/engines/contract`).
#[async_trait::async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// How many partitions a stream has: `Partition(0)` up to this number, exclusive. At least 1.
    fn partitions(&self, stream: Stream) -> u32;

    /// Appends a batch and answers with the offset of its first event, once the batch would survive a crash of the machine (on
    /// Kafka: of all but one of the brokers that must have it).
    ///
    /// Its events keep their order, and so do appends in the order in which they were called; other writers' records may stand
    /// between the events. Offsets count from 0 without gaps. Many may be under way at once; those behind one that fails may be stored
    /// all the same. Waits while the engine is behind or away, without a limit of its own; others wait behind it, so that a future
    /// that was begun must be polled on, or dropped. Dropping it does not call the batch back: it may be stored still.
    ///
    /// Embedded engines do more: a batch is stored whole or not at all, at consecutive offsets; and less on `control`, where a batch
    /// is only certain to survive a crash of the process.
    ///
    /// # Errors
    /// [`AppendError::Refused`]: certainly nothing is stored. [`AppendError::Unknown`]: all of the batch, or a part from its first
    /// event on, may be stored, now or later. A retry of the same bytes is harmless: readers drop an event whose id they have seen.
    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError>;

    /// The records from `from` on, consecutive, at most `max_records` and about [`MAX_READ_BYTES`](crate::MAX_READ_BYTES); at
    /// least one if there is one and `max_records` is not 0. Empty when `from` is the end. Only durable records are seen.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] before the first record, [`ReadError::BeyondEnd`] after the end: a stream that was cut or made
    /// anew must be noticed by whoever read it before. [`ReadError::Unavailable`] when Kafka has not answered for ten seconds.
    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError>;

    /// What the partition holds now.
    ///
    /// # Errors
    /// [`ReadError`], when the engine cannot say; [`ReadError::Unavailable`] when Kafka has not answered for ten seconds.
    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError>;

    /// Completes as soon as the partition's end is greater than `offset`, that is, once a record with this offset was appended.
    /// Waits through an outage. Cancel-safe.
    ///
    /// # Errors
    /// [`ReadError::Closed`] when the log is closed meanwhile. [`ReadError::BeyondEnd`] when what was read before `offset` is seen
    /// to be gone, or replaced: where Kafka's client took a new topic for the old one, up to ten seconds later.
    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError>;

    /// Refuses further appends, answers those it has taken, and lets go of everything. Reads and waits end with
    /// [`ReadError::Closed`]. Closing again does nothing. What Kafka has not acknowledged within ten seconds is answered as
    /// [`AppendError::Unknown`].
    async fn close(&self);
}
