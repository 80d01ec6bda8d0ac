//! Making events and looking at what a log holds.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use onedoor_log::{Bounds, EventLog, Options, Partition, Record, Stream};
use onedoor_model::ids::Offset;

pub(crate) type Log = Arc<dyn EventLog>;

pub(crate) const P0: Partition = Partition(0);

/// A log under test, and what goes with it.
pub(crate) struct Subject {
    pub(crate) log: Log,
    pub(crate) _place: Box<dyn Any + Send>,
}

/// A cap on denials that tests reach quickly.
pub(crate) const DENIALS_BYTES: u64 = 10_000;

pub(crate) fn options() -> Options {
    Options {
        denials_bytes: DENIALS_BYTES,
        ..Options::default()
    }
}

/// Nothing here takes long: what hangs, fails.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("the test takes too long")
}

/// Batch `batch` of `of` events of `size` bytes and more. Each event says which batch it is of and where it stands in it.
pub(crate) fn batch(batch: usize, of: usize, size: usize) -> Vec<Bytes> {
    (0..of)
        .map(|index| Bytes::from(format!("{batch} {index} {of} {}", "x".repeat(size))))
        .collect()
}

pub(crate) fn one(text: &str) -> Vec<Bytes> {
    vec![Bytes::copy_from_slice(text.as_bytes())]
}

pub(crate) async fn append(log: &Log, stream: Stream, events: Vec<Bytes>) -> u64 {
    log.append(stream, P0, events)
        .await
        .expect("the append is acknowledged")
        .0
}

pub(crate) async fn bounds(log: &Log, stream: Stream) -> Bounds {
    log.bounds(stream, P0).await.expect("there are bounds")
}

/// Everything that a stream holds, in whatever steps, at consecutive offsets.
pub(crate) async fn everything(log: &Log, stream: Stream) -> Vec<Record> {
    let Bounds { first, end } = bounds(log, stream).await;
    let mut records: Vec<Record> = Vec::new();
    let mut next = first;
    while next < end {
        let step = log
            .read(stream, P0, next, 100)
            .await
            .expect("records can be read");
        assert!(!step.is_empty(), "there is a record at {next}");
        for record in step {
            assert_eq!(record.offset, next, "offsets are consecutive");
            next = next.next();
            records.push(record);
        }
    }
    records
}

/// Every batch that shows in the records is whole and at consecutive offsets. Gives how many there are.
pub(crate) fn whole_batches(records: &[Record]) -> usize {
    let mut batches = 0;
    let mut rest = records;
    while let Some(record) = rest.first() {
        let (batch, index, of) = parts(record);
        assert_eq!(index, 0, "batch {batch} is torn at offset {}", record.offset);
        assert!(rest.len() >= of, "batch {batch} is cut off");
        let (this, others) = rest.split_at(of);
        for (place, record) in this.iter().enumerate() {
            assert_eq!(
                parts(record),
                (batch, place, of),
                "batch {batch} is torn at offset {}",
                record.offset
            );
        }
        rest = others;
        batches += 1;
    }
    batches
}

/// The batch, the place in it, and the size of the batch of an event of [`batch`].
fn parts(record: &Record) -> (usize, usize, usize) {
    let text = std::str::from_utf8(&record.bytes).expect("the event is as it was made");
    let mut numbers = text
        .split(' ')
        .map(|number| number.parse().expect("the event is as it was made"));
    let mut next = || numbers.next().expect("the event is as it was made");
    (next(), next(), next())
}

pub(crate) fn offsets(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.offset.0).collect()
}

pub(crate) fn at(offset: u64) -> Offset {
    Offset(offset)
}
