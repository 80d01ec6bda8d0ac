//! Where reading `control` begins, at boot and after a gap.

use std::time::Duration;

use onedoor_log::{EventLog, Partition, ReadError, Record, Stream};
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
        match attempt(log).await {
            Ok(Ok(offset)) => return Ok(offset),
            Ok(Err(lost)) => {
                tracing::error!(%lost, "nothing can be served until the replicas that run have enforced it");
            }
            // The oldest records may have gone meanwhile: look again.
            Err(ControlError::Read(error)) if may_pass(&error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "control cannot be read now"
                );
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn attempt(log: &dyn EventLog) -> Result<Result<Offset, HoldLost>, ControlError> {
    let bounds = log.bounds(Stream::Control, PARTITION).await?;
    let mut next = Offset(bounds.end.0.saturating_sub(LOOK_BACK)).max(bounds.first);
    let mut ticks: Vec<(Offset, Tick)> = Vec::new();
    while next < bounds.end {
        let most = usize::try_from(LOOK_BACK).unwrap_or(usize::MAX);
        let records = log.read(Stream::Control, PARTITION, next, most).await?;
        for Record { offset, bytes, .. } in &records {
            let event = Envelope::<ControlEvent>::read(bytes).map_err(|source| {
                let offset = *offset;
                ControlError::Unreadable { offset, source }
            })?;
            match event.data {
                ControlEvent::Tick(tick) => ticks.push((*offset, tick)),
                ControlEvent::Hold(_) => {}
            }
            next = offset.next();
        }
        if records.is_empty() {
            break;
        }
    }
    Ok(start(bounds.first, ticks))
}

fn may_pass(error: &ReadError) -> bool {
    match error {
        ReadError::Closed | ReadError::NoSuchPartition(_) => false,
        ReadError::Truncated { .. }
        | ReadError::BeyondEnd { .. }
        | ReadError::Engine(_)
        | ReadError::Unavailable(_) => true,
    }
}
