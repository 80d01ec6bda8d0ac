//! A request's body on its way to the server.

use std::{future::poll_fn, pin::pin};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::task::AbortHandle;

use crate::request::RequestBody;

/// A streamed body that is being sent. Dropping it ends that; the server sees that the body is not whole.
pub(super) struct Upload(AbortHandle);

impl Upload {
    /// Sends a body on its request's stream: a whole one is handed over at once, a streamed one by a task.
    pub(super) fn start(body: RequestBody, mut stream: SendStream<Bytes>) -> Option<Self> {
        match body.into_whole() {
            Ok(bytes) => {
                // Without bytes the head said already that nothing follows.
                if !bytes.is_empty() && stream.send_data(bytes, true).is_err() {
                    stream.send_reset(Reason::INTERNAL_ERROR);
                }
                None
            }
            Err(streamed) => Some(Self(tokio::spawn(send(streamed, stream)).abort_handle())),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a body frame by frame, until it has ended or failed or the server has had enough. Whoever waits for the
/// answer is told.
async fn send(body: RequestBody, mut stream: SendStream<Bytes>) {
    if body.is_end_stream() {
        return;
    }
    let sent = send_frames(body, &mut stream).await;
    if sent.is_err() {
        stream.send_reset(Reason::CANCEL);
    }
}

/// The body failed, or the stream did.
struct Stopped;

async fn send_frames(body: RequestBody, stream: &mut SendStream<Bytes>) -> Result<(), Stopped> {
    let mut body = pin!(body);
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(Stopped),
        };
        let Some(frame) = frame else {
            return stream.send_data(Bytes::new(), true).map_err(|_| Stopped);
        };
        match frame.map_err(|_| Stopped)?.into_data() {
            Ok(data) => {
                let is_last = body.is_end_stream();
                if !data.is_empty() {
                    room(stream).await?;
                } else if !is_last {
                    continue;
                }
                stream.send_data(data, is_last).map_err(|_| Stopped)?;
                if is_last {
                    return Ok(());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    return stream.send_trailers(trailers).map_err(|_| Stopped);
                }
            }
        }
    }
}

/// Waits until what was sent before is on its way and the server takes more. Asked for only with something to send in
/// hand: it may be room that other streams need.
async fn room(stream: &mut SendStream<Bytes>) -> Result<(), Stopped> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        let granted = poll_fn(|cx| stream.poll_capacity(cx)).await;
        granted.ok_or(Stopped)?.map_err(|_| Stopped)?;
    }
    Ok(())
}
