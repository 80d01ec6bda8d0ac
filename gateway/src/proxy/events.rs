//! A stream of events on its way to a client.

use std::convert::Infallible;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use tokio::sync::mpsc;

/// How much is on its way at once: an event, and the last words, which always have room.
const ON_THE_WAY: usize = 2;

/// Where a task sends the events of a stream, and the answer that carries them. The task goes on whether or not the client reads.
pub(crate) fn event_stream() -> (mpsc::Sender<Bytes>, Response) {
    let (client, events) = mpsc::channel(ON_THE_WAY);
    let events = stream::unfold(events, |mut events| async move {
        let bytes = events.recv().await?;
        Some((Ok::<_, Infallible>(bytes), events))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    (client, response)
}
