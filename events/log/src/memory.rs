//! `memory://`: gone with the process. For tests, and for whoever needs a log but not its past.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_model::ids::Offset;
use parking_lot::Mutex;

use crate::{
    Options,
    clock::log_time,
    error::{AppendError, ReadError, Refusal},
    limits::{self, CONTROL_BYTES, MAX_READ_BYTES, PARTITIONS, RECORD_OVERHEAD},
    port::{Bounds, EventLog, Partition, Record, Stream},
    progress::Progress,
};

/// The engine `memory://`. Durable only as long as the process lives.
#[derive(Debug)]
pub struct MemoryLog {
    registry: Lane,
    audit: Lane,
    denials: Lane,
    control: Lane,
}

/// One stream.
#[derive(Debug)]
struct Lane {
    held: Mutex<Held>,
    progress: Progress,
}

#[derive(Debug)]
struct Held {
    /// Consecutive, ending before `end`.
    records: VecDeque<Record>,
    end: Offset,
    /// What the records count towards the cap.
    weight: u64,
    cap: Option<u64>,
    last_time: Timestamp,
    closed: bool,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as every engine takes them, though this one keeps only a number"
    )]
    pub fn new(options: Options) -> Self {
        Self {
            registry: Lane::new(None),
            audit: Lane::new(None),
            denials: Lane::new(Some(options.denials_bytes)),
            control: Lane::new(Some(CONTROL_BYTES)),
        }
    }

    fn lane(&self, stream: Stream) -> &Lane {
        match stream {
            Stream::Registry => &self.registry,
            Stream::Audit => &self.audit,
            Stream::Denials => &self.denials,
            Stream::Control => &self.control,
        }
    }
}

#[async_trait::async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self, _stream: Stream) -> u32 {
        PARTITIONS
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        limits::partition_exists(stream, partition).map_err(Refusal::from)?;
        limits::batch_bytes(&events)?;
        let lane = self.lane(stream);
        let mut held = lane.held.lock();
        if held.closed {
            return Err(Refusal::Closed.into());
        }
        let first = held.append(events);
        lane.progress.publish(held.bounds());
        Ok(first)
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        limits::partition_exists(stream, partition)?;
        let held = self.lane(stream).held.lock();
        if held.closed {
            return Err(ReadError::Closed);
        }
        held.read(from, max_records)
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        limits::partition_exists(stream, partition)?;
        self.lane(stream).progress.bounds()
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        limits::partition_exists(stream, partition)?;
        self.lane(stream).progress.wait_for(offset).await
    }

    async fn close(&self) {
        for stream in Stream::ALL {
            let lane = self.lane(stream);
            let mut held = lane.held.lock();
            held.closed = true;
            held.records.clear();
            lane.progress.close();
        }
    }
}

impl Lane {
    fn new(cap: Option<u64>) -> Self {
        Self {
            held: Mutex::new(Held {
                records: VecDeque::new(),
                end: Offset(0),
                weight: 0,
                cap,
                last_time: Timestamp::UNIX_EPOCH,
                closed: false,
            }),
            progress: Progress::new(Bounds::default()),
        }
    }
}

impl Held {
    fn bounds(&self) -> Bounds {
        Bounds {
            first: self.records.front().map_or(self.end, |record| record.offset),
            end: self.end,
        }
    }

    fn append(&mut self, events: Vec<Bytes>) -> Offset {
        let first = self.end;
        self.last_time = log_time(self.last_time);
        for bytes in events {
            let record = Record {
                offset: self.end,
                time: self.last_time,
                bytes,
            };
            self.weight += weight(&record);
            self.records.push_back(record);
            self.end = self.end.next();
        }
        self.trim();
        first
    }

    /// Drops the oldest records over the cap, but never the newest.
    fn trim(&mut self) {
        let Some(cap) = self.cap else { return };
        while self.weight > cap && self.records.len() > 1 {
            self.weight -= self.records.pop_front().as_ref().map_or(0, weight);
        }
    }

    fn read(&self, from: Offset, max_records: usize) -> Result<Vec<Record>, ReadError> {
        let bounds = self.bounds();
        limits::starts_within(bounds, from)?;
        // The records are in memory, so that their number fits.
        let skip = usize::try_from(from.0 - bounds.first.0).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let mut records = Vec::new();
        for record in self.records.iter().skip(skip).take(max_records) {
            bytes += record.bytes.len();
            records.push(record.clone());
            if bytes >= MAX_READ_BYTES {
                break;
            }
        }
        Ok(records)
    }
}

fn weight(record: &Record) -> u64 {
    record.bytes.len() as u64 + RECORD_OVERHEAD
}
