//! Where reading `control` begins, at boot and after a gap.

use std::time::Duration;

use onedoor_log::{EventLog, Partition, ReadError, Stream};
use onedoor_model::{
    control::{ControlEvent, Tick},
    envelope::Envelope,
    ids::Offset,
    lease::{HoldLost, start},
};

use crate::ControlError;

/// The partition that `control` has.
pub(crate) const PARTITION: Partition = Partition(0);

/// Records before the end among which a tick is looked for: a minute of three replicas.
const LOOK_BACK: u64 = 1_000;

/// How long until it is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Notes the end of `control`, and finds where to read from so that no open hold is missed. Tries until it can.
pub(crate) async fn find(log: &dyn EventLog) -> Result<Offset, ControlError> {
    loop {
        match attempt(log).await? {
            Ok(offset) => return Ok(offset),
            Err(NotYet::Read(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "control cannot be read now"
                );
            }
            Err(NotYet::HoldLost(lost)) => {
                tracing::error!(%lost, "nothing can be served until the replicas that run have enforced it");
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Why reading cannot begin now.
enum NotYet {
    Read(ReadError),
    HoldLost(HoldLost),
}

async fn attempt(log: &dyn EventLog) -> Result<Result<Offset, NotYet>, ControlError> {
    let bounds = match log.bounds(Stream::Control, PARTITION).await {
        Ok(bounds) => bounds,
        Err(error) => return not_yet(error),
    };
    let mut next = Offset(bounds.end.0.saturating_sub(LOOK_BACK)).max(bounds.first);
    let mut ticks: Vec<Tick> = Vec::new();
    while next < bounds.end {
        let most = usize::try_from(LOOK_BACK).unwrap_or(usize::MAX);
        let records = match log.read(Stream::Control, PARTITION, next, most).await {
            Ok(records) => records,
            Err(error) => return not_yet(error),
        };
        for record in &records {
            let event = Envelope::<ControlEvent>::read(&record.bytes).map_err(|source| {
                let offset = record.offset;
                ControlError::Unreadable { offset, source }
            })?;
            if let ControlEvent::Tick(tick) = event.data {
                ticks.push(tick);
            }
            next = record.offset.next();
        }
        if records.is_empty() {
            break;
        }
    }
    Ok(start(bounds.first, ticks).map_err(NotYet::HoldLost))
}

/// Sorts what passes from what does not.
fn not_yet(error: ReadError) -> Result<Result<Offset, NotYet>, ControlError> {
    match error {
        ReadError::Closed | ReadError::NoSuchPartition(_) => Err(error.into()),
        // The oldest records went meanwhile, or the end that was noted is another stream's: look again.
        ReadError::Truncated { .. }
        | ReadError::BeyondEnd { .. }
        | ReadError::Engine(_)
        | ReadError::Unavailable(_) => Ok(Err(NotYet::Read(error))),
    }
}
