//! Moving an embedded log to Kafka.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use onedoor_log::{
    AppendError, Bounds, CopiedPartition, CopyError, CopyStep, EngineError, EventLog, MemoryLog, OpenError,
    Options, Partition, ReadError, Record, Stream, copy_log,
};
use onedoor_model::ids::Offset;

use super::{Topics, few_partitions, open, try_open};
use crate::contract::{Log, P0, append, at, batch, bounds, everything, in_time, options};

/// A log with 300 records in each stream, those of `denials` not all held any more, and none from this very millisecond.
async fn source() -> Log {
    let log: Log = Arc::new(MemoryLog::new(options()));
    for n in 0..100 {
        for stream in Stream::FACTS {
            append(&log, stream, batch(n, 3, 100)).await;
        }
    }
    let last = everything(&log, Stream::Denials).await.pop().unwrap().time;
    while jiff::Timestamp::now().as_millisecond() <= last.as_millisecond() + 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log
}

async fn copy_of(source: &dyn EventLog, topics: &Topics) -> Result<Vec<CopiedPartition>, CopyError> {
    let options = few_partitions(Options::default());
    in_time(copy_log(source, &topics.url(), &options, |_| {}, || Ok(()))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_has_every_record_at_its_offset_and_with_its_time() {
    let (topics, source) = (Topics::new(), source().await);
    let options = few_partitions(Options::default());
    let mut steps = Vec::new();
    let url = topics.url();
    let copied = copy_log(
        &*source,
        &url,
        &options,
        |progress| steps.push((progress.stream, progress.step, progress.done, progress.of)),
        || Ok(()),
    );
    let copied = in_time(copied).await.unwrap();

    let copy = open(&topics, options).await;
    for stream in Stream::FACTS {
        let (held, copies) = (everything(&source, stream).await, everything(&copy, stream).await);
        let first = held[0].offset.0;
        assert!(held.len() == copies.len() && (first == 0 || stream == Stream::Denials));
        for (record, copy) in held.iter().zip(&copies) {
            assert_eq!(record.offset.0, copy.offset.0 + first);
            assert!((record.time, &record.bytes) == (copy.time, &copy.bytes));
        }
        let report = &copied[Stream::FACTS.iter().position(|one| *one == stream).unwrap()
            + usize::from(stream == Stream::Denials)];
        assert_eq!(
            (report.stream, report.first.0, report.records),
            (stream, first, held.len() as u64)
        );
        assert_eq!(report.digest.len(), 64);
        let of = held.len() as u64;
        for step in [CopyStep::Copying, CopyStep::Verifying] {
            assert!(steps.contains(&(stream, step, of, of)), "{stream} {step:?}");
        }
    }
    // It is a log like any other: it goes on, by its own clock.
    let before = jiff::Timestamp::now().as_millisecond();
    assert_eq!(append(&copy, Stream::Registry, batch(0, 1, 0)).await, 300);
    let newest = copy.read(Stream::Registry, P0, at(300), 1).await.unwrap();
    assert!(newest[0].time.as_millisecond() >= before);
    // To copy again changes nothing, and is refused once the copy has gone on.
    let again = copy_of(&*source, &topics).await;
    assert!(
        matches!(
            again,
            Err(CopyError::Differs {
                stream: Stream::Registry,
                offset: Offset(300),
                ..
            })
        ),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_interrupted_is_no_log_and_goes_on() {
    let (topics, source) = (Topics::new(), source().await);
    let options = few_partitions(Options::default());
    let breaks = Breaks {
        sound: source.clone(),
        reads: AtomicUsize::new(3),
    };
    let copied = copy_of(&breaks, &topics).await;
    assert!(
        matches!(copied, Err(CopyError::Read(ReadError::Engine(_)))),
        "{copied:?}"
    );
    let opened = try_open(&topics, options.clone()).await;
    let Err(OpenError::WrongTopic { faults, .. }) = opened else {
        panic!("opened: {opened:?}");
    };
    assert!(
        faults
            .0
            .iter()
            .any(|fault| fault.setting == "message.timestamp.type")
    );
    assert!(faults.to_string().contains("CreateTime"));

    copy_of(&*source, &topics).await.unwrap();
    let copy = open(&topics, options).await;
    for stream in [Stream::Registry, Stream::Audit] {
        assert!(everything(&source, stream).await == everything(&copy, stream).await);
    }
}

/// There are never two logs: without the mark, the copy cannot be opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_marked_as_moved_is_not_moved() {
    let (topics, source) = (Topics::new(), source().await);
    let options = few_partitions(Options::default());
    let url = topics.url();
    let unmarked = || Err(std::io::ErrorKind::StorageFull.into());
    let copied = in_time(copy_log(&*source, &url, &options, |_| {}, unmarked)).await;
    assert!(matches!(copied, Err(CopyError::Mark(_))), "{copied:?}");
    let opened = try_open(&topics, options).await;
    assert!(matches!(opened, Err(OpenError::WrongTopic { .. })), "{opened:?}");
    copy_of(&*source, &topics).await.unwrap();
    assert_eq!(
        bounds(&open(&topics, Options::default()).await, Stream::Registry)
            .await
            .end,
        at(300)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_holds_something_else_is_left_alone() {
    let (topics, source) = (Topics::new(), source().await);
    let other = open(&topics, Options::default()).await;
    append(&other, Stream::Registry, batch(1, 1, 0)).await;
    let copied = copy_of(&*source, &topics).await;
    assert!(
        matches!(
            copied,
            Err(CopyError::Differs {
                stream: Stream::Registry,
                offset: Offset(0),
                ..
            })
        ),
        "{copied:?}"
    );
    assert_eq!(bounds(&other, Stream::Registry).await.end, at(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_grows_is_noticed() {
    let (topics, source) = (Topics::new(), source().await);
    let options = few_partitions(Options::default());
    let url = topics.url();
    let grow = |_| {
        let grown = source.append(Stream::Registry, P0, batch(7, 1, 0)).now_or_never();
        grown.unwrap().unwrap();
    };
    let copied = copy_log(&*source, &url, &options, grow, || panic!("it is not whole"));
    let copied = in_time(copied).await;
    assert!(
        matches!(
            copied,
            Err(CopyError::SourceGrew {
                stream: Stream::Registry
            })
        ),
        "{copied:?}"
    );
}

#[tokio::test]
async fn only_kafka_can_be_copied_to() {
    let copied = copy_log(
        &MemoryLog::new(Options::default()),
        "sqlite:///x",
        &Options::default(),
        |_| {},
        || Ok(()),
    )
    .await;
    assert!(
        matches!(copied, Err(CopyError::Target(OpenError::InvalidUrl { .. }))),
        "{copied:?}"
    );
}

/// A log that cannot be read any more after some reads.
#[derive(Debug)]
struct Breaks {
    sound: Log,
    reads: AtomicUsize,
}

#[async_trait]
impl EventLog for Breaks {
    fn partitions(&self, stream: Stream) -> u32 {
        self.sound.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        self.sound.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let left = self
            .reads
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => {
                self.sound
                    .read(stream, partition, from, max_records.min(200))
                    .await
            }
            Err(_) => Err(ReadError::Engine(EngineError::new("broken"))),
        }
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.sound.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.sound.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.sound.close().await;
    }
}
