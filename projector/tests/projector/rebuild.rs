//! However a projection came about, it is the same.

use std::{collections::BTreeSet, num::NonZeroU32, path::Path, pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use onedoor_log::{AppendError, Bounds, EventLog, Partition, ReadError, Record, Stream};
use onedoor_model::ids::{Digest, Offset};
use onedoor_projector::{CallQuery, Store, run};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    story,
    support::{P0, Projector, Room, Writer, caught_up, memory, open, rows, soon},
};

/// A log whose reads come in small steps, so that there are many transactions, and can be held up.
#[derive(Debug)]
struct Paced {
    log: Arc<dyn EventLog>,
    step: usize,
    /// A read of `audit` takes its records at once, and a permit before it gives them: a projector that was stopped in between.
    audit: Option<Gate>,
}

#[derive(Debug)]
struct Gate {
    permits: Semaphore,
    /// One for each read that has begun.
    begun: Semaphore,
}

impl Paced {
    fn small(log: &Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        Arc::new(Self {
            log: Arc::clone(log),
            step: 3,
            audit: None,
        })
    }
}

#[async_trait::async_trait]
impl EventLog for Paced {
    fn partitions(&self, stream: Stream) -> u32 {
        self.log.partitions(stream)
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        self.log.append(stream, partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let records = self
            .log
            .read(stream, partition, from, max_records.min(self.step))
            .await?;
        if let Some(gate) = self.audit.as_ref().filter(|_| stream == Stream::Audit) {
            gate.begun.add_permits(1);
            gate.permits.acquire().await.unwrap().forget();
        }
        Ok(records)
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

/// Everything that can happen.
async fn tell(log: &Arc<dyn EventLog>) {
    let mut writer = Writer::begin(log).await;
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut Writer::new(log, "replica-2"), 6).await;
}

/// The digest of a projection that was made in one go.
async fn in_one_go(log: &Arc<dyn EventLog>) -> Digest {
    Room::of(log).await.store.digest().await.unwrap()
}

/// Projects until it was polled so often, or nothing is left to do, then drops everything where it stands.
async fn die_after(polls: u32, log: &Arc<dyn EventLog>, store: &Store) {
    let mut run = pin!(run(Paced::small(log), store.clone(), CancellationToken::new()));
    let mut left = polls;
    let life = std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        run.as_mut()
            .poll(context)
            .map(|outcome| panic!("it ended: {outcome:?}"))
    });
    tokio::select! {
        () = life => {}
        () = caught_up(log, store) => {}
    }
}

async fn position(store: &Store, stream: Stream) -> Offset {
    store.position(stream, P0).await.unwrap()
}

async fn dies_and_rises(log: &Arc<dyn EventLog>) {
    let telling = tell(log);
    let mut room = Room::new().await;
    let dying = async {
        let mut seen = Vec::new();
        // The beginning of a run takes some polls: so that every length of life brings it a little further or not.
        for polls in (1..160).chain(40..160) {
            soon(die_after(polls, log, &room.store)).await;
            if polls % 10 == 0 {
                room.store.close().await;
                room.store = open(room.folder.path()).await;
            }
            seen.push(position(&room.store, Stream::Audit).await);
        }
        assert!(seen.is_sorted());
        seen.dedup();
        assert!(seen.len() > 5, "it was to die in many places: {seen:?}");
        let projector = Projector::start(log, &room.store);
        caught_up(log, &room.store).await;
        projector.stop().await.unwrap();
        room.store.digest().await.unwrap()
    };
    let ((), grown) = tokio::join!(telling, dying);
    assert_eq!(grown, in_one_go(log).await);
}

#[tokio::test]
async fn a_projection_that_died_at_every_turn_is_the_same() {
    dies_and_rises(&memory().await).await;
}

#[tokio::test]
async fn so_it_is_on_the_embedded_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = embedded(folder.path()).await;
    dies_and_rises(&log).await;
    let digest = in_one_go(&log).await;
    log.close().await;
    drop(log);
    assert_eq!(
        in_one_go(&embedded(folder.path()).await).await,
        digest,
        "after the log was opened anew"
    );
}

async fn embedded(folder: &Path) -> Arc<dyn EventLog> {
    onedoor_log::open(&format!("sqlite://{}", folder.join("log").display()))
        .await
        .unwrap()
}

#[tokio::test]
async fn projectors_at_once_are_as_good_as_one() {
    let log = memory().await;
    let room = Room::new().await;
    let elsewhere = open(room.folder.path()).await;
    let projectors = [
        Projector::start(&Paced::small(&log), &room.store),
        Projector::start(&log, &room.store),
        Projector::start(&Paced::small(&log), &elsewhere),
    ];
    tell(&log).await;
    caught_up(&log, &room.store).await;
    caught_up(&log, &elsewhere).await;
    assert_eq!(room.store.digest().await.unwrap(), in_one_go(&log).await);
    for projector in projectors {
        projector.stop().await.unwrap();
    }
}

/// Negative control, tried by hand: without `AND next = ?` in `sqlite/advance.rs` the zombie's batch is written, the offset goes back,
/// and this test and `an_advance_from_elsewhere_writes_nothing` are red.
#[tokio::test]
async fn a_zombie_writes_nothing() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let mut dead = Writer::new(&log, "replica-2");
    story::traffic(&mut writer, &mut dead, 2).await;

    let gate = Gate {
        permits: Semaphore::new(0),
        begun: Semaphore::new(0),
    };
    let held = Arc::new(Paced {
        log: Arc::clone(&log),
        step: 5,
        audit: Some(gate),
    });
    let gate = held.audit.as_ref().unwrap();
    let room = Room::new().await;
    let elsewhere = open(room.folder.path()).await;
    let as_log: Arc<dyn EventLog> = Arc::clone(&held) as _;
    let zombie = Projector::start(&as_log, &elsewhere);
    soon(gate.begun.acquire()).await.unwrap().forget();

    // It holds the first records of `audit`. Meanwhile another projector does everything there is to do.
    let projector = Projector::start(&log, &room.store);
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut dead, 2).await;
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
    let digest = room.store.digest().await.unwrap();
    assert_eq!(digest, in_one_go(&log).await);

    // It goes on with what it holds, and is held again at its next read.
    gate.permits.add_permits(1);
    soon(gate.begun.acquire()).await.unwrap().forget();
    assert_eq!(room.store.digest().await.unwrap(), digest);
    zombie.stop().await.unwrap();
}

/// A retried append may leave an event in the log twice.
#[tokio::test]
async fn what_was_appended_twice_counts_once() {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut Writer::new(&log, "replica-2"), 3).await;
    let room = Room::of(&log).await;
    let once = room
        .store
        .calls(&CallQuery::all(NonZeroU32::MAX))
        .await
        .unwrap()
        .items
        .len();
    for stream in Stream::FACTS {
        let end = log.bounds(stream, P0).await.unwrap().end;
        for offset in 0..end.0 {
            writer.again(stream, Offset(offset)).await;
        }
    }
    let projector = Projector::start(&log, &room.store);
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
    assert_eq!(
        room.store
            .calls(&CallQuery::all(NonZeroU32::MAX))
            .await
            .unwrap()
            .items
            .len(),
        once
    );
    for (sql, expected) in [
        ("SELECT 'all ' || count(*) FROM denial_counts", "all 6"),
        ("SELECT 'all ' || count(*) FROM failed_authentications", "all 3"),
        (
            "SELECT 'twice ' || count(*) FROM registry_history GROUP BY event_id HAVING count(*) > 1",
            "",
        ),
    ] {
        let expected: BTreeSet<_> = Some(expected.to_owned())
            .into_iter()
            .filter(|row| !row.is_empty())
            .collect();
        assert_eq!(rows(room.folder.path(), sql).await, expected, "{sql}");
    }
    assert_eq!(room.store.digest().await.unwrap(), in_one_go(&log).await);
}
