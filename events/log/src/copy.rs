//! Moving a log to Kafka: every record at its offset, with its time.

use std::io;

use onedoor_model::ids::Offset;
use sha2::{Digest as _, Sha256};

use crate::{
    Options,
    error::{AppendError, OpenError, ReadError},
    kafka::{FilledTopic, Filling},
    kafka_place,
    port::{Bounds, EventLog, Partition, Record, Stream},
};

/// How many records are read and appended at once.
const STEP: usize = 1_000;

/// How far a copy is. Each partition is copied first, and then read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// The stream.
    pub stream: Stream,
    /// The partition.
    pub partition: Partition,
    /// What is being done.
    pub step: CopyStep,
    /// How many records that was done with.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// What a copy does with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// Compares what an earlier attempt left with the source.
    Resuming,
    /// Appends what is missing.
    Copying,
    /// Reads both sides and compares them.
    Verifying,
}

/// A partition that was copied: both sides hold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedPartition {
    /// The stream.
    pub stream: Stream,
    /// The partition.
    pub partition: Partition,
    /// The offset in the source of what is at 0 in the copy: more than 0 only where the source no longer holds its first records,
    /// which only `denials` may.
    pub first: Offset,
    /// How many records there are.
    pub records: u64,
    /// SHA-256, in hexadecimal, over each record's time (milliseconds since 1970) and length, as eight bytes each with the most
    /// significant first, and its bytes. The same on both sides.
    pub digest: String,
}

/// Why a log was not copied. Unless the target holds something else, the same copy goes on where it stopped when it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target cannot be opened.
    #[error("cannot prepare the target")]
    Target(#[from] OpenError),
    /// The source cannot be read.
    #[error("cannot read the source")]
    Read(#[source] ReadError),
    /// The target cannot be read.
    #[error("cannot read the target")]
    ReadBack(#[source] ReadError),
    /// The target takes no records.
    #[error("cannot append to the target")]
    Append(#[source] AppendError),
    /// The source's first records are gone, and offsets could not be kept.
    #[error("{stream} of the source begins at offset {first}: without its first records it cannot be copied")]
    BeginningLost {
        /// The stream.
        stream: Stream,
        /// Its oldest record.
        first: Offset,
    },
    /// The target has fewer partitions than the source.
    #[error(
        "{stream} of the target has {target} partitions, fewer than the {source_partitions} of the source; set as many"
    )]
    FewerPartitions {
        /// The stream.
        stream: Stream,
        /// How many the source has.
        source_partitions: u32,
        /// How many the target has.
        target: u32,
    },
    /// The target holds what the source does not, or lacks what was there, or somebody else appends to it.
    #[error(
        "{stream}, partition {partition} of the target differs from the source at offset {offset}; copy to another prefix"
    )]
    Differs {
        /// The stream.
        stream: Stream,
        /// The partition.
        partition: Partition,
        /// The first offset in the target that is known to differ.
        offset: Offset,
    },
    /// Somebody appends to the source.
    #[error("{stream} of the source grew meanwhile; stop whoever uses it, and copy again")]
    SourceGrew {
        /// The stream.
        stream: Stream,
    },
    /// The source could not be marked as moved.
    #[error("cannot mark the source as moved")]
    Mark(#[source] io::Error),
}

/// Copies a log that nobody appends to any more to Kafka: `registry`, `audit` and `denials`, each record with its time and, but for
/// `denials` whose first records are gone, at its offset. Then reads both sides back and compares them, and calls `mark`, which must
/// keep the source from being used again. Only then can the target be opened as a log, so that there are never two. A copy that was
/// interrupted goes on when it is called again.
///
/// # Errors
/// [`CopyError`]
pub async fn copy_log(
    from: &dyn EventLog,
    to: &str,
    options: &Options,
    mut progress: impl FnMut(CopyProgress) + Send,
    mark: impl FnOnce() -> io::Result<()> + Send,
) -> Result<Vec<CopiedPartition>, CopyError> {
    let place = kafka_place(to)?;
    let target = Filling::open(&place, options).await?;
    let copied = async {
        let copied = copy_all(from, &target, &mut progress).await?;
        mark().map_err(CopyError::Mark)?;
        target.seal().await?;
        Ok(copied)
    };
    let copied = copied.await;
    target.close().await;
    copied
}

async fn copy_all(
    from: &dyn EventLog,
    target: &Filling<'_>,
    progress: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Vec<CopiedPartition>, CopyError> {
    let mut copied = Vec::new();
    for topic in &target.topics {
        let (stream, source_partitions) = (topic.stream, from.partitions(topic.stream));
        if source_partitions > topic.partitions() {
            return Err(CopyError::FewerPartitions {
                stream,
                source_partitions,
                target: topic.partitions(),
            });
        }
        for partition in (0..topic.partitions()).map(Partition) {
            let held = if partition.0 < source_partitions {
                from.bounds(stream, partition).await.map_err(CopyError::Read)?
            } else {
                Bounds::default()
            };
            let lane = Lane {
                from,
                topic,
                partition,
                held,
            };
            copied.push(lane.copy(progress).await?);
        }
    }
    Ok(copied)
}

/// A partition being copied.
struct Lane<'a> {
    from: &'a dyn EventLog,
    topic: &'a FilledTopic,
    partition: Partition,
    /// What the source holds of it.
    held: Bounds,
}

impl Lane<'_> {
    async fn copy(
        &self,
        progress: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<CopiedPartition, CopyError> {
        let Bounds { first, end } = self.held;
        let stream = self.topic.stream;
        if first != Offset(0) && stream != Stream::Denials {
            return Err(CopyError::BeginningLost { stream, first });
        }
        let records = end.0 - first.0;
        let there = self
            .topic
            .bounds(self.partition)
            .await
            .map_err(CopyError::ReadBack)?;
        if there.first != Offset(0) {
            return Err(self.differs(Offset(0)));
        }
        if there.end.0 > records {
            return Err(self.differs(Offset(records)));
        }
        if there.end.0 < records {
            self.compare(there.end.0, CopyStep::Resuming, progress).await?;
            self.append(there.end.0, records, progress).await?;
        }
        let digest = self.compare(records, CopyStep::Verifying, progress).await?;
        self.check_ends(records).await?;
        Ok(CopiedPartition {
            stream,
            partition: self.partition,
            first,
            records,
            digest,
        })
    }

    /// Appends what is missing from `done` on.
    async fn append(
        &self,
        mut done: u64,
        of: u64,
        progress: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<(), CopyError> {
        if self.topic.is_sealed {
            return Err(self.differs(Offset(done)));
        }
        while done < of {
            let records = self.read(done, of).await?;
            let count = records.len() as u64;
            let at = self.topic.restore(self.partition, records).await;
            if at.map_err(CopyError::Append)? != Offset(done) {
                return Err(self.differs(Offset(done)));
            }
            done += count;
            progress(self.progress(CopyStep::Copying, done, of));
        }
        Ok(())
    }

    /// Compares the first `of` records of both sides. Gives their digest.
    async fn compare(
        &self,
        of: u64,
        step: CopyStep,
        progress: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<String, CopyError> {
        let (mut source, mut target) = (Sha256::new(), Sha256::new());
        let mut done = 0;
        while done < of {
            let records = self.read(done, of).await?;
            let copies = self.read_back(done, records.len()).await?;
            let same = records
                .iter()
                .zip(&copies)
                .take_while(|(record, copy)| record.time == copy.time && record.bytes == copy.bytes)
                .count();
            if same < records.len() {
                return Err(self.differs(Offset(done + same as u64)));
            }
            records.iter().for_each(|record| digest(&mut source, record));
            copies.iter().for_each(|record| digest(&mut target, record));
            done += records.len() as u64;
            progress(self.progress(step, done, of));
        }
        let (source, target) = (source.finalize(), target.finalize());
        if source != target {
            return Err(self.differs(Offset(0)));
        }
        Ok(hex::encode(target))
    }

    /// Both sides end where they ended.
    async fn check_ends(&self, records: u64) -> Result<(), CopyError> {
        let stream = self.topic.stream;
        if self.partition.0 < self.from.partitions(stream) {
            let now = self.from.bounds(stream, self.partition).await;
            if now.map_err(CopyError::Read)? != self.held {
                return Err(CopyError::SourceGrew { stream });
            }
        }
        let there = self.topic.bounds(self.partition).await;
        if there.map_err(CopyError::ReadBack)?.end != Offset(records) {
            return Err(self.differs(Offset(records)));
        }
        Ok(())
    }

    /// Records of the source from the one that is to be at `done` in the target, at least one.
    async fn read(&self, done: u64, of: u64) -> Result<Vec<Record>, CopyError> {
        let most = usize::try_from(of - done).unwrap_or(usize::MAX).min(STEP);
        let at = Offset(self.held.first.0 + done);
        let stream = self.topic.stream;
        let records = self.from.read(stream, self.partition, at, most).await;
        let records = records.map_err(CopyError::Read)?;
        if records.is_empty() {
            return Err(CopyError::SourceGrew { stream });
        }
        Ok(records)
    }

    /// As many records of the target.
    async fn read_back(&self, done: u64, count: usize) -> Result<Vec<Record>, CopyError> {
        let mut records = Vec::new();
        while records.len() < count {
            let at = Offset(done + records.len() as u64);
            let more = self.topic.read(self.partition, at, count - records.len()).await;
            let more = more.map_err(CopyError::ReadBack)?;
            if more.is_empty() {
                return Err(self.differs(at));
            }
            records.extend(more);
        }
        Ok(records)
    }

    fn progress(&self, step: CopyStep, done: u64, of: u64) -> CopyProgress {
        CopyProgress {
            stream: self.topic.stream,
            partition: self.partition,
            step,
            done,
            of,
        }
    }

    fn differs(&self, offset: Offset) -> CopyError {
        CopyError::Differs {
            stream: self.topic.stream,
            partition: self.partition,
            offset,
        }
    }
}

fn digest(digest: &mut Sha256, record: &Record) {
    digest.update(record.time.as_millisecond().to_be_bytes());
    digest.update((record.bytes.len() as u64).to_be_bytes());
    digest.update(&record.bytes);
}
