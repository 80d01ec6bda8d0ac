//! Upstreams at the network's edge: they read bytes and write bytes, and keep every byte they have read.

mod behaviour;
mod connection;
mod http;

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

use tokio_rustls::TlsAcceptor;

pub use behaviour::Behaviour;

use self::connection::Connection;
use crate::manifest::Manifest;

/// An upstream that behaves as the tool called says ([`Behaviour`]). Dropped, it closes its connections.
#[derive(Debug)]
pub struct Upstream {
    /// Its MCP endpoint.
    pub url: String,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// What an upstream has seen, and what it waits for.
#[derive(Debug, Default)]
struct Seen {
    bytes: Mutex<Vec<u8>>,
    requests: Mutex<Vec<Received>>,
    /// Answers of [`Behaviour::Held`] go out once this is notified.
    released: Notify,
    /// Where [`Behaviour::Redirect`] points.
    elsewhere: Mutex<String>,
}

/// A request that an upstream has read whole.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its first byte was read.
    pub at: Instant,
    /// Start line and headers.
    pub head: String,
    /// The body.
    pub body: Value,
}

impl Upstream {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts one that speaks TLS, for `localhost`.
    pub async fn start_tls(config: ServerConfig) -> Self {
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = match tls {
            None => format!("http://{address}/mcp"),
            Some(_) => format!("https://localhost:{}/mcp", address.port()),
        };
        let seen = Arc::<Seen>::default();
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&seen);
        tasks.spawn(async move {
            // Dropped with the upstream, and all its connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&shared);
                match tls.clone() {
                    None => connections.spawn(serve(stream, seen)),
                    Some(tls) => connections.spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, seen).await;
                        }
                    }),
                };
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            url,
            seen,
            _tasks: tasks,
        }
    }

    /// A manifest for it, with a tool for every behaviour.
    #[must_use]
    pub fn manifest(&self, slug: &str) -> Manifest {
        Manifest::new(slug, &self.url, Behaviour::ALL.map(Behaviour::tool))
    }

    /// Every byte it has received.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.bytes.lock().clone()
    }

    /// Every request it has read whole.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.seen.requests.lock().clone()
    }

    /// The requests of which it has read the first byte after an instant.
    #[must_use]
    pub fn requests_after(&self, instant: Instant) -> Vec<Received> {
        let requests = self.seen.requests.lock();
        let after = requests.iter().filter(|request| request.at > instant);
        after.cloned().collect()
    }

    /// Lets one answer go that is held back.
    pub fn release(&self) {
        self.seen.released.notify_one();
    }

    /// Where redirects lead.
    pub fn redirect_to(&self, url: &str) {
        url.clone_into(&mut self.seen.elsewhere.lock());
    }
}

impl Received {
    /// A header's value; none where it is missing or comes twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines
            .by_ref()
            .filter(|(line, _)| line.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim());
        let (first, second) = (values.next(), values.next());
        first.filter(|_| second.is_none())
    }

    /// The tool called.
    #[must_use]
    pub fn tool(&self) -> &str {
        self.body["params"]["name"].as_str().unwrap_or_default()
    }
}

async fn serve(mut stream: impl Connection, seen: Arc<Seen>) {
    while let Some(received) = http::read(&mut stream, &seen.bytes).await {
        let behaviour = Behaviour::of(received.tool());
        seen.requests.lock().push(received.clone());
        if !behaviour.act(&mut stream, &received, &seen).await {
            return;
        }
    }
}
