//! Appending to one topic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use onedoor_model::ids::Offset;
use parking_lot::{Mutex, RwLock};
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::unconstrained,
};

use super::context::Context;
use crate::{
    error::{AppendError, EngineError, Refusal},
    port::Record,
};

/// How much may wait for its acknowledgement; the rest waits for its turn to wait. An event weighs its bytes and a kibibyte, so that
/// librdkafka's own limit of 100,000 messages is never reached.
const ROOM: u32 = 64 << 20;
const EVENT_WEIGHT: usize = 1 << 10;

/// How long a new producer may take to hear of the brokers before they are left to librdkafka.
const STARTING: Duration = Duration::from_secs(3);
/// How long it is waited for the answers to what was given up.
const PURGED: Duration = Duration::from_secs(1);
/// How long closing waits for acknowledgements. What has none by then is answered as unknown.
const CLOSING: Duration = Duration::from_secs(10);

/// Appends to one topic. Made anew inside when librdkafka can no longer vouch for order.
#[derive(Debug)]
pub(super) struct Producer {
    topic: String,
    config: ClientConfig,
    /// Whoever has it is the next to get room: appends keep the order of their calls.
    turn: AsyncMutex<()>,
    room: Arc<Semaphore>,
    state: RwLock<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing was appended yet: whoever only reads has no producer.
    Unused,
    Open(Arc<Generation>),
    Closed,
}

/// An event on its way.
#[derive(Debug)]
struct Event {
    bytes: Bytes,
    /// Milliseconds since 1970; now if `None`.
    time: Option<i64>,
}

/// A producer of librdkafka, until its first fatal error.
struct Generation {
    /// `None` only while it is dropped.
    producer: Option<ThreadedProducer<Deliveries>>,
    is_letting_go: AtomicBool,
}

/// Hears of every event that was stored, or was not.
#[derive(Debug, Default)]
struct Deliveries {
    /// Changes with every error: one of them may be fatal, which only the client itself can say.
    errors: watch::Sender<()>,
}

/// An append that waits for its acknowledgements.
#[derive(Debug)]
struct Pending(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    /// How many events nothing was heard of.
    missing: usize,
    /// The least offset that was heard of.
    first: Option<i64>,
    error: Option<KafkaError>,
    /// Taken with the last event. The caller may be gone: the batch is stored all the same.
    answer: Option<(oneshot::Sender<Result<Offset, EngineError>>, OwnedSemaphorePermit)>,
}

/// Kafka acknowledged an event as one that it already had, and does not know any more where.
#[derive(Debug, thiserror::Error)]
#[error("stored, but the broker no longer knows at which offset")]
struct OffsetForgotten;

impl Producer {
    pub(super) fn new(topic: String, config: ClientConfig) -> Self {
        Self {
            topic,
            config,
            turn: AsyncMutex::new(()),
            room: Arc::new(Semaphore::new(ROOM as usize)),
            state: RwLock::new(State::Unused),
        }
    }

    /// Hands a batch over, in the order of the calls, and waits until all of it is stored.
    pub(super) async fn append(&self, partition: i32, events: Vec<Bytes>) -> Result<Offset, AppendError> {
        let events = events.into_iter().map(|bytes| Event { bytes, time: None });
        self.deliver(partition, events.collect()).await
    }

    /// [`append`](Self::append), with the times that the records have had. Kafka keeps them where the topic's settings say so.
    pub(super) async fn restore(&self, partition: i32, records: Vec<Record>) -> Result<Offset, AppendError> {
        let events = records.into_iter().map(|record| Event {
            time: Some(record.time.as_millisecond()),
            bytes: record.bytes,
        });
        self.deliver(partition, events.collect()).await
    }

    async fn deliver(&self, partition: i32, events: Vec<Event>) -> Result<Offset, AppendError> {
        let bytes: usize = events.iter().map(|event| event.bytes.len()).sum();
        // A batch is never heavier than the room (`limits`), so that there will be some.
        let weight = u32::try_from(bytes + events.len() * EVENT_WEIGHT).unwrap_or(ROOM);
        // Without a budget: an append that gave way to others here would lose its turn.
        let turn = unconstrained(self.turn.lock()).await;
        let room = unconstrained(Arc::clone(&self.room).acquire_many_owned(weight.min(ROOM)))
            .await
            .map_err(|_| Refusal::Closed)?;
        let (answer, answered) = oneshot::channel();
        let pending = Arc::new(Pending::new(events.len(), answer, room));
        let generation = self.hand_over(partition, &events, &pending)?;
        drop((events, pending, turn));
        let outcome = generation.outcome(answered).await;
        if outcome.is_err() {
            self.retire_if_dead(&generation);
        }
        outcome.map_err(AppendError::Unknown)
    }

    /// Gives the events to librdkafka. Under the lock, so that closing comes before or after, and never waits: there is room.
    fn hand_over(
        &self,
        partition: i32,
        events: &[Event],
        pending: &Arc<Pending>,
    ) -> Result<Arc<Generation>, AppendError> {
        // Twice, as the first may find the producer dead before it has taken anything.
        for _ in 0..2 {
            self.ensure_open()?;
            let state = self.state.read();
            let State::Open(generation) = &*state else {
                continue;
            };
            let generation = Arc::clone(generation);
            let Err((taken, error)) = generation.send(&self.topic, partition, events, pending) else {
                return Ok(generation);
            };
            drop(state);
            if taken > 0 {
                // What was taken is still heard of.
                pending.give_up(events.len() - taken, error);
                return Ok(generation);
            }
            if !self.retire_if_dead(&generation) {
                return Err(Refusal::Engine(EngineError::new(error)).into());
            }
        }
        Err(Refusal::Engine(EngineError::new("the producer died twice")).into())
    }

    fn ensure_open(&self) -> Result<(), Refusal> {
        match &*self.state.read() {
            State::Open(_) => return Ok(()),
            State::Closed => return Err(Refusal::Closed),
            State::Unused => {}
        }
        let mut state = self.state.write();
        if matches!(*state, State::Unused) {
            let generation = Generation::new(&self.config, &self.topic)
                .map_err(|error| Refusal::Engine(EngineError::new(error)))?;
            *state = State::Open(Arc::new(generation));
        }
        Ok(())
    }

    /// Lets go of a producer that takes nothing any more; the next append makes another. Whether it did.
    fn retire_if_dead(&self, generation: &Arc<Generation>) -> bool {
        let Some((code, reason)) = generation.fatal_error() else {
            return false;
        };
        let mut state = self.state.write();
        if matches!(&*state, State::Open(current) if Arc::ptr_eq(current, generation)) {
            tracing::warn!(topic = self.topic, %code, reason, "a producer can go on no more, and is made anew");
            *state = State::Unused;
        }
        true
    }

    /// Takes no more, and waits until what was taken is answered.
    pub(super) async fn close(&self) {
        self.room.close();
        let before = std::mem::replace(&mut *self.state.write(), State::Closed);
        let State::Open(generation) = before else { return };
        let topic = self.topic.clone();
        // Both fail only with the runtime.
        let _ = tokio::task::spawn_blocking(move || generation.finish(&topic)).await;
    }
}

impl Generation {
    fn new(config: &ClientConfig, topic: &str) -> Result<Self, KafkaError> {
        let producer: ThreadedProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
        let (starting, topic) = (producer.clone(), topic.to_owned());
        // librdkafka asks for a producer's id when it has heard of the brokers, and of the one it is connected to; else half a second
        // later. So it is made to ask at once.
        thread::spawn(move || {
            for _ in 0..2 {
                let _ = starting.client().fetch_metadata(Some(&topic), STARTING);
            }
        });
        Ok(Self {
            producer: Some(producer),
            is_letting_go: AtomicBool::new(false),
        })
    }

    /// # Errors
    /// How many events were taken before one was not, and why it was not.
    fn send(
        &self,
        topic: &str,
        partition: i32,
        events: &[Event],
        pending: &Arc<Pending>,
    ) -> Result<(), (usize, KafkaError)> {
        let Some(producer) = &self.producer else {
            return Err((0, KafkaError::Canceled));
        };
        for (taken, event) in events.iter().enumerate() {
            let mut record = BaseRecord::<(), [u8], _>::with_opaque_to(topic, Arc::clone(pending))
                .partition(partition)
                .payload(&event.bytes);
            record.timestamp = event.time;
            producer.send(record).map_err(|(error, _)| (taken, error))?;
        }
        Ok(())
    }

    /// How an append went.
    async fn outcome(
        self: &Arc<Self>,
        mut answered: oneshot::Receiver<Result<Offset, EngineError>>,
    ) -> Result<Offset, EngineError> {
        let answer = tokio::select! {
            biased;
            answer = &mut answered => answer,
            () = self.died() => {
                self.let_go();
                answered.await
            }
        };
        answer.unwrap_or_else(|_| Err(EngineError::new("the producer is gone")))
    }

    /// Has librdkafka answer all it holds, which it may keep for ever after a fatal error.
    fn let_go(self: &Arc<Self>) {
        if !self.is_letting_go.swap(true, Ordering::Relaxed) {
            let generation = Arc::clone(self);
            thread::spawn(move || while !generation.purge() {});
        }
    }

    /// Completes after a fatal error.
    async fn died(&self) {
        let Some(producer) = &self.producer else { return };
        let mut errors = producer.context().errors.subscribe();
        // An error of the sender means that there will be no more.
        while self.fatal_error().is_none() && errors.changed().await.is_ok() {}
    }

    /// Gives up what is not answered yet. Whether all of it is then. Blocks.
    fn purge(&self) -> bool {
        self.producer.as_ref().is_none_or(|producer| {
            producer.purge(PurgeConfig::default().queue().inflight());
            producer.flush(PURGED).is_ok()
        })
    }

    fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.as_ref()?.client().fatal_error()
    }

    /// Waits for what is under way, for a time. Blocks.
    fn finish(&self, topic: &str) {
        let Some(producer) = &self.producer else { return };
        if producer.flush(CLOSING).is_err() {
            let events = producer.in_flight_count();
            tracing::error!(
                topic,
                events,
                "the log was closed before Kafka acknowledged all that was appended"
            );
            self.purge();
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // It joins its thread.
        let producer = self.producer.take();
        thread::spawn(move || drop(producer));
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").finish_non_exhaustive()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.errors.send_replace(());
        Context.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Arc<Pending>) {
        match result {
            Ok(message) => pending.stored(message.offset()),
            Err((error, _)) => pending.give_up(1, error.clone()),
        }
    }
}

impl Pending {
    fn new(
        events: usize,
        answer: oneshot::Sender<Result<Offset, EngineError>>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self(Mutex::new(Waiting {
            missing: events,
            first: None,
            error: None,
            answer: Some((answer, room)),
        }))
    }

    fn stored(&self, offset: i64) {
        let mut waiting = self.0.lock();
        waiting.first = Some(waiting.first.map_or(offset, |first| first.min(offset)));
        waiting.heard_of(1);
    }

    fn give_up(&self, events: usize, error: KafkaError) {
        let mut waiting = self.0.lock();
        waiting.error.get_or_insert(error);
        waiting.heard_of(events);
    }
}

impl Waiting {
    fn heard_of(&mut self, events: usize) {
        self.missing -= events;
        if self.missing > 0 {
            return;
        }
        let outcome = match (self.error.take(), self.first.map(u64::try_from)) {
            (Some(error), _) => Err(EngineError::new(error)),
            (None, Some(Ok(first))) => Ok(Offset(first)),
            (None, Some(Err(_)) | None) => Err(EngineError::new(OffsetForgotten)),
        };
        if let Some((answer, room)) = self.answer.take() {
            drop(room);
            // That the caller is gone is nothing to us.
            let _ = answer.send(outcome);
        }
    }
}
