//! Boots that died, and such as only seem to have, over a log on which a silent boot is soon dead.

use onedoor_lease::Control;
use onedoor_log::{EventLog, Stream};
use onedoor_model::{
    audit::{AuditEvent, BootClosed, BootEnd},
    control::{ControlEvent, Tick, VOCABULARY},
    envelope::{Envelope, Producer},
    ids::{CallId, Offset},
    lease::DEAD_AFTER,
};
use onedoor_projector::{CallOutcome, CallQuery};
use onedoor_registry::Boot;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use crate::{audit::recorder::tests::called, metrics::Metrics, upstream::scene::Scene};

use super::*;

const P0: Partition = Partition(0);

/// A replica that has lived for a while, and what is known of the audit.
struct Ground {
    scene: Scene,
    log: Arc<dyn EventLog>,
    store: Store,
    recorder: Recorder,
    _projector: AbortOnDropHandle<()>,
    _folder: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let log = scene.log();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("projection.db")).await.unwrap();
        let projector = onedoor_projector::run(Arc::clone(&log), store.clone(), CancellationToken::new());
        let projector = tokio::spawn(async { projector.await.unwrap() });
        let recorder = recorder(&log, &scene.boot);
        let nobody = BootId(Uuid::now_v7());
        in_time("it to live for a while", async {
            while !scene.control.is_dead(nobody) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        Self {
            scene,
            log,
            store,
            recorder,
            _projector: AbortOnDropHandle::new(projector),
            _folder: folder,
        }
    }

    fn dead_boots(&self) -> DeadBoots {
        DeadBoots::new(&self.scene.control, &self.recorder, &self.store)
    }

    /// Waits until all of the audit is projected.
    async fn projected(&self) {
        let end = self.log.bounds(Stream::Audit, P0).await.unwrap().end;
        let last = Offset(end.0 - 1);
        let reached = Box::pin(self.store.reached(Stream::Audit, P0, last));
        in_time("the projection", reached).await;
    }

    /// The boots that were closed.
    async fn closed(&self) -> Vec<BootId> {
        let records = self
            .log
            .read(Stream::Audit, P0, Offset(0), usize::MAX)
            .await
            .unwrap();
        let events = records
            .iter()
            .map(|record| Envelope::read(&record.bytes).unwrap().data);
        events
            .filter_map(|event| {
                let AuditEvent::BootClosed(BootClosed {
                    closed,
                    how: BootEnd::Died,
                }) = event
                else {
                    return None;
                };
                Some(closed)
            })
            .collect()
    }

    async fn outcome(&self, call: CallId) -> CallOutcome {
        self.projected().await;
        let all = CallQuery {
            server: None,
            tool: None,
            user: None,
            client: None,
            outcome: None,
            since: None,
            until: None,
            limit: std::num::NonZeroU32::MAX,
            cursor: None,
        };
        let rows = self.store.calls(&all).await.unwrap().items;
        rows.iter().find(|row| row.call == call).unwrap().outcome
    }
}

fn recorder(log: &Arc<dyn EventLog>, boot: &Boot) -> Recorder {
    let (recorder, task) = Recorder::new(Arc::clone(log), boot, Arc::new(Metrics::new()));
    tokio::spawn(task.run());
    recorder
}

/// A call whose outcome never comes.
async fn call(recorder: &Recorder) -> CallId {
    let call = CallId(Uuid::now_v7());
    let (recording, acknowledged) = recorder.reserve().await.unwrap().called(called(call)).unwrap();
    acknowledged.await.unwrap();
    drop(recording);
    call
}

/// Fails rather than hangs.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let patience = DEAD_AFTER + Duration::from_secs(15);
    timeout(patience, future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

#[tokio::test]
async fn a_dead_boot_is_closed_and_again_if_more_of_it_comes_into_the_log() {
    let ground = Ground::new().await;
    let dead = Boot::new("dead".parse().unwrap());
    let its = recorder(&ground.log, &dead);
    its.open_boot().await.unwrap();
    let first = call(&its).await;
    ground.projected().await;

    let mut closer = ground.dead_boots();
    closer.close().await.unwrap();
    assert_eq!(ground.closed().await, [dead.id]);
    assert_eq!(ground.outcome(first).await, CallOutcome::Unknown);
    closer.close().await.unwrap();
    assert_eq!(ground.closed().await, [dead.id], "once");
    assert!(closer.closed.is_empty(), "the projection knows it");

    // What it had on its way when it was taken for dead.
    let late = call(&its).await;
    assert_eq!(ground.outcome(late).await, CallOutcome::Open);
    // Two replicas that both take themselves for the eldest.
    let mut other = ground.dead_boots();
    let (one, another) = tokio::join!(closer.close(), other.close());
    one.and(another).unwrap();
    assert_eq!(ground.closed().await, [dead.id; 3]);
    assert_eq!(ground.outcome(late).await, CallOutcome::Unknown);
    assert_eq!(ground.outcome(first).await, CallOutcome::Unknown);
    closer.close().await.unwrap();
    assert_eq!(ground.closed().await.len(), 3);

    // More comes before the one who closed it has looked again.
    for closings in 4..=5 {
        let later = call(&its).await;
        ground.projected().await;
        closer.close().await.unwrap();
        assert_eq!(ground.closed().await.len(), closings);
        assert_eq!(ground.outcome(later).await, CallOutcome::Unknown);
    }
}

/// The projection may tell of a boot before its ticks are read.
#[tokio::test]
async fn a_boot_that_has_only_just_begun_is_not_taken_for_dead() {
    let ground = Ground::new().await;
    let new = Boot::new("new".parse().unwrap());
    recorder(&ground.log, &new).open_boot().await.unwrap();
    ground.projected().await;
    ground.scene.hide(true);
    let tick = Tick {
        log: ground.scene.registry.state().log().unwrap(),
        nonce: 0,
        revision: Offset(0),
        control: Offset(0),
        oldest_hold: None,
        vocabulary: VOCABULARY,
    };
    let draft = Boot::draft(ControlEvent::Tick(tick));
    let (tick, _) = new.chain(Producer::Control).seal(draft).unwrap();
    let appended = ground.log.append(Stream::Control, P0, vec![tick.into()]).await;
    appended.unwrap();

    let control: &Control = &ground.scene.control;
    assert!(control.is_dead(new.id), "its tick is not read yet");
    let mut closer = ground.dead_boots();
    let (closed, ()) = tokio::join!(closer.close(), async {
        sleep(LEASE / 3).await;
        ground.scene.hide(false);
    });
    closed.unwrap();
    assert_eq!(ground.closed().await, []);
    assert!(!control.is_dead(new.id));
}
