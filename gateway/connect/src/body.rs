//! An answer's body.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

use crate::{http1::Http1Body, http2::Http2Body, lease::Broken};

/// An answer's body. Over HTTP/1.1, read to its end, it gives the connection back to its pool; dropped before, it
/// closes it. Over HTTP/2, dropped before its end, it resets its stream. Either way the server learns that nobody
/// listens any more, and what was not sent yet of a streamed request is not sent.
///
/// Trailers come as its last frame.
pub struct PooledBody(Source);

enum Source {
    Http1(Http1Body),
    Http2(Http2Body),
}

/// The body broke off: it is shorter than the head said, is not framed as its protocol asks, or the connection or
/// stream broke. The server's fault; what was read so far is a part of an answer, not an answer.
///
/// A body of HTTP/1.1 that is *longer* than the head said ends where the head said; what follows it is an answer to
/// nobody, and the connection is closed.
#[derive(Debug, Error)]
#[error("the answer broke off")]
pub struct BodyError(#[source] Broken);

impl From<Http1Body> for PooledBody {
    fn from(body: Http1Body) -> Self {
        Self(Source::Http1(body))
    }
}

impl From<Http2Body> for PooledBody {
    fn from(body: Http2Body) -> Self {
        Self(Source::Http2(body))
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Source::Http1(body) => Pin::new(body).poll_frame(cx).map_err(Broken::from),
            Source::Http2(body) => Pin::new(body).poll_frame(cx).map_err(Broken::from),
        }
        .map_err(BodyError)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Http1(body) => body.is_end_stream(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Http1(body) => body.size_hint(),
            Source::Http2(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for PooledBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, ended) = match &self.0 {
            Source::Http1(body) => ("HTTP/1.1", body.has_ended()),
            Source::Http2(body) => ("HTTP/2", body.has_ended()),
        };
        f.debug_struct("PooledBody")
            .field("protocol", &protocol)
            .field("ended", &ended)
            .finish_non_exhaustive()
    }
}
