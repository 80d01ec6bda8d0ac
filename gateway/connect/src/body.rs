//! An answer's body, and what becomes of the connection it comes over.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use crate::{connection::Connection, pool::Shelf};

/// An answer's body. Read to its end, it gives the connection back to its pool; dropped before, it closes it, and the
/// server learns that nobody listens any more.
pub struct PooledBody {
    incoming: Incoming,
    held: Option<Held>,
}

/// The body broke off: it is shorter than the head said, is not framed as HTTP/1.1 asks, or the connection broke. The
/// server's fault; what was read so far is a part of an answer, not an answer.
///
/// A body *longer* than the head said ends where the head said; what follows it is an answer to nobody, and the
/// connection is closed.
#[derive(Debug, Error)]
#[error("the answer broke off")]
pub struct BodyError(#[source] hyper::Error);

struct Held {
    connection: Connection,
    shelf: Option<Arc<Shelf>>,
}

impl PooledBody {
    pub(crate) fn new(incoming: Incoming, connection: Connection, shelf: Option<Arc<Shelf>>) -> Self {
        let mut body = Self {
            incoming,
            held: Some(Held { connection, shelf }),
        };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(Held {
            connection,
            shelf: Some(shelf),
        }) = self.held.take()
        {
            shelf.put(connection);
        }
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.release_at_end(),
            Some(Err(_)) => self.held = None,
            None => self.release(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl fmt::Debug for PooledBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBody")
            .field("ended", &self.held.is_none())
            .finish_non_exhaustive()
    }
}
