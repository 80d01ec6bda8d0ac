//! The task that drives a replica's lease: it follows both streams, publishes, and ticks.

use std::{collections::VecDeque, fmt, future::pending, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use onedoor_log::{AppendError, ReadError, Record, Stream, Tail};
use onedoor_model::{
    control::ControlEvent,
    envelope::Envelope,
    ids::{EventId, Offset, Revision},
    lease::{DEAD_AFTER, Lease, Read, Stop, TAKEOVER, TICK, View},
    registry::State,
};
use onedoor_registry::{Boot, FollowError, Follower, Rejected};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

use crate::{
    Control, ControlError,
    control::Acknowledged,
    now,
    start::{self, PARTITION},
};

/// Ticks on their way into the log at once. A log that does not answer must not be piled up with what is worth nothing when it does.
const ON_THE_WAY: usize = 4;

/// How often holds without events are looked for.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(1);

/// First and longest wait before `control` is read again that could not be read.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Drives a replica's [`Control`]: run it until it ends.
pub struct ControlTask {
    control: Arc<Control>,
    follower: Follower,
    /// What is folded, and published.
    folded: State,
    phase: Phase,
    joining: Option<Pending<Result<Revision, Rejected>>>,
    /// Views that are published, and not enforced yet; with their editions.
    views: VecDeque<(u64, View)>,
    on_the_way: FuturesUnordered<Pending<Sent>>,
    tick_is_due: bool,
    ticks: Interval,
    take_over: Interval,
}

type Pending<T> = BoxFuture<'static, T>;

/// How far reading `control` has come.
enum Phase {
    /// It is found out where to read from.
    Beginning(Pending<Result<Offset, ControlError>>),
    /// It is read.
    Following(Tail),
}

/// What the log said of a tick.
struct Sent {
    revision: Revision,
    appended: Result<Offset, Rejected>,
}

/// What came next.
enum Came {
    Folded(Result<State, FollowError>),
    Begun(Result<Offset, ControlError>),
    Records(Result<Vec<Record>, ReadError>),
    Joined(Result<Revision, Rejected>),
    Sent(Sent),
    EnforcedMore,
    TickIsDue,
    LeaseMayHaveRunOut,
    TakeOver,
}

impl ControlTask {
    pub(crate) fn new(control: Arc<Control>, follower: Follower) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut take_over = interval(TAKE_OVER_EVERY);
        take_over.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            folded: control.registry.state(),
            phase: Phase::begin(&control),
            control,
            follower,
            joining: None,
            views: VecDeque::new(),
            on_the_way: FuturesUnordered::new(),
            tick_is_due: false,
            ticks,
            take_over,
        }
    }

    /// Drives it until there is no way on: from then on nothing is served.
    pub async fn run(mut self) -> ControlError {
        let error = loop {
            let came = self.next().await;
            if let Err(error) = self.take(came) {
                break error;
            }
            self.tick();
        };
        if let Some(rule) = self.control.rule.lock().as_mut() {
            rule.stop(Stop::NotFollowed);
        }
        self.refresh();
        self.control.registry.stop();
        error
    }

    async fn next(&mut self) -> Came {
        let lease = &self.control.lease;
        let run_out = async {
            if *lease.serving().borrow() {
                sleep(lease.left()).await;
            } else {
                pending::<()>().await;
            }
        };
        let joined = async {
            match &mut self.joining {
                Some(joining) => joining.await,
                None => pending().await,
            }
        };
        tokio::select! {
            folded = self.follower.next() => Came::Folded(folded),
            came = self.phase.next() => came,
            joined = joined => Came::Joined(joined),
            Some(sent) = self.on_the_way.next() => Came::Sent(sent),
            () = self.control.registry.enforced_more() => Came::EnforcedMore,
            () = self.control.tick_now.notified() => Came::TickIsDue,
            _ = self.ticks.tick() => Came::TickIsDue,
            () = run_out => Came::LeaseMayHaveRunOut,
            _ = self.take_over.tick() => Came::TakeOver,
        }
    }

    fn take(&mut self, came: Came) -> Result<(), ControlError> {
        match came {
            Came::Folded(folded) => {
                self.folded = folded?;
                self.publish();
            }
            Came::Begun(begun) => self.follow_from(begun?)?,
            Came::Records(records) => self.read(records)?,
            Came::Joined(joined) => {
                self.joining = None;
                let revision = joined.map_err(ControlError::Join)?;
                if let Some(rule) = self.control.rule.lock().as_mut() {
                    rule.joined(revision);
                }
                self.refresh();
            }
            Came::Sent(sent) => self.sent(sent),
            Came::EnforcedMore => self.settle(),
            Came::TickIsDue => self.tick_is_due = true,
            Came::LeaseMayHaveRunOut => self.refresh(),
            Came::TakeOver => self.take_over(),
        }
        Ok(())
    }

    /// Begins to follow `control`: this boot serves once it has folded that it joined, and read what it has ticked since.
    fn follow_from(&mut self, position: Offset) -> Result<(), ControlError> {
        let control = &self.control;
        let begun = now();
        match &mut *control.rule.lock() {
            Some(rule) => rule.begin_again(position, begun),
            none => {
                let log = self.folded.log().ok_or(Stop::NotFollowed)?;
                *none = Some(Lease::new(control.boot.id, log, position, begun));
            }
        }
        self.phase = Phase::Following(Tail::new(
            Arc::clone(&control.log),
            Stream::Control,
            PARTITION,
            position,
        ));
        self.joining = Some(join(Arc::clone(control)).boxed());
        self.publish();
        self.tick_is_due = true;
        Ok(())
    }

    fn read(&mut self, records: Result<Vec<Record>, ReadError>) -> Result<(), ControlError> {
        let read_at = now();
        let records = match records {
            Ok(records) => records,
            Err(error @ ReadError::Truncated { .. }) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "records of control are missing"
                );
                self.begin_anew();
                return Ok(());
            }
            // Of a stream that was made anew nothing is known that this boot has ticked into the one before.
            Err(
                error @ (ReadError::BeyondEnd { .. }
                | ReadError::Engine(_)
                | ReadError::Unavailable(_)
                | ReadError::Closed
                | ReadError::NoSuchPartition(_)),
            ) => return Err(error.into()),
        };
        let mut holds = false;
        {
            let mut rule = self.control.rule.lock();
            let Some(rule) = rule.as_mut() else {
                return Ok(());
            };
            for Record { offset, time, bytes } in &records {
                let event = Envelope::<ControlEvent>::read(bytes).map_err(|source| {
                    rule.stop(Stop::Unintelligible);
                    let offset = *offset;
                    ControlError::Unreadable { offset, source }
                })?;
                match rule.read(*offset, *time, &event, read_at)? {
                    Read::Tick => {}
                    Read::Hold => holds = true,
                }
                let own = self.control.boot.id;
                if rule.silence(own) >= DEAD_AFTER && rule.boots().any(|seen| seen.boot == own) {
                    return Err(ControlError::TakenForDead);
                }
            }
        }
        if holds {
            self.publish();
        }
        self.refresh();
        Ok(())
    }

    /// Finds out anew where to read from, as at boot. Until then there is no lease.
    fn begin_anew(&mut self) {
        if let Some(rule) = self.control.rule.lock().as_mut() {
            rule.gap();
        }
        self.joining = None;
        self.phase = Phase::begin(&self.control);
        self.refresh();
    }

    /// Puts what is folded in force, under the holds.
    fn publish(&mut self) {
        let view = self
            .control
            .rule
            .lock()
            .as_ref()
            .map(|rule| rule.view(&self.folded));
        let under = view.as_ref().map_or(&self.folded, |view| &view.state);
        let edition = self.control.registry.publish(self.folded.clone(), under);
        self.views.extend(view.map(|view| (edition, view)));
        self.settle();
    }

    /// Tells the rule what is enforced by now.
    fn settle(&mut self) {
        let enforced = self.control.registry.enforced();
        let mut settled = None;
        while let Some((_, view)) = self.views.pop_front_if(|(edition, _)| *edition <= enforced) {
            settled = Some(view);
        }
        let Some(view) = settled else { return };
        if let Some(rule) = self.control.rule.lock().as_mut() {
            rule.enforced(&view);
        }
        self.tick_is_due = true;
        self.refresh();
    }

    /// Publishes what the rule says now, and tells those who wait.
    fn refresh(&self) {
        let now = now();
        let lease = &self.control.lease;
        let served = *lease.serving().borrow();
        let serves = self
            .control
            .rule
            .lock()
            .as_ref()
            .map(|rule| lease.publish(rule.may_serve(now)));
        let serves = serves.unwrap_or_else(|| lease.end());
        match (served, serves) {
            (false, true) => tracing::info!("the lease holds: serving"),
            (true, false) => tracing::warn!("the lease has run out: not serving"),
            (true, true) | (false, false) => {}
        }
        self.control.moved.send_replace(());
    }

    /// Ticks, if a tick is due and the log is not behind.
    fn tick(&mut self) {
        if !self.tick_is_due || self.on_the_way.len() >= ON_THE_WAY {
            return;
        }
        // Before the log has the tick.
        let sent = now();
        let tick = match self.control.rule.lock().as_mut() {
            Some(rule) => rule.send(sent),
            None => return,
        };
        self.tick_is_due = false;
        let control = Arc::clone(&self.control);
        let sent = async move {
            Sent {
                revision: tick.revision,
                appended: control.append(Boot::draft(ControlEvent::Tick(tick))).await,
            }
        };
        self.on_the_way.push(sent.boxed());
    }

    fn sent(&self, Sent { revision, appended }: Sent) {
        match appended {
            Ok(offset) => {
                let at = now();
                self.control
                    .acknowledged
                    .send_replace(Some(Acknowledged { offset, revision, at }));
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "control does not take a tick"
                );
            }
        }
    }

    /// Appends the events of holds that have waited for them for too long: whoever took the commands has died, or does not get on.
    fn take_over(&self) {
        let waiting = match self.control.rule.lock().as_mut() {
            Some(rule) => rule.take_over(now()),
            None => return,
        };
        for held in waiting {
            let registry = Arc::clone(&self.control.registry);
            let draft = held.draft(EventId(Uuid::now_v7()));
            tokio::spawn(async move {
                tracing::warn!(command = %held.key.id, route = held.key.route, "a hold has no event yet: appending it");
                match timeout(TAKEOVER, registry.give(draft)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the event of a hold");
                    }
                    Err(_) => tracing::warn!("the registry has not taken the event of a hold"),
                }
            });
        }
    }
}

impl Phase {
    fn begin(control: &Arc<Control>) -> Self {
        let log = Arc::clone(&control.log);
        Self::Beginning(async move { start::find(&*log).await }.boxed())
    }

    async fn next(&mut self) -> Came {
        match self {
            Self::Beginning(begun) => Came::Begun(begun.await),
            Self::Following(tail) => Came::Records(records(tail).await),
        }
    }
}

/// The records that come next; those that cannot be read now are read later. Cancel-safe.
async fn records(tail: &mut Tail) -> Result<Vec<Record>, ReadError> {
    let (mut wait, longest) = RETRY;
    loop {
        match tail.next().await {
            Err(error @ (ReadError::Engine(_) | ReadError::Unavailable(_))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "control cannot be read now"
                );
                sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
            records => return records,
        }
    }
}

/// Appends that this boot has joined, as soon as the log takes it.
async fn join(control: Arc<Control>) -> Result<Revision, Rejected> {
    let (mut wait, longest) = RETRY;
    loop {
        match control.registry.join(&control.boot).await {
            Err(Rejected::Log(AppendError::Refused(refusal))) if !refusal.may_succeed_later() => {
                return Err(Rejected::Log(AppendError::Refused(refusal)));
            }
            Err(Rejected::Log(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the registry takes nothing now"
                );
                sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
            joined => return joined,
        }
    }
}

impl fmt::Debug for ControlTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlTask")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}
