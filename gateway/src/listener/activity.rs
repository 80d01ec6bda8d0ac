//! What goes on on a connection, so that it is closed when its client does not expect it to be of use.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::Version;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// How long a connection without requests is left open for one that its client may just be sending.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// How often it is looked at while it is about to be closed.
const LOOK: Duration = Duration::from_millis(50);

/// What goes on on a connection. Costs a request a few atomic writes.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    /// Requests whose answers are not sent yet.
    under_way: AtomicUsize,
    /// When the last of them ended, in milliseconds since `begun`.
    last: AtomicU64,
    /// HTTP/2 tells its client not to send more, and loses nothing that was sent (RFC 9113 §6.8).
    goes_away: AtomicBool,
}

/// A request that is not answered to the end yet.
#[derive(Debug)]
pub(super) struct Request(Arc<Activity>);

/// An answer's body, which is sent once it is dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _request: Request,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            under_way: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            goes_away: AtomicBool::new(false),
        })
    }

    /// A request begins.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> Request {
        self.under_way.fetch_add(1, Relaxed);
        if version == Version::HTTP_2 {
            self.goes_away.store(true, Relaxed);
        }
        Request(Arc::clone(self))
    }

    /// Completes when the connection can be told to end: at once in HTTP/2; in HTTP/1 when nothing was under way for [`QUIET`].
    pub(super) async fn quiet(&self) {
        while !self.is_quiet() {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_quiet(&self) -> bool {
        let idle = || {
            self.begun
                .elapsed()
                .saturating_sub(Duration::from_millis(self.last.load(Relaxed)))
        };
        self.goes_away.load(Relaxed) || (self.under_way.load(Relaxed) == 0 && idle() >= QUIET)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let now = self.0.begun.elapsed().as_millis();
        self.0.last.store(u64::try_from(now).unwrap_or(u64::MAX), Relaxed);
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

impl Request {
    /// It ends with the body of its answer.
    pub(super) fn until(self, body: Body) -> Answer {
        Answer { body, _request: self }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_http_1_ends_when_it_was_quiet_for_a_while() {
        let activity = Activity::new();
        let request = activity.request(Version::HTTP_11);
        tokio::time::sleep(QUIET * 2).await;
        assert!(!activity.is_quiet(), "a request is under way");
        let answer = request.until(Body::from("sent"));
        assert!(!activity.is_quiet(), "its answer is being sent");
        drop(answer);
        assert!(!activity.is_quiet(), "the client may just send another");
        let before = Instant::now();
        activity.quiet().await;
        assert!((QUIET..QUIET + LOOK * 2).contains(&before.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_http_2_is_told_at_once() {
        let activity = Activity::new();
        let _request = activity.request(Version::HTTP_2);
        assert!(activity.is_quiet());
    }
}
