//! Telling when a request was written.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who wants to know when a request was written. Told once, by the connection's task, right after the socket has taken the first bytes
/// since the request was handed over.
///
/// Over HTTP/1.1 these bytes are the request's. Over HTTP/2 they may be another stream's, where requests are handed over at the same time:
/// then this one's follow at once, or as soon as the socket takes more.
pub trait Witness: Send + Sync + fmt::Debug {
    /// The socket has taken the bytes.
    fn written(&self);
}

/// Who is told of a connection's next write.
#[derive(Clone, Default)]
pub(crate) struct Witnesses(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    /// Spares writes without witnesses the lock.
    any: AtomicBool,
    witnesses: Mutex<Vec<Arc<dyn Witness>>>,
}

/// A socket that tells of its writes.
pub(crate) struct Witnessed<S> {
    socket: S,
    witnesses: Witnesses,
}

impl Witnesses {
    /// Has one told of the next write.
    pub(crate) fn add(&self, witness: Arc<dyn Witness>) {
        self.0.witnesses.lock().push(witness);
        self.0.any.store(true, Ordering::Release);
    }

    /// Has one told of nothing: its request was handed back.
    pub(crate) fn withdraw(&self, witness: &Arc<dyn Witness>) {
        self.0
            .witnesses
            .lock()
            .retain(|waiting| !Arc::ptr_eq(waiting, witness));
    }

    fn tell(&self) {
        if self.0.any.load(Ordering::Acquire) {
            let mut waiting = self.0.witnesses.lock();
            self.0.any.store(false, Ordering::Release);
            for witness in waiting.drain(..) {
                witness.written();
            }
        }
    }
}

impl<S> Witnessed<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            witnesses: Witnesses::default(),
        }
    }

    pub(crate) fn witnesses(&self) -> Witnesses {
        self.witnesses.clone()
    }

    fn taken(&self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
        if matches!(written, Ok(bytes) if bytes > 0) {
            self.witnesses.tell();
        }
        Poll::Ready(written)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Witnessed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Witnessed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, buf));
        self.taken(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs));
        self.taken(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
