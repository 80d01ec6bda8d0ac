//! A request's body: whole, or as it comes.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use thiserror::Error;

/// Why a streamed body broke off, as its source tells it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A request's body: bytes that are there already, or a stream that is read as the server takes it.
#[derive(Debug)]
pub struct RequestBody(Content);

enum Content {
    /// Taken when it is read.
    Whole(Option<Bytes>),
    Streaming {
        body: UnsyncBoxBody<Bytes, BoxError>,
        /// Bytes still to come where the request says how many; a body that does not keep to it breaks off.
        left: Option<u64>,
    },
}

/// A streamed body is not as long as its request's `Content-Length` says. The caller's fault; the request broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the request's body is not as long as its Content-Length says")]
pub struct LengthMismatch;

impl RequestBody {
    /// A body that is there already.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self(Content::Whole(Some(bytes)))
    }

    /// A body that is read frame by frame, no faster than the server takes it.
    ///
    /// Trailers go along; over HTTP/1.1 only those that the request's `Trailer` header announces. When it fails, the
    /// request breaks off: the server sees that it is not whole.
    #[must_use]
    pub fn streaming<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body = body.map_err(Into::into).boxed_unsync();
        Self(Content::Streaming { body, left: None })
    }

    /// How many bytes are to come, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Holds a streamed body to the length that its request declares.
    pub(crate) fn declare(&mut self, length: u64) {
        if let Content::Streaming { left, .. } = &mut self.0 {
            *left = Some(length);
        }
    }

    /// The same body once more; none of a stream, which can be read only once.
    pub(crate) fn copy(&self) -> Option<Self> {
        match &self.0 {
            Content::Whole(bytes) => Some(Self(Content::Whole(bytes.clone()))),
            Content::Streaming { .. } => None,
        }
    }

    /// The bytes of a whole body, else the body as it is.
    pub(crate) fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Content::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            streaming @ Content::Streaming { .. } => Err(Self(streaming)),
        }
    }
}

impl Default for RequestBody {
    /// No bytes.
    fn default() -> Self {
        Self::whole(Bytes::new())
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Content::Whole(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Content::Streaming { body, left } => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let (Some(left), None | Some(Ok(_))) = (left, &frame) {
                    let frame = frame.as_ref().and_then(|frame| frame.as_ref().ok());
                    *left = left_after(*left, frame)?;
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Content::Streaming { body, left } => body.is_end_stream() && left.is_none_or(|left| left == 0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Streaming { left: Some(left), .. } => SizeHint::with_exact(*left),
            Content::Streaming { body, left: None } => body.size_hint(),
        }
    }
}

/// What is still to come after a frame, or, with none, the body's end.
fn left_after(left: u64, frame: Option<&Frame<Bytes>>) -> Result<u64, LengthMismatch> {
    match frame.and_then(Frame::data_ref) {
        Some(data) => left.checked_sub(data.len() as u64).ok_or(LengthMismatch),
        None if left == 0 => Ok(0),
        None => Err(LengthMismatch),
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.as_ref().map_or(0, Bytes::len)),
            Self::Streaming { .. } => f.write_str("a stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    type Part = Result<Frame<Bytes>, BoxError>;

    fn stream(parts: &[&'static str]) -> RequestBody {
        let frames: Vec<Part> = parts
            .iter()
            .map(|part| Ok(Frame::data(Bytes::from(*part))))
            .collect();
        RequestBody::streaming(StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_whole_body_gives_its_bytes_once_and_knows_its_length() {
        for text in ["", "x", "four"] {
            let body = RequestBody::from(Bytes::from(text));
            assert_eq!(body.length(), Some(text.len() as u64));
            assert_eq!(body.is_end_stream(), text.is_empty());
            let copy = body.copy().unwrap();
            for body in [body, copy] {
                assert_eq!(body.collect().await.unwrap().to_bytes(), text);
            }
        }
    }

    #[tokio::test]
    async fn a_streamed_body_cannot_be_copied_and_gives_its_frames() {
        let body = stream(&["a", "", "bc"]);
        assert!(body.copy().is_none());
        assert_eq!(body.length(), None);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        let known = RequestBody::streaming(Full::new(Bytes::from("abc")));
        assert_eq!(known.length(), Some(3));
    }

    #[tokio::test]
    async fn a_streamed_body_is_held_to_its_declared_length() {
        for (parts, declared, kept) in [
            (["ab", "c"], 3, true),
            (["", ""], 0, true),
            (["ab", "c"], 2, false),
            (["ab", "c"], 4, false),
            (["", ""], 1, false),
        ] {
            let mut body = stream(&parts);
            body.declare(declared);
            assert_eq!(body.length(), Some(declared));
            let read = body.collect().await;
            assert_eq!(read.is_ok(), kept, "{parts:?} {declared}");
            assert!(read.err().is_none_or(|error| error.is::<LengthMismatch>()));
        }
    }

    #[test]
    fn nothing_of_a_body_is_printed() {
        let shown = format!(
            "{:?} {:?}",
            RequestBody::whole(Bytes::from("secret")),
            stream(&["secret"])
        );
        assert_eq!(shown, "RequestBody(6 bytes) RequestBody(a stream)");
    }
}
