//! An answer's body on its way to the client: each piece as it comes, none kept.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use onedoor_connect::PooledBody;
use onedoor_model::audit::{CancelCause, Outcome, UpstreamFault};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::proxy::{Call, Cut, Watch, end, fail};

use super::upload::UploadFault;

/// A body that is being passed on. Dropped when its client goes away, it closes the upstream's connection or stream, which tells the
/// tool.
pub(super) struct Passing {
    pub(super) call: Call,
    // Before the watch: a command counts as enforced once that is gone.
    pub(super) body: PooledBody,
    pub(super) watch: Watch,
    /// Of the call, if the body comes to its end.
    pub(super) outcome: Outcome,
    /// The request's body may still be on its way.
    pub(super) upload: UploadFault,
}

/// The answer broke off, and with it the client's connection or stream: half an answer must not look like a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

/// What comes next on the way to the client.
enum Next {
    Bytes(Bytes),
    End,
    Broken,
    Cut(Cut),
}

/// The body as the client gets it.
pub(super) fn pass(passing: Passing, tasks: &TaskTracker) -> Body {
    // Two: what is on its way, and the last piece, which always has room.
    let (client, pieces) = mpsc::channel(2);
    tasks.spawn(passing.run(client));
    Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        let piece: Result<Bytes, BrokenOff> = pieces.recv().await?;
        Some((piece, pieces))
    }))
}

impl Passing {
    /// Passes the body on to its end. In a task of its own: a client that does not read cannot hold up what ends its call.
    async fn run(mut self, client: mpsc::Sender<Result<Bytes, BrokenOff>>) {
        let last_piece = client.clone().try_reserve_owned().ok();
        let last = loop {
            let bytes = tokio::select! {
                biased;
                () = client.closed() => return,
                next = self.next() => match next {
                    // A client that knows the length does not ask for what comes after the last piece.
                    last @ Next::Bytes(_) if self.body.is_end_stream() => break last,
                    Next::Bytes(bytes) => bytes,
                    last @ (Next::End | Next::Broken | Next::Cut(_)) => break last,
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
                    room.send(Ok(bytes));
                }
            }
        };
        let last = if matches!(last, Next::Bytes(_))
            && let Err(cut) = self.watch.leave().await
        {
            Next::Cut(cut)
        } else {
            last
        };
        if let (Some(piece), Some(room)) = (self.end(last), last_piece) {
            room.send(piece);
        }
    }

    /// Ends the call. The last piece for the client, if there is one.
    fn end(mut self, last: Next) -> Option<Result<Bytes, BrokenOff>> {
        match last {
            Next::Bytes(bytes) => {
                self.call.answer_size += bytes.len() as u64;
                self.call.finish(self.outcome);
                Some(Ok(bytes))
            }
            Next::End => {
                self.call.finish(self.outcome);
                None
            }
            Next::Broken => {
                if self.upload.get().is_some() {
                    self.call.finish(Outcome::Cancelled(CancelCause::Client));
                } else {
                    fail(self.call, UpstreamFault::Protocol);
                }
                Some(Err(BrokenOff))
            }
            Next::Cut(cut) => {
                end(self.call, cut);
                Some(Err(BrokenOff))
            }
        }
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            cut = self.watch.cut() => Next::Cut(cut),
            frame = self.body.frame() => match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Next::Bytes(bytes),
                    // Trailers: the end, and nobody has said which of them are safe to merge (RFC 9110 §6.5.1).
                    Err(_) => Next::End,
                },
                Some(Err(_)) => Next::Broken,
                None => Next::End,
            },
        }
    }
}
