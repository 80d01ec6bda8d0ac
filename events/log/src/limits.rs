//! How much at once. The same for every engine, so that what one takes the others take too.

use bytes::Bytes;
use onedoor_model::ids::Offset;

use crate::{
    error::{NoSuchPartition, ReadError, Refusal},
    port::{Bounds, Partition, Stream},
};

/// The greatest size of an event: 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// The most events in a batch.
pub const MAX_BATCH_EVENTS: usize = 1_000;
/// The greatest size of a batch: 8 MiB.
pub const MAX_BATCH_BYTES: usize = 8 << 20;
/// A read ends with the record that brings it to this size: 4 MiB.
pub const MAX_READ_BYTES: usize = 4 << 20;

/// What a record counts towards the cap of `denials` beside its bytes, so that small events cannot pile up without bound.
pub(crate) const RECORD_OVERHEAD: u64 = 32;

/// How many bytes of `control` the embedded engines keep: about ten thousand records, half an hour of one replica.
pub(crate) const CONTROL_BYTES: u64 = 8 << 20;

/// The embedded engines keep each stream in one partition.
pub(crate) const PARTITIONS: u32 = 1;

/// The size of a batch that may be appended.
pub(crate) fn batch_bytes(events: &[Bytes]) -> Result<usize, Refusal> {
    if events.is_empty() {
        return Err(Refusal::EmptyBatch);
    }
    if let Some((index, event)) = events
        .iter()
        .enumerate()
        .find(|(_, event)| event.len() > MAX_EVENT_BYTES)
    {
        return Err(Refusal::EventTooLarge {
            index,
            bytes: event.len(),
            limit: MAX_EVENT_BYTES,
        });
    }
    let bytes = events.iter().map(Bytes::len).sum();
    if events.len() > MAX_BATCH_EVENTS || bytes > MAX_BATCH_BYTES {
        return Err(Refusal::BatchTooLarge {
            events: events.len(),
            bytes,
            max_events: MAX_BATCH_EVENTS,
            max_bytes: MAX_BATCH_BYTES,
        });
    }
    Ok(bytes)
}

/// Refuses a partition that the embedded engines do not have.
pub(crate) fn partition_exists(stream: Stream, partition: Partition) -> Result<(), NoSuchPartition> {
    if partition.0 < PARTITIONS {
        Ok(())
    } else {
        Err(NoSuchPartition { stream, partition })
    }
}

/// Refuses a read that starts outside of what there is. The end itself is inside: there is nothing there yet.
pub(crate) fn starts_within(bounds: Bounds, from: Offset) -> Result<(), ReadError> {
    if from < bounds.first {
        Err(ReadError::Truncated { first: bounds.first })
    } else if from > bounds.end {
        Err(ReadError::BeyondEnd { end: bounds.end })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded() {
        let event = |bytes: usize| Bytes::from(vec![0; bytes]);
        assert!(matches!(batch_bytes(&[]), Err(Refusal::EmptyBatch)));
        assert!(matches!(
            batch_bytes(&[event(0), event(MAX_EVENT_BYTES)]),
            Ok(MAX_EVENT_BYTES)
        ));
        assert!(matches!(
            batch_bytes(&[event(0), event(MAX_EVENT_BYTES + 1)]),
            Err(Refusal::EventTooLarge { index: 1, .. })
        ));
        assert!(batch_bytes(&vec![event(1); MAX_BATCH_EVENTS]).is_ok());
        assert!(matches!(
            batch_bytes(&vec![event(1); MAX_BATCH_EVENTS + 1]),
            Err(Refusal::BatchTooLarge { .. })
        ));
        assert!(batch_bytes(&vec![event(MAX_EVENT_BYTES); 8]).is_ok());
        assert!(matches!(
            batch_bytes(&vec![event(MAX_EVENT_BYTES); 9]),
            Err(Refusal::BatchTooLarge { .. })
        ));
    }

    #[test]
    fn a_read_starts_within_the_bounds_or_at_the_end() {
        let bounds = Bounds {
            first: Offset(3),
            end: Offset(5),
        };
        assert!(matches!(
            starts_within(bounds, Offset(2)),
            Err(ReadError::Truncated { first: Offset(3) })
        ));
        for inside in 3..=5 {
            assert!(starts_within(bounds, Offset(inside)).is_ok());
        }
        assert!(matches!(
            starts_within(bounds, Offset(6)),
            Err(ReadError::BeyondEnd { end: Offset(5) })
        ));
    }
}
