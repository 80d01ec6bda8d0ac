//! The audit path over a log that refuses when told to.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use onedoor_log::{Bounds, EngineError, MemoryLog, Options, ReadError, Record, Refusal};
use onedoor_model::{
    audit::{Caller, KeyedDigest, Outcome},
    envelope::Envelope,
    ids::{CallId, Digest, EventId, Offset, ServerId, VersionNumber},
    registry::Stage,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::*;

/// A log whose appends can be made to fail, before or after they are stored.
#[derive(Debug)]
struct Faulty {
    log: MemoryLog,
    refuses: AtomicBool,
    /// How many more appends are stored but not acknowledged.
    unclear: AtomicUsize,
    /// Which partitions it was given events for; all are kept in the first.
    given: Mutex<Vec<Partition>>,
}

/// Partitions of the audit that it says it has.
const PARTITIONS: u32 = 6;

#[async_trait::async_trait]
impl EventLog for Faulty {
    fn partitions(&self, _: Stream) -> u32 {
        PARTITIONS
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(AppendError::Refused(Refusal::NoSpace(EngineError::new("full"))));
        }
        self.given.lock().extend(events.iter().map(|_| partition));
        let offset = self.log.append(stream, Partition(0), events).await?;
        let unclear = self
            .unclear
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match unclear {
            Ok(_) => Err(AppendError::Unknown(EngineError::new("no answer"))),
            Err(_) => Ok(offset),
        }
    }

    async fn read(
        &self,
        s: Stream,
        p: Partition,
        from: Offset,
        most: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.log.read(s, p, from, most).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.log.bounds(stream, partition).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.log.wait_for(stream, partition, offset).await
    }

    async fn close(&self) {
        self.log.close().await;
    }
}

impl Faulty {
    fn new() -> Arc<Self> {
        let log = MemoryLog::new(Options::default());
        Arc::new(Self {
            log,
            refuses: AtomicBool::new(false),
            unclear: AtomicUsize::new(0),
            given: Mutex::default(),
        })
    }

    async fn events(&self) -> Vec<Envelope<AuditEvent>> {
        let records = self
            .read(Stream::Audit, Partition(0), Offset(0), usize::MAX)
            .await
            .unwrap();
        records
            .iter()
            .map(|record| Envelope::read(&record.bytes).unwrap())
            .collect()
    }

    /// Waits until the log holds so many events.
    async fn holds(&self, events: u64) {
        let wait = self.wait_for(Stream::Audit, Partition(0), Offset(events - 1));
        tokio::time::timeout(Duration::from_secs(5), wait)
            .await
            .expect("in time")
            .unwrap();
    }
}

fn recorder(log: &Arc<Faulty>) -> Recorder {
    let boot = Boot::new("test".parse().unwrap());
    let (recorder, task) = Recorder::new(
        Arc::clone(log) as Arc<dyn EventLog>,
        &boot,
        Arc::new(Metrics::new()),
    );
    tokio::spawn(task.run());
    recorder
}

pub(in crate::audit) fn called(call: CallId) -> Draft<ToolCalled> {
    Boot::draft(ToolCalled {
        call,
        operation: "tools/call".to_owned(),
        server: ServerId(Uuid::nil()),
        slug: "finance".parse().unwrap(),
        version: VersionNumber(1),
        stage: Stage::Production,
        tool: "read".parse().unwrap(),
        tool_digest: Digest::of(b"tool"),
        caller: Caller {
            issuer: "idp".parse().unwrap(),
            tenant: "t".parse().unwrap(),
            user: None,
            user_name: None,
            client: "app".parse().unwrap(),
            token_id: "token".to_owned(),
        },
        required_scope: "read".parse().unwrap(),
        audience: "api://finance".to_owned(),
        strategy: "gateway-issued".to_owned(),
        grants: Vec::new(),
        revision: Offset(1),
        arguments: KeyedDigest {
            key_id: "k".to_owned(),
            digest: Digest::of(b"{}"),
        },
        arguments_size: 2,
    })
}

fn completed(call: CallId) -> Draft<ToolCallCompleted> {
    Boot::draft(ToolCallCompleted {
        call,
        outcome: Outcome::Succeeded,
        duration_us: 1,
        upstream_us: None,
        answer_size: 0,
    })
}

#[tokio::test]
async fn a_record_is_acknowledged_only_once_the_log_has_it() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    let call = CallId(Uuid::now_v7());
    log.refuses.store(true, Ordering::SeqCst);
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    let mut acknowledged = std::pin::pin!(acknowledged);
    let early = tokio::time::timeout(Duration::from_millis(100), acknowledged.as_mut()).await;
    assert!(early.is_err(), "acknowledged without being stored");
    // A gap is latency, not failure: once the log takes events again, this one goes in.
    log.refuses.store(false, Ordering::SeqCst);
    assert_eq!(acknowledged.await, Ok(()));
    assert_eq!(log.events().await.len(), 1);
    recording.completed(completed(call));
    log.holds(2).await;
}

#[tokio::test]
async fn an_unclear_append_is_repeated_with_the_same_event() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    let call = CallId(Uuid::now_v7());
    log.unclear.store(1, Ordering::SeqCst);
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    assert_eq!(acknowledged.await, Ok(()));
    recording.completed(completed(call));
    log.holds(3).await;
    let events = log.events().await;
    let ids: std::collections::BTreeSet<EventId> = events.iter().map(|event| event.id).collect();
    assert_eq!(
        (events.len(), ids.len()),
        (3, 2),
        "a duplicate of the same id, which readers drop"
    );
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [0, 0, 1],
        "the chain goes on"
    );
}

#[tokio::test]
async fn an_outcome_is_recorded_though_nobody_waits_and_the_log_fails_meanwhile() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    log.refuses.store(true, Ordering::SeqCst);
    recording.completed(completed(call));
    log.refuses.store(false, Ordering::SeqCst);
    log.holds(2).await;
}

#[tokio::test]
async fn room_is_bounded_and_comes_back_with_the_outcome() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(recorder.reserve().await.unwrap());
    }
    let full = tokio::time::timeout(Duration::from_millis(50), recorder.reserve()).await;
    assert!(full.is_err(), "more calls than there is room for");
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = rooms.pop().unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    let full = tokio::time::timeout(Duration::from_millis(50), recorder.reserve()).await;
    assert!(full.is_err(), "the outcome still has its room");
    recording.completed(completed(call));
    tokio::time::timeout(Duration::from_secs(5), recorder.reserve())
        .await
        .expect("room again")
        .unwrap();
}

#[tokio::test]
async fn nothing_is_acknowledged_by_a_log_that_is_closed() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    log.close().await;
    let (_recording, acknowledged) = recorder
        .reserve()
        .await
        .unwrap()
        .called(called(CallId(Uuid::now_v7())))
        .unwrap();
    assert_eq!(acknowledged.await, Err(AuditUnavailable));
    let refused = recorder
        .reserve()
        .await
        .and_then(|room| room.called(called(CallId(Uuid::now_v7()))).map(|_| ()));
    assert_eq!(refused, Err(AuditUnavailable));
}

#[tokio::test]
async fn a_boot_is_opened_and_closed_around_its_calls() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    recorder.open_boot().await.unwrap();
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    recording.completed(completed(call));
    recorder.close_own_boot().await.unwrap();
    let kinds: Vec<_> = log
        .events()
        .await
        .iter()
        .map(|event| onedoor_model::envelope::EventData::kind(&event.data))
        .collect();
    assert_eq!(
        kinds,
        [
            "dev.onedoor.BootOpened.v1",
            "dev.onedoor.ToolCalled.v1",
            "dev.onedoor.ToolCallCompleted.v1",
            "dev.onedoor.BootClosed.v1",
        ]
    );
}

#[tokio::test]
async fn a_boot_writes_to_one_partition_and_closes_a_dead_one_where_that_one_did() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    recorder.open_boot().await.unwrap();
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    let own = log.given.lock()[0];
    let others = Partition((own.0 + 1) % PARTITIONS);
    let dead = BootId(Uuid::now_v7());
    recorder.close_dead_boot(dead, others).await.unwrap();
    recording.completed(completed(call));
    recorder.close_own_boot().await.unwrap();
    assert_eq!(*log.given.lock(), [own, own, others, own, own]);
    let closed: Vec<_> = log
        .events()
        .await
        .iter()
        .filter_map(|event| match &event.data {
            AuditEvent::BootClosed(closed) => Some((closed.closed, closed.how)),
            AuditEvent::BootOpened(_)
            | AuditEvent::ToolCalled(_)
            | AuditEvent::ToolCallCompleted(_)
            | AuditEvent::DispatchedLate(_) => None,
        })
        .collect();
    assert_eq!(closed, [(dead, BootEnd::Died), (recorder.boot, BootEnd::Drained)]);
}

#[tokio::test]
async fn calls_are_settled_once_every_outcome_is_in_the_log() {
    let log = Faulty::new();
    let recorder = recorder(&log);
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    let late = recording.late();
    log.refuses.store(true, Ordering::SeqCst);
    recording.completed(completed(call));
    let early = tokio::time::timeout(Duration::from_millis(50), recorder.settled()).await;
    assert!(early.is_err(), "its outcome is not in the log");
    log.refuses.store(false, Ordering::SeqCst);
    log.holds(2).await;
    let early = tokio::time::timeout(Duration::from_millis(50), recorder.settled()).await;
    assert!(early.is_err(), "it may still be found to be late");
    drop(late);
    tokio::time::timeout(Duration::from_secs(5), recorder.settled())
        .await
        .expect("settled");
}
