//! A server that does exactly what a test says, and what the tests share with it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Request;
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use url::Url;

use crate::{AddressPolicy, Connector, Destination, Instant, Pool, PoolLimits, RequestBody, Roots, Witness};

/// Longer than anything here takes; reached only by a failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const OK: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// Limits that no test comes to by accident.
pub(super) const LIMITS: PoolLimits = PoolLimits {
    open: 64,
    idle: 8,
    idle_for: PATIENCE,
    ping_every: PATIENCE,
};

/// Counts how often it is told.
#[derive(Debug, Default)]
pub(super) struct Told(AtomicUsize);

impl Told {
    pub(super) fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Witness for Told {
    fn written(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Loopback, where all test servers are.
pub(super) fn loopback() -> [IpNet; 1] {
    ["127.0.0.0/8".parse().unwrap()]
}

pub(super) fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// Fails rather than hangs.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("took too long")
}

/// Waits for what is bound to come.
pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    in_time(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs `serve` on every connection, counted from 0.
    pub(super) async fn start<F, S>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(counter.fetch_add(1, Ordering::SeqCst), stream));
            }
        });
        Self {
            address,
            connections,
            task,
        }
    }

    /// Answers every request with these bytes, for as long as there are any.
    pub(super) async fn answering(answer: impl Into<String>) -> Self {
        let answer = Arc::<str>::from(answer.into());
        Self::start(move |_, mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                while read_request(&mut stream).await.is_some() {
                    write(&mut stream, &answer).await;
                }
            }
        })
        .await
    }

    /// Answers the first request with these bytes and ends the stream.
    pub(super) async fn answering_once(answer: impl Into<String>) -> Self {
        let answer = Arc::<str>::from(answer.into());
        Self::start(move |_, mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_request(&mut stream).await;
                write(&mut stream, &answer).await;
            }
        })
        .await
    }

    /// How many connections it has taken.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(super) fn destination(&self) -> Destination {
        Destination::of(&self.url("/")).unwrap()
    }

    pub(super) fn pool(&self) -> Pool {
        self.pool_with(LIMITS)
    }

    pub(super) fn pool_with(&self, limits: PoolLimits) -> Pool {
        Pool::new(connector(), self.destination(), limits)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn connector() -> Connector {
    Connector::new(Roots::Given(Vec::new())).unwrap()
}

pub(super) fn get(path: &str) -> Request<RequestBody> {
    Request::get(path).body(RequestBody::default()).unwrap()
}

/// Acquires a lease for loopback.
pub(super) async fn acquire(pool: &Pool) -> crate::Lease {
    pool.acquire(AddressPolicy::allowing(&loopback()), soon())
        .await
        .unwrap()
}

/// One request's text, its body included; none at the end of the stream.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let mut text = String::from_utf8(text).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    text.push_str(&String::from_utf8(body).unwrap());
    Some(text)
}

/// Writes if anyone still listens.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
}

/// Waits until the other end has closed, in whichever way.
pub(super) async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    drain(stream).await;
}

/// Reads until the other end has closed, in whichever way: how many bytes.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> usize {
    let (mut rest, mut total) = (vec![0; 64 * 1024], 0);
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        total += read;
    }
    total
}
