//! Answers that come as server-sent events: passed on one by one as they come, each checked first.

use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use onedoor_connect::PooledBody;
use onedoor_model::{
    audit::{Outcome, UpstreamFault},
    registry::Limits,
};
use onedoor_wire::{
    answer::{Answer, Passage},
    sse::{KEEP_ALIVE, SseItem, SseReader, write_event},
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval_at},
};
use tokio_util::task::TaskTracker;

use crate::{mcp, refusal::Reason};

use super::{
    Call,
    answer::{Expected, outcome},
    event_stream,
    forward::fail,
    watch::Watch,
};

/// How often a silent stream shows that it lives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// A stream that is being passed on. Dropped when its client goes away, it ends the upstream's: the connection over HTTP/1.1, the stream
/// over HTTP/2. That tells the tool.
struct Passing {
    call: Call,
    // Before the watch: a command counts as enforced once that is gone.
    body: PooledBody,
    watch: Watch,
    chunk: Bytes,
    reader: SseReader,
    expected: Expected,
    keep_alive: Interval,
}

/// What comes next on the way to the client.
enum Next {
    /// Bytes, and more to come.
    Bytes(Bytes),
    /// The last event.
    Last(Bytes, Outcome),
    /// The call ended without an answer.
    Broken(UpstreamFault),
    /// The call was cut.
    Cut(super::watch::Cut),
}

/// Answers with the upstream's stream.
pub(super) fn respond(
    mut call: Call,
    watch: Watch,
    body: PooledBody,
    expected: Expected,
    limits: &Limits,
    tasks: &TaskTracker,
) -> Response {
    call.streams();
    let mut keep_alive = interval_at(tokio::time::Instant::now() + KEEP_ALIVE_EVERY, KEEP_ALIVE_EVERY);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let max_event = usize::try_from(limits.sse_event_bytes).unwrap_or(usize::MAX);
    let passing = Passing {
        call,
        body,
        watch,
        chunk: Bytes::new(),
        reader: SseReader::new(max_event),
        expected,
        keep_alive,
    };
    let (client, response) = event_stream();
    tasks.spawn(passing.run(client));
    response
}

impl Passing {
    /// Passes the stream on to its end. In a task of its own: a client that does not read cannot hold up what ends its call.
    async fn run(mut self, client: mpsc::Sender<Bytes>) {
        let last_words = client.clone().try_reserve_owned().ok();
        let last = loop {
            let bytes = tokio::select! {
                biased;
                () = client.closed() => return,
                next = self.next() => match next {
                    Next::Bytes(bytes) => bytes,
                    last @ (Next::Last(..) | Next::Broken(_) | Next::Cut(_)) => break last,
                },
            };
            tokio::select! {
                biased;
                cut = self.watch.cut() => break Next::Cut(cut),
                room = client.reserve() => {
                    let Ok(room) = room else { return };
                    if let Err(cut) = self.watch.leave().await {
                        break Next::Cut(cut);
                    }
                    self.call.answer_size += bytes.len() as u64;
                    room.send(bytes);
                }
            }
        };
        let last = if matches!(last, Next::Last(..))
            && let Err(cut) = self.watch.leave().await
        {
            Next::Cut(cut)
        } else {
            last
        };
        let bytes = self.end(last);
        if let Some(room) = last_words {
            room.send(bytes);
        }
    }

    /// Ends the call. The last bytes for the client.
    fn end(mut self, last: Next) -> Bytes {
        match last {
            Next::Bytes(bytes) => bytes,
            Next::Last(bytes, outcome) => {
                self.call.answer_size += bytes.len() as u64;
                self.call.finish(outcome);
                bytes
            }
            Next::Broken(fault) => {
                let last = error_event(&self.expected, Reason::Upstream(fault), &self.call);
                fail(self.call, fault);
                last
            }
            Next::Cut(cut) => {
                let last = error_event(&self.expected, cut.reason(), &self.call);
                self.call.finish(cut.outcome());
                last
            }
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            match self.reader.next(&mut self.chunk) {
                Ok(Some(item)) => match pass(&self.expected, &item) {
                    Some(next) => return next,
                    None => continue,
                },
                Ok(None) => {}
                Err(_) => return Next::Broken(UpstreamFault::TooLarge),
            }
            tokio::select! {
                biased;
                cut = self.watch.cut() => return Next::Cut(cut),
                frame = self.body.frame() => match frame {
                    Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
                    // Ended or broken before the answer came.
                    Some(Err(_)) | None => return Next::Broken(UpstreamFault::Protocol),
                },
                _ = self.keep_alive.tick() => return Next::Bytes(Bytes::from_static(KEEP_ALIVE)),
            }
        }
    }
}

/// What to send on for one item of the stream; nothing for what has no place in it.
fn pass(expected: &Expected, item: &SseItem) -> Option<Next> {
    let data = match item {
        SseItem::Comment => return Some(Next::Bytes(Bytes::from_static(KEEP_ALIVE))),
        SseItem::Event {
            is_message: false, ..
        } => return None,
        SseItem::Event {
            is_message: true,
            data,
            ..
        } => data,
    };
    match expected.read(data) {
        Some(Passage::Pass(Answer::Progress)) => Some(Next::Bytes(event(data))),
        Some(Passage::Pass(Answer::Response(response))) => Some(Next::Last(event(data), outcome(&response))),
        Some(Passage::Drop(_)) => None,
        Some(Passage::Fault(_)) | None => Some(Next::Broken(UpstreamFault::Protocol)),
    }
}

fn event(data: &[u8]) -> Bytes {
    let mut out = Vec::new();
    write_event(data, &mut out);
    Bytes::from(out)
}

fn error_event(expected: &Expected, reason: Reason, call: &Call) -> Bytes {
    event(&mcp::error_body(expected.id(), reason, Some(call.id), None))
}
