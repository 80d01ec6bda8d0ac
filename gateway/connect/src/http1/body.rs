//! An answer's body, and what becomes of the connection it comes over.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Connection;
use crate::pool::Shelf;

/// A body that gives its connection back at its end.
pub(crate) struct Http1Body {
    incoming: Incoming,
    held: Option<Held>,
}

struct Held {
    connection: Connection,
    shelf: Option<Arc<Shelf>>,
}

impl Http1Body {
    /// A body that is still to come on a connection.
    pub(super) fn held(incoming: Incoming, connection: Connection, shelf: Option<Arc<Shelf>>) -> Self {
        let mut body = Self {
            incoming,
            held: Some(Held { connection, shelf }),
        };
        body.release_at_end();
        body
    }

    /// A body whose connection is gone already.
    pub(super) fn last(incoming: Incoming) -> Self {
        Self { incoming, held: None }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.held.is_none()
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

impl Body for Http1Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.release_at_end(),
            Some(Err(_)) => self.held = None,
            None => self.release(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
