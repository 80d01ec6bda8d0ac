//! What drives a connection: reads and writes its frames, and asks for signs of life.

use std::{
    future::{pending, poll_fn},
    mem,
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use h2::{Ping, PingPong, client::Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{sleep, timeout},
};

/// Drives a connection to its end, and tells how many streams the server allows.
pub(super) async fn drive<S>(
    mut connection: Connection<S, Bytes>,
    allow: watch::Sender<usize>,
    ping_every: Duration,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    let ended = poll_fn(|cx| {
        let polled = Pin::new(&mut connection).poll(cx);
        // Whatever the server has said of it was read just now.
        let now = connection.max_concurrent_send_streams();
        allow.send_if_modified(|allowed| mem::replace(allowed, now) != now);
        polled
    });
    tokio::select! {
        biased;
        ended = ended => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
        }
        () = silence(pings, ping_every) => tracing::debug!("a connection no longer answers"),
    }
}

/// Resolves when the server leaves a ping unanswered.
async fn silence(pings: Option<PingPong>, every: Duration) {
    let Some(mut pings) = pings else {
        return pending().await;
    };
    loop {
        sleep(every).await;
        match timeout(every, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
