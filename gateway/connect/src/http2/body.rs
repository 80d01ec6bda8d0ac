//! An answer's body, and the stream it comes on.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};

use super::{Credit, upload::Upload};

/// A body that is read no faster than it is asked for. At its end, or dropped before, it lets go of its stream.
pub(crate) struct Http2Body {
    /// None: it has ended or broken off.
    open: Option<Open>,
    /// Bytes still to come, where the head told.
    left: Option<u64>,
}

struct Open {
    stream: RecvStream,
    is_after_data: bool,
    // In this order: the stream is over when its credit is given back.
    _upload: Option<Upload>,
    _credit: Credit,
}

type Step = Poll<Option<Result<Frame<Bytes>, h2::Error>>>;

impl Http2Body {
    pub(super) fn new(
        stream: RecvStream,
        headers: &HeaderMap,
        upload: Option<Upload>,
        credit: Credit,
    ) -> Self {
        let length = headers.get(CONTENT_LENGTH);
        let mut body = Self {
            open: Some(Open {
                stream,
                is_after_data: false,
                _upload: upload,
                _credit: credit,
            }),
            left: length.and_then(|value| value.to_str().ok()?.parse().ok()),
        };
        body.close_at_end();
        body
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.open.is_none()
    }

    fn close_at_end(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.stream.is_end_stream()) {
            self.open = None;
        }
    }
}

impl Open {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Step {
        if !self.is_after_data {
            if let Some(data) = ready!(self.stream.poll_data(cx)) {
                return Poll::Ready(Some(data.and_then(|data| {
                    // It is in the reader's hands now: the server may send as much again.
                    self.stream.flow_control().release_capacity(data.len())?;
                    Ok(Frame::data(data))
                })));
            }
            self.is_after_data = true;
        }
        let trailers = ready!(self.stream.poll_trailers(cx)).transpose();
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)))
    }
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Step {
        let Some(open) = &mut self.open else {
            return Poll::Ready(None);
        };
        let frame = ready!(open.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.left = self.left.map(|left| left.saturating_sub(length));
                self.close_at_end();
            }
            Some(Err(_)) | None => self.open = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.open, self.left) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Some(left)) => SizeHint::with_exact(left),
            (Some(_), None) => SizeHint::default(),
        }
    }
}
