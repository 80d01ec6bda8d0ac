//! A client's body on its way to the upstream: as it comes, within the limit, without trailers.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use onedoor_connect::RequestBody;
use onedoor_lease::Control;

use crate::body::BodyFault;

/// Why a body broke off, for whoever waits for the answer. A request with a streamed body has one among its extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct UploadFault(Arc<OnceLock<BodyFault>>);

/// The body. It pauses while the replica cannot show that it is up to date.
struct Upload {
    body: Body,
    control: Arc<Control>,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    limit: u64,
    left: u64,
    fault: UploadFault,
}

/// The body of the upstream's request: `body`, of at most `limit` bytes.
pub(super) fn upload(body: Body, limit: u64, fault: &UploadFault, control: &Arc<Control>) -> RequestBody {
    // A request without body can be sent once more where a connection turns out to be closed.
    if body.is_end_stream() {
        return RequestBody::default();
    }
    RequestBody::streaming(Upload {
        body,
        control: Arc::clone(control),
        pause: None,
        limit,
        left: limit,
        fault: fault.clone(),
    })
}

impl UploadFault {
    /// What went wrong on the client's side, if anything did.
    pub(crate) fn get(&self) -> Option<BodyFault> {
        self.0.get().copied()
    }

    /// Breaks the request off.
    fn set(&self, fault: BodyFault) -> BodyFault {
        *self.0.get_or_init(|| fault)
    }
}

impl Upload {
    /// Ready while the lease holds.
    fn poll_lease(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.control.lease().may_serve() {
            let control = Arc::clone(&self.control);
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(async move { control.lease().served().await }));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        ready!(self.poll_lease(cx));
        let data = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame.into_data(),
            Some(Err(error)) => {
                tracing::debug!(%error, "a client's body broke off");
                return Poll::Ready(Some(Err(self.fault.set(BodyFault::Broken))));
            }
            None => return Poll::Ready(None),
        };
        // What is not data is trailers, and they are the end: nobody has said which of them are safe to merge (RFC 9110 §6.5.1).
        let Ok(data) = data else { return Poll::Ready(None) };
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            None => Poll::Ready(Some(Err(self.fault.set(BodyFault::TooLarge(self.limit))))),
        }
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
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    use crate::upstream::scene::Scene;

    use super::*;

    type Part = Result<Frame<Bytes>, std::io::Error>;

    fn body(parts: Vec<Part>) -> Body {
        Body::new(StreamBody::new(stream::iter(parts)))
    }

    fn data(text: &'static str) -> Part {
        Ok(Frame::data(Bytes::from(text)))
    }

    async fn sent(parts: Vec<Part>) -> (Option<Bytes>, Option<BodyFault>) {
        let fault = UploadFault::default();
        let scene = Scene::new().await;
        let sent = upload(body(parts), 5, &fault, &scene.control).collect().await;
        let sent = sent.ok().map(|sent| {
            assert!(sent.trailers().is_none());
            sent.to_bytes()
        });
        (sent, fault.get())
    }

    #[tokio::test]
    async fn a_body_passes_up_to_the_limit() {
        assert_eq!(
            sent(vec![data("abc"), data("de")]).await,
            (Some("abcde".into()), None)
        );
        let too_large = Some(BodyFault::TooLarge(5));
        assert_eq!(sent(vec![data("abc"), data("def")]).await, (None, too_large));
        let broken: Part = Err(std::io::Error::other("reset"));
        assert_eq!(
            sent(vec![data("a"), broken]).await,
            (None, Some(BodyFault::Broken))
        );
    }

    #[tokio::test]
    async fn trailers_stay_at_the_door() {
        let trailers: Part = Ok(Frame::trailers(http::HeaderMap::from_iter([(
            http::header::AUTHORIZATION,
            http::HeaderValue::from_static("Bearer a"),
        )])));
        assert_eq!(sent(vec![data("a"), trailers]).await, (Some("a".into()), None));
    }

    #[tokio::test]
    async fn no_body_is_no_stream() {
        let scene = Scene::new().await;
        let sent = upload(Body::empty(), 5, &UploadFault::default(), &scene.control);
        assert_eq!(format!("{sent:?}"), "RequestBody(0 bytes)");
    }
}
