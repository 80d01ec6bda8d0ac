//! Streams of a session: passed on event by event, each checked first, under ids of our own.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use onedoor_connect::PooledBody;
use onedoor_model::audit::{CancelCause, Outcome, UpstreamFault};
use onedoor_wire::{
    malformed::code,
    request::{ProgressToken, RequestId},
    session::{AwaitedInSession, ServerRequest, SessionAnswer, SessionPassage, read_session_answer},
    sse::{EventId, KEEP_ALIVE, SseItem, SseReader, write_resumable_event},
};
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use crate::{
    mcp::error_body,
    metrics::Counted,
    proxy::{Call, Cut, Watch, event_stream, fail, outcome},
    refusal::Reason,
};

use super::{
    changes::Changes,
    in_flight::Flight,
    parked::Waiting,
    sealed::{Answers, Asking, Place},
    side::Side,
};

/// How often a silent stream shows that it lives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// A stream on its way to a client.
pub(super) struct Stream {
    pub(super) side: Arc<Side>,
    /// What the upstream sends; none where it has no stream for what answers nothing.
    pub(super) upstream: Option<PooledBody>,
    // After the upstream's: a command counts as enforced once this is gone.
    pub(super) watch: Watch,
    /// The call that it answers, and that has no outcome yet.
    pub(super) call: Option<Call>,
    /// The request that it answers.
    pub(super) answers: Option<Answers>,
    /// Held while the call may be cancelled.
    pub(super) flight: Option<Flight>,
    /// The client went on with it, so it may do so again.
    pub(super) resumed: bool,
    /// Tells the client that its tools have changed.
    pub(super) changes: Option<Changes>,
    pub(super) max_event: usize,
}

/// A stream that is being read.
struct Passing {
    stream: Stream,
    reader: SseReader,
    chunk: Bytes,
    keep_alive: Interval,
    /// The upstream gives its events ids, so a client that loses the stream may go on with it.
    resumable: bool,
    /// Counts a stream that no call counts.
    _counted: Option<Counted>,
}

/// What comes next on the way to the client.
enum Next {
    /// Bytes, and more to come.
    Bytes(Bytes),
    /// The response, the last event.
    Last(Bytes, Outcome),
    /// The upstream broke the protocol, or a stream with a call off.
    Broken(UpstreamFault),
    /// The upstream ended a stream that answers nothing, or keeps the rest of one for whoever asks for it (MCP 2025-11-25, "Sending
    /// Messages to the Server").
    Ended,
    /// The stream was cut.
    Cut(Cut),
}

impl Stream {
    /// The answer to the client.
    pub(super) fn respond(mut self) -> Response {
        let counted = match &mut self.call {
            Some(call) => {
                call.streams();
                None
            }
            None => Some(self.side.door.metrics.stream()),
        };
        let mut keep_alive = interval_at(Instant::now() + KEEP_ALIVE_EVERY, KEEP_ALIVE_EVERY);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tasks = self.side.door.tasks.clone();
        let passing = Passing {
            reader: SseReader::resumable(self.max_event),
            resumable: self.resumed,
            stream: self,
            chunk: Bytes::new(),
            keep_alive,
            _counted: counted,
        };
        let (client, response) = event_stream();
        tasks.spawn(passing.run(client));
        response
    }
}

impl Passing {
    /// Passes the stream on to its end. In a task of its own: a client that does not read cannot hold up what ends its stream.
    async fn run(mut self, client: mpsc::Sender<Bytes>) {
        let last_words = client.clone().try_reserve_owned().ok();
        let last = loop {
            let bytes = tokio::select! {
                biased;
                () = client.closed() => return self.left().await,
                next = self.next() => match next {
                    Next::Bytes(bytes) => bytes,
                    last @ (Next::Last(..) | Next::Broken(_) | Next::Ended | Next::Cut(_)) => break last,
                },
            };
            tokio::select! {
                biased;
                cut = self.stream.watch.cut() => break Next::Cut(cut),
                room = client.reserve() => match room {
                    Ok(room) => {
                        if let Err(cut) = self.stream.watch.leave().await {
                            break Next::Cut(cut);
                        }
                        if let Some(call) = &mut self.stream.call {
                            call.answer_size += bytes.len() as u64;
                        }
                        room.send(bytes);
                    }
                    Err(_) => return self.left().await,
                },
            }
        };
        let last = if matches!(last, Next::Last(..))
            && let Err(cut) = self.stream.watch.leave().await
        {
            Next::Cut(cut)
        } else {
            last
        };
        if let (Some(bytes), Some(room)) = (self.end(last), last_words) {
            room.send(bytes);
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            match self.reader.next(&mut self.chunk) {
                Ok(Some(item)) => match self.pass(item) {
                    Some(next) => return next,
                    None => continue,
                },
                Ok(None) => {}
                Err(_) => return Next::Broken(UpstreamFault::TooLarge),
            }
            tokio::select! {
                biased;
                cut = self.stream.watch.cut() => return Next::Cut(cut),
                frame = frame(self.stream.upstream.as_mut()) => match frame {
                    Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
                    Some(Err(_)) | None if self.resumable || self.stream.answers.is_none() => {
                        return Next::Ended;
                    }
                    // Ended or broken before the answer came.
                    Some(Err(_)) | None => return Next::Broken(UpstreamFault::Protocol),
                },
                notification = changed(self.stream.changes.as_mut()) => {
                    return Next::Bytes(event(None, None, notification));
                }
                _ = self.keep_alive.tick() => return Next::Bytes(Bytes::from_static(KEEP_ALIVE)),
            }
        }
    }

    /// What to send on for one item of the stream; nothing for what has no place in it.
    fn pass(&mut self, item: SseItem) -> Option<Next> {
        let (is_message, data, id, retry) = match item {
            SseItem::Comment => return Some(Next::Bytes(Bytes::from_static(KEEP_ALIVE))),
            SseItem::Event {
                is_message,
                data,
                id,
                retry,
            } => (is_message, data, id, retry),
        };
        let id = id.and_then(|id| self.place(&id));
        self.resumable |= id.is_some();
        let write = |data: &[u8]| Next::Bytes(event(id.as_ref(), retry, data));
        if data.is_empty() {
            // Says where the stream is, and nothing else (MCP 2025-11-25, "priming").
            return (id.is_some() || retry.is_some()).then(|| write(&[]));
        }
        if !is_message {
            return None;
        }
        let side = &self.stream.side;
        match read_session_answer(&data, &self.awaited()) {
            SessionPassage::Pass(answer) => match answer {
                SessionAnswer::Response(response) => {
                    let outcome = outcome(&response);
                    Some(Next::Last(event(id.as_ref(), retry, &data), outcome))
                }
                SessionAnswer::Progress | SessionAnswer::LogMessage | SessionAnswer::ElicitationComplete => {
                    Some(write(&data))
                }
                SessionAnswer::Request {
                    request: ServerRequest::Ping,
                    id,
                } => {
                    side.answer(onedoor_wire::reply::result(id.id(), "{}"));
                    None
                }
                SessionAnswer::Request {
                    request: ServerRequest::Elicitation | ServerRequest::Sampling | ServerRequest::Roots,
                    id: slot,
                }
                | SessionAnswer::Cancelled { request_id: slot } => {
                    let asking = Asking {
                        id: slot.id().as_raw().to_owned(),
                        target: side.session.target_to_seal(),
                    };
                    let sealed = asking.seal(&side.door.seal, &side.session)?;
                    Some(write(&slot.with_id(RequestId::parse(&sealed)?)))
                }
            },
            SessionPassage::Drop(_) => None,
            SessionPassage::Refuse { id } => {
                side.answer(onedoor_wire::reply::error(
                    Some(id),
                    code::METHOD_NOT_FOUND,
                    "Method not found",
                    None,
                ));
                None
            }
            SessionPassage::Fault(_) => Some(Next::Broken(UpstreamFault::Protocol)),
        }
    }

    /// The event id for the client, for the upstream's.
    fn place(&self, id: &EventId) -> Option<EventId> {
        let place = Place {
            event: id.as_str().to_owned(),
            target: self.stream.side.session.target_to_seal(),
            answers: self.stream.answers.clone(),
        };
        place.seal(&self.stream.side.door.seal, &self.stream.side.session)
    }

    fn awaited(&self) -> AwaitedInSession<'_> {
        let answers = self.stream.answers.as_ref();
        AwaitedInSession {
            id: answers.and_then(|answers| RequestId::parse(&answers.id)),
            progress_token: answers
                .and_then(|answers| answers.progress_token.as_deref())
                .and_then(ProgressToken::parse),
            declared: self.stream.side.session.declared(),
        }
    }

    /// Ends the stream, and the call that it answers. The last bytes for the client, if there are any.
    fn end(self, next: Next) -> Option<Bytes> {
        let deadline = self.stream.watch.deadline();
        let (answers, flight) = (self.stream.answers, self.stream.flight);
        let parked = &self.stream.side.door.parked;
        let error = |reason: Reason| {
            let answers = answers.as_ref()?;
            let id = RequestId::parse(&answers.id);
            Some(event(
                None,
                None,
                &error_body(id, reason, Some(answers.call), None),
            ))
        };
        match (next, self.stream.call) {
            (Next::Bytes(bytes), _) => Some(bytes),
            (Next::Last(bytes, outcome), Some(mut call)) => {
                call.answer_size += bytes.len() as u64;
                call.finish(outcome);
                Some(bytes)
            }
            (Next::Last(bytes, outcome), None) => {
                if let Some(answers) = &answers {
                    parked.answered(answers.call, outcome);
                }
                Some(bytes)
            }
            (Next::Ended, Some(call)) => {
                parked.park(Waiting {
                    call,
                    flight,
                    deadline,
                });
                None
            }
            (Next::Ended, None) => None,
            (Next::Broken(fault), call) => {
                match call {
                    Some(call) => drop(fail(call, fault)),
                    None => {
                        tracing::warn!(call = %self.stream.side.call, ?fault, "a server's stream is of no use");
                    }
                }
                error(Reason::Upstream(fault))
            }
            (Next::Cut(cut), call) => {
                if let Some(call) = call {
                    call.finish(cut.outcome());
                }
                // Nobody waits for the answer of a call that was cancelled (MCP 2025-11-25, "Cancellation").
                if cut == Cut::Cancelled {
                    None
                } else {
                    error(cut.reason())
                }
            }
        }
    }

    /// The client went away, which cancels nothing: it may come back for the rest, where the upstream keeps it; else the rest is read
    /// here, to know how the call ends.
    async fn left(mut self) {
        if self.stream.call.is_none() {
            return;
        }
        if self.resumable {
            self.end(Next::Ended);
            return;
        }
        loop {
            match self.next().await {
                Next::Bytes(_) => {}
                next @ (Next::Last(..) | Next::Broken(_) | Next::Ended | Next::Cut(_)) => {
                    if let Next::Cut(Cut::TimedOut) = next
                        && let Some(call) = self.stream.call.take()
                    {
                        call.finish(Outcome::Cancelled(CancelCause::Disconnected));
                    }
                    self.end(next);
                    return;
                }
            }
        }
    }
}

/// The upstream's next frame; never, where there is no upstream.
async fn frame(
    upstream: Option<&mut PooledBody>,
) -> Option<Result<http_body::Frame<Bytes>, <PooledBody as http_body::Body>::Error>> {
    match upstream {
        Some(body) => body.frame().await,
        None => std::future::pending().await,
    }
}

async fn changed(changes: Option<&mut Changes>) -> &'static [u8] {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn event(id: Option<&EventId>, retry: Option<u64>, data: &[u8]) -> Bytes {
    let mut out = Vec::new();
    write_resumable_event(id, retry, data, &mut out);
    Bytes::from(out)
}
