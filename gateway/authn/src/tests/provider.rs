//! A key set served over HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

use super::support::TestKey;

/// An identity provider's keys endpoint. It is gone once this is dropped.
pub(crate) struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    requests: AtomicUsize,
    /// What is answered; none: status 503.
    keys: Mutex<Option<Value>>,
    /// An answer waits for a permit.
    gate: Semaphore,
}

impl Provider {
    pub(crate) async fn start(keys: &[TestKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            requests: AtomicUsize::new(0),
            keys: Mutex::new(Some(set(keys))),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&serving)));
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// From now on serves these keys.
    pub(crate) fn rotate(&self, keys: &[TestKey]) {
        *self.shared.keys.lock() = Some(set(keys));
    }

    /// From now on answers with status 503.
    pub(crate) fn go_down(&self) {
        *self.shared.keys.lock() = None;
    }

    /// From now on lets requests wait for their answer.
    pub(crate) fn hold_answers(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release_answers(&self) {
        self.shared.gate.add_permits(1_000);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn set(keys: &[TestKey]) -> Value {
    json!({ "keys": keys.iter().map(TestKey::public).collect::<Vec<_>>() })
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let permit = shared.gate.acquire().await.unwrap();
    let keys = shared.keys.lock().clone();
    let (status, body) = match keys {
        Some(keys) => ("200 OK", keys.to_string()),
        None => ("503 Service Unavailable", String::new()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    drop(permit);
}
