//! Recording calls: one task seals the events of this boot into its hash chain and appends them in batches.
//!
//! Invariants:
//! - Whoever may record a call has a [`Room`], which has space for all of its events, so that an outcome never waits nor is lost.
//! - An event that was taken is appended until the log has it: an unclear append is repeated with the same bytes, and readers drop
//!   duplicates by id. Only the end of the process ends that; then the boot is closed by the next one.

#[cfg(test)]
pub(super) mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use onedoor_log::{AppendError, EventLog, Partition, Stream};
use onedoor_model::{
    audit::{AuditEvent, BootClosed, BootEnd, BootOpened, DispatchedLate, ToolCallCompleted, ToolCalled},
    envelope::{Chain, Draft, Producer},
    ids::BootId,
};
use onedoor_registry::Boot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::metrics::Metrics;

/// Calls that may be under way at once.
const ROOMS: u32 = 4_096;

/// Events in one append.
const BATCH: usize = 256;

/// How long outcomes wait for a call to share a commit with. Nobody waits for an outcome, but a call would wait for its commit; a crash
/// meanwhile leaves the call's outcome unknown, as it would have a moment earlier.
const OUTCOMES_REST: Duration = Duration::from_millis(10);

/// First and longest wait before an append is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Gives out room to record calls.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    rooms: Arc<Semaphore>,
    queue: mpsc::Sender<Entry>,
    boot: BootId,
    /// Where the events of this boot are: it never changes.
    partition: Partition,
}

/// Room for the events of one call.
#[derive(Debug)]
pub(crate) struct Room(Place);

/// A call whose first event is on its way into the log. Room for the others is kept.
#[derive(Debug)]
pub(crate) struct Recording(Place);

/// Room to record that a call was dispatched late, which may be found out after its end.
#[derive(Debug)]
pub(crate) struct LateRecording(Place);

/// A call's place in the queue.
#[derive(Clone, Debug)]
struct Place {
    queue: mpsc::Sender<Entry>,
    partition: Partition,
    slot: Slot,
}

/// Given back when the last event is in the log that may come of a call.
type Slot = Arc<OwnedSemaphorePermit>;

/// The record of a call cannot be acknowledged now. The call must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log does not take records now")]
pub struct AuditUnavailable;

/// The log was closed under the recorder.
#[derive(Debug, thiserror::Error)]
#[error("the audit log is closed")]
pub(crate) struct AuditClosed(#[source] AppendError);

/// The task that writes: run it until it ends.
#[derive(Debug)]
pub(crate) struct RecorderTask {
    log: Arc<dyn EventLog>,
    chain: Chain,
    queue: mpsc::Receiver<Entry>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Entry {
    draft: Draft<AuditEvent>,
    /// Another boot's, where it is closed by this one.
    partition: Partition,
    acknowledge: Option<oneshot::Sender<()>>,
    /// Held until the event is in the log; none for what no call sends.
    slot: Option<Slot>,
}

impl Recorder {
    /// A recorder of this boot, and its task.
    #[must_use]
    pub(crate) fn new(log: Arc<dyn EventLog>, boot: &Boot, metrics: Arc<Metrics>) -> (Self, RecorderTask) {
        // Every room sends at most three events; the rest is for the boots' own.
        let (queue, receiver) = mpsc::channel(3 * ROOMS as usize + 16);
        let recorder = Self {
            rooms: Arc::new(Semaphore::new(ROOMS as usize)),
            queue,
            boot: boot.id,
            partition: partition_of(boot.id, log.partitions(Stream::Audit)),
        };
        let task = RecorderTask {
            log,
            chain: boot.chain(Producer::Audit),
            queue: receiver,
            metrics,
        };
        (recorder, task)
    }

    /// Records that this boot begins, and waits until it is in the log.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the task has ended.
    pub(crate) async fn open_boot(&self) -> Result<(), AuditUnavailable> {
        let software = env!("CARGO_PKG_VERSION").to_owned();
        self.record(self.partition, AuditEvent::BootOpened(BootOpened { software }))
            .await
    }

    /// Records that this boot has drained. All events queued before are in the log then.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the task has ended.
    pub(crate) async fn close_own_boot(&self) -> Result<(), AuditUnavailable> {
        self.close_boot(self.boot, self.partition, BootEnd::Drained).await
    }

    /// Records that another boot has died, in the partition where its calls are.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the task has ended.
    pub(crate) async fn close_dead_boot(
        &self,
        dead: BootId,
        partition: Partition,
    ) -> Result<(), AuditUnavailable> {
        self.close_boot(dead, partition, BootEnd::Died).await
    }

    async fn close_boot(
        &self,
        closed: BootId,
        partition: Partition,
        how: BootEnd,
    ) -> Result<(), AuditUnavailable> {
        self.record(partition, AuditEvent::BootClosed(BootClosed { closed, how }))
            .await
    }

    /// Records what concerns a boot.
    async fn record(&self, partition: Partition, event: AuditEvent) -> Result<(), AuditUnavailable> {
        let (acknowledge, acknowledged) = oneshot::channel();
        let entry = Entry {
            draft: Boot::draft(event),
            partition,
            acknowledge: Some(acknowledge),
            slot: None,
        };
        self.queue.send(entry).await.map_err(|_| AuditUnavailable)?;
        acknowledged.await.map_err(|_| AuditUnavailable)
    }

    /// Room, if there is any now.
    pub(crate) fn room(&self) -> Option<Room> {
        let slot = Arc::clone(&self.rooms).try_acquire_owned().ok()?;
        Some(self.room_of(slot))
    }

    /// Waits for room. The caller bounds the wait by the call's deadline.
    ///
    /// # Errors
    /// [`AuditUnavailable`]
    pub(crate) async fn reserve(&self) -> Result<Room, AuditUnavailable> {
        let slot = Arc::clone(&self.rooms).acquire_owned().await;
        slot.map(|slot| self.room_of(slot)).map_err(|_| AuditUnavailable)
    }

    /// Waits until no call has room any more: every outcome is in the log, or the task has ended.
    pub(crate) async fn settled(&self) {
        // An error says that nobody gives out room any more, which is the same.
        let _ = self.rooms.acquire_many(ROOMS).await;
    }

    fn room_of(&self, slot: OwnedSemaphorePermit) -> Room {
        Room(Place {
            queue: self.queue.clone(),
            partition: self.partition,
            slot: Arc::new(slot),
        })
    }
}

impl Room {
    /// Records a call. The second value resolves once the record is in the log, and fails if it never will be.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the task has ended.
    pub(crate) fn called(
        self,
        draft: Draft<ToolCalled>,
    ) -> Result<
        (
            Recording,
            impl Future<Output = Result<(), AuditUnavailable>> + Send + use<>,
        ),
        AuditUnavailable,
    > {
        let (acknowledge, acknowledged) = oneshot::channel();
        let draft = wrap(draft, |called| AuditEvent::ToolCalled(Box::new(called)));
        let place = self.0;
        place.clone().send(draft, Some(acknowledge))?;
        Ok((Recording(place), async move {
            acknowledged.await.map_err(|_| AuditUnavailable)
        }))
    }
}

impl Recording {
    /// Keeps room to record that the call was dispatched late.
    pub(crate) fn late(&self) -> LateRecording {
        LateRecording(self.0.clone())
    }

    /// Records how the call ended. Never waits: there is room.
    pub(crate) fn completed(self, draft: Draft<ToolCallCompleted>) {
        self.0.send_last(wrap(draft, AuditEvent::ToolCallCompleted));
    }
}

impl LateRecording {
    /// Records that the call was dispatched late. Never waits: there is room.
    pub(crate) fn dispatched(self, draft: Draft<DispatchedLate>) {
        self.0.send_last(wrap(draft, AuditEvent::DispatchedLate));
    }
}

impl Place {
    fn send_last(self, draft: Draft<AuditEvent>) {
        if self.send(draft, None).is_err() {
            // The task has ended with the process: whoever closes this boot ends its calls as unknown.
            tracing::error!("an event of a call could not be recorded: the audit task has ended");
        }
    }

    fn send(
        self,
        draft: Draft<AuditEvent>,
        acknowledge: Option<oneshot::Sender<()>>,
    ) -> Result<(), AuditUnavailable> {
        let Self {
            queue,
            partition,
            slot,
        } = self;
        let entry = Entry {
            draft,
            partition,
            acknowledge,
            slot: Some(slot),
        };
        queue.try_send(entry).map_err(|_| AuditUnavailable)
    }
}

/// The partition that a boot writes to.
fn partition_of(boot: BootId, partitions: u32) -> Partition {
    // The low bits of a UUID are random.
    let partition = boot.0.as_u128() % u128::from(partitions.max(1));
    Partition(u32::try_from(partition).unwrap_or_default())
}

impl RecorderTask {
    /// Writes until every [`Recorder`], [`Room`] and [`Recording`] is gone and all is in the log.
    ///
    /// # Errors
    /// [`AuditClosed`]: the log was closed, or takes no such event, and what was queued is lost.
    pub(crate) async fn run(mut self) -> Result<(), AuditClosed> {
        let mut batch = Vec::with_capacity(BATCH);
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            self.wait_for_a_call(&mut batch).await;
            self.append(batch.drain(..)).await?;
        }
        Ok(())
    }

    /// Takes what else comes while there are only outcomes, for a while.
    async fn wait_for_a_call(&mut self, batch: &mut Vec<Entry>) {
        let rest = tokio::time::sleep(OUTCOMES_REST);
        tokio::pin!(rest);
        while batch.len() < BATCH && batch.iter().all(|entry| entry.acknowledge.is_none()) {
            let room = BATCH - batch.len();
            tokio::select! {
                came = self.queue.recv_many(batch, room) => if came == 0 { return },
                () = rest.as_mut() => return,
            }
        }
    }

    async fn append(&mut self, entries: impl Iterator<Item = Entry>) -> Result<(), AuditClosed> {
        let mut events: Vec<(Partition, Bytes)> = Vec::new();
        // Slots are given back and callers told only once the log has all of it.
        let mut kept = Vec::new();
        for Entry {
            draft,
            partition,
            acknowledge,
            slot,
        } in entries
        {
            match self.chain.seal(draft) {
                Ok((bytes, after)) => {
                    self.chain = after;
                    events.push((partition, Bytes::from(bytes)));
                    kept.push((acknowledge, slot));
                }
                // Its caller is told, as `acknowledge` is dropped here.
                Err(error) => tracing::error!(%error, "an audit event cannot be written as JSON"),
            }
        }
        for run in events.chunk_by(|(before, _), (after, _)| before == after) {
            let Some((partition, _)) = run.first() else {
                continue;
            };
            let events = run.iter().map(|(_, bytes)| bytes.clone()).collect();
            self.append_until_taken(*partition, events).await?;
        }
        for (acknowledge, _) in kept {
            // A caller that gave up meanwhile has its call closed as not dispatched.
            let _ = acknowledge.map(|acknowledge| acknowledge.send(()));
        }
        Ok(())
    }

    async fn append_until_taken(&self, partition: Partition, events: Vec<Bytes>) -> Result<(), AuditClosed> {
        let (mut wait, longest) = RETRY;
        loop {
            let begun = Instant::now();
            self.metrics.audit_tried();
            match self.log.append(Stream::Audit, partition, events.clone()).await {
                Ok(_) => {
                    self.metrics.audit_appended(events.len(), begun.elapsed());
                    return Ok(());
                }
                Err(AppendError::Refused(refusal)) if !refusal.may_succeed_later() => {
                    self.metrics.audit_failed();
                    return Err(AuditClosed(AppendError::Refused(refusal)));
                }
                Err(error @ (AppendError::Refused(_) | AppendError::Unknown(_))) => {
                    self.metrics.audit_failed();
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the audit log takes no records"
                    );
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }
}

fn wrap<A, B>(draft: Draft<A>, data: impl FnOnce(A) -> B) -> Draft<B> {
    Draft {
        id: draft.id,
        time: draft.time,
        traceparent: draft.traceparent,
        tenant: draft.tenant,
        actor: draft.actor,
        reason: draft.reason,
        data: data(draft.data),
    }
}
