//! The registry's state that is kept with the rows.

use std::sync::Arc;

use onedoor_log::{EventLog, Record, Stream};
use onedoor_model::{
    ids::{Digest, Offset},
    registry::{Change, ServerChosen},
};
use onedoor_projector::{KeptState, Store};

use crate::{
    paced::Paced,
    registry::folded,
    story,
    support::{Engine, P0, Projector, Room, Writer, caught_up, memory, soon},
};

on_both! {
    it_is_what_the_fold_says_once_the_log_is_at_rest,
    a_projector_goes_on_from_it,
    one_that_is_of_no_use_is_not_used,
}

/// Waits until a state of this revision is kept.
async fn kept(store: &Store, revision: Offset) -> KeptState {
    let kept = async {
        loop {
            // There may be no tables yet.
            match store.state().await {
                Ok(Some(kept)) if kept.state.revision() == Some(revision) => return kept,
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    soon(kept).await
}

async fn last(log: &Arc<dyn EventLog>) -> Record {
    let end = log.bounds(Stream::Registry, P0).await.unwrap().end;
    let last = Offset(end.0 - 1);
    log.read(Stream::Registry, P0, last, 1).await.unwrap().remove(0)
}

async fn it_is_what_the_fold_says_once_the_log_is_at_rest(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    for _ in 0..2 {
        story::registry(&mut writer).await;
        let last = last(&log).await;
        let kept = kept(&room.store, last.offset).await;
        assert_eq!(kept.state.digest().unwrap(), folded(&log).await.digest().unwrap());
        assert_eq!(kept.record, Digest::of(&last.bytes));
        assert!(kept.is_of(&last));
        let earlier = log
            .read(Stream::Registry, P0, Offset(1), 1)
            .await
            .unwrap()
            .remove(0);
        assert!(!kept.is_of(&earlier));
        let replaced = Record {
            bytes: earlier.bytes,
            ..last
        };
        assert!(!kept.is_of(&replaced), "another log has another event there");
    }
    projector.stop().await.unwrap();
}

async fn a_projector_goes_on_from_it(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    story::registry(&mut writer).await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    let revision = last(&log).await.offset;
    kept(&room.store, revision).await;
    projector.stop().await.unwrap();

    let (server, _) = writer.register("late").await;
    writer
        .change(Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    let paced = Arc::new(Paced::by(&log, usize::MAX));
    let as_log: Arc<dyn EventLog> = Arc::clone(&paced) as _;
    let projector = Projector::start(&as_log, &room.store);
    caught_up(&log, &room.store).await;
    projector.stop().await.unwrap();
    let reads = paced.reads.lock().clone();
    let mut of_registry = reads.iter().filter(|(stream, _)| *stream == Stream::Registry);
    assert!(
        of_registry.all(|(_, from)| *from >= revision),
        "{reads:?}, kept was {revision}"
    );
    assert_eq!(
        room.store.digest().await.unwrap(),
        Room::of(engine, &log).await.store.digest().await.unwrap()
    );
}

async fn one_that_is_of_no_use_is_not_used(engine: Engine) {
    let log = memory().await;
    let mut writer = Writer::begin(&log).await;
    story::registry(&mut writer).await;
    let room = Room::new(engine).await;
    let projector = Projector::start(&log, &room.store);
    kept(&room.store, last(&log).await.offset).await;
    projector.stop().await.unwrap();
    room.execute("UPDATE registry_state SET state = replace(state, 'finance', 'fraud')")
        .await;
    assert!(room.store.state().await.unwrap().is_none(), "it was changed");

    let (server, _) = writer.register("late").await;
    writer
        .change(Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    let projector = Projector::start(&log, &room.store);
    kept(&room.store, last(&log).await.offset).await;
    projector.stop().await.unwrap();
    assert_eq!(
        room.store.digest().await.unwrap(),
        Room::of(engine, &log).await.store.digest().await.unwrap()
    );
}
