//! Sending calls: at a fixed rate whatever the answers do (open loop), or one after the other (closed loop).

use std::{
    collections::BTreeMap,
    error::Error,
    io, thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use hdrhistogram::Histogram;
use tokio::sync::{Mutex, mpsc};

use crate::{
    client::{Answered, CallFailed, Connection, Target},
    message::Case,
};

/// Longest latency that is told apart, in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Microseconds from when a call was to be sent until its answer was there.
    pub latency: Histogram<u64>,
    /// Microseconds from when a call was to be sent until the first bytes of its answer's body.
    pub first: Histogram<u64>,
    /// Right answers a second.
    pub rate: f64,
    /// Calls without a right answer, by what was wrong.
    pub errors: BTreeMap<String, u64>,
}

/// What one connection saw.
#[derive(Debug)]
struct Tally {
    latency: Histogram<u64>,
    first: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

/// No histogram of these bounds. Never so: the bounds are constants.
pub type NoHistogram = hdrhistogram::CreationError;

/// A load could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The connections could not be opened.
    #[error(transparent)]
    Connect(#[from] CallFailed),
    /// The thread that keeps the time could not be started.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// No memory is laid out for figures.
    #[error(transparent)]
    Histogram(#[from] NoHistogram),
}

/// Sends `rate` calls a second for `length`, each at its time, over so many connections. A call that finds all of them busy waits, and
/// its wait counts: **latency is measured from the intended time** (no coordinated omission).
///
/// # Errors
/// [`LoadError`]
pub async fn open_loop(
    target: &Target,
    case: Case,
    rate: u32,
    length: Duration,
    connections: usize,
) -> Result<Outcome, LoadError> {
    let connections = open(target, connections).await?;
    let calls = f64::from(rate) * length.as_secs_f64();
    let (due, queue) = mpsc::channel(calls as usize + 1);
    let begin = Instant::now();
    thread::Builder::new()
        .name("pace".to_owned())
        .spawn(move || pace(&due, begin, rate, length))?;
    let queue = Mutex::new(queue);
    let next = async || queue.lock().await.recv().await;
    let senders = connections
        .into_iter()
        .map(|connection| send(connection, case, next));
    Outcome::of(begin, join_all(senders).await)
}

/// Sends calls for `length` over so many connections, on each the next once the last is answered.
///
/// # Errors
/// [`LoadError`]
pub async fn closed_loop(
    target: &Target,
    case: Case,
    length: Duration,
    connections: usize,
) -> Result<Outcome, LoadError> {
    let connections = open(target, connections).await?;
    let begin = Instant::now();
    let next = async || Some(Instant::now()).filter(|now| now.duration_since(begin) < length);
    let senders = connections
        .into_iter()
        .map(|connection| send(connection, case, next));
    Outcome::of(begin, join_all(senders).await)
}

/// Gives out the times at which calls are due, each when it has come. The thread is its own: the timer of tokio knows only whole
/// milliseconds.
fn pace(due: &mpsc::Sender<Instant>, begin: Instant, rate: u32, length: Duration) {
    let interval = Duration::from_secs(1) / rate.max(1);
    let mut time = begin;
    while time.duration_since(begin) < length {
        // It may wake early.
        while let Some(left) = time
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            thread::park_timeout(left);
        }
        if due.blocking_send(time).is_err() {
            return;
        }
        time += interval;
    }
}

async fn open(target: &Target, connections: usize) -> Result<Vec<Connection<'_>>, CallFailed> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = target.connection();
        connection.warm().await?;
        open.push(connection);
    }
    Ok(open)
}

/// Makes a call for every time that `next` gives.
async fn send(
    mut connection: Connection<'_>,
    case: Case,
    next: impl AsyncFn() -> Option<Instant>,
) -> Result<Tally, NoHistogram> {
    let mut tally = Tally::new()?;
    while let Some(intended) = next().await {
        match connection.call(case).await {
            Ok(answered) => tally.add(intended, answered),
            Err(failed) => *tally.errors.entry(in_full(&failed)).or_default() += 1,
        }
    }
    Ok(tally)
}

impl Tally {
    fn new() -> Result<Self, NoHistogram> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3)?;
        Ok(Self {
            latency: histogram.clone(),
            first: histogram,
            errors: BTreeMap::new(),
        })
    }

    fn add(&mut self, intended: Instant, answered: Answered) {
        self.latency
            .saturating_record(micros(answered.last.duration_since(intended)));
        self.first
            .saturating_record(micros(answered.first.duration_since(intended)));
    }
}

impl Outcome {
    fn of(begin: Instant, tallies: Vec<Result<Tally, NoHistogram>>) -> Result<Self, LoadError> {
        let elapsed = begin.elapsed();
        let mut all = Tally::new()?;
        for tally in tallies {
            let tally = tally?;
            // All have the same bounds, so that nothing is out of them.
            all.latency += tally.latency;
            all.first += tally.first;
            for (error, times) in tally.errors {
                *all.errors.entry(error).or_default() += times;
            }
        }
        let rate = all.latency.len() as f64 / elapsed.as_secs_f64();
        Ok(Self {
            latency: all.latency,
            first: all.first,
            rate,
            errors: all.errors,
        })
    }

    /// Calls with a right answer.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.latency.len()
    }

    /// Calls without one.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// An error and what it came from, on one line.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
