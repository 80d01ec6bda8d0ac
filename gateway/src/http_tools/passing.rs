//! An answer's body on its way to the client: each piece as it comes, none kept.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use onedoor_connect::PooledBody;
use onedoor_model::audit::{CancelCause, Outcome, UpstreamFault};

use crate::proxy::{Call, Cut, Watch, end, fail};

use super::upload::UploadFault;

/// A body that is being passed on. Dropped by a client that went away, it closes the upstream's connection or stream, which tells the
/// tool.
pub(super) struct Passing {
    pub(super) call: Call,
    pub(super) watch: Watch,
    pub(super) body: PooledBody,
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
pub(super) fn pass(passing: Passing) -> Body {
    Body::from_stream(stream::unfold(Some(passing), |passing| async move {
        passing?.step().await
    }))
}

impl Passing {
    /// The next piece for the client, and what is left to pass on.
    async fn step(mut self) -> Option<(Result<Bytes, BrokenOff>, Option<Self>)> {
        match self.next().await {
            Next::Bytes(bytes) => {
                self.call.answer_size += bytes.len() as u64;
                // A client that knows the length does not ask for what comes after the last piece.
                if self.body.is_end_stream() {
                    self.call.finish(self.outcome);
                    return Some((Ok(bytes), None));
                }
                Some((Ok(bytes), Some(self)))
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
                Some((Err(BrokenOff), None))
            }
            Next::Cut(cut) => {
                end(self.call, cut);
                Some((Err(BrokenOff), None))
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
