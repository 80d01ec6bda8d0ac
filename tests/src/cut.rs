//! A way to a server that breaks off once, in the middle of an answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// Passes connections on. The first one on which the server says a given word is closed on both sides, right after that word.
#[derive(Debug)]
pub struct Cut {
    address: String,
    happened: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

/// What its connections need to know.
struct Way {
    here: String,
    to: String,
    word: &'static str,
    happened: Arc<AtomicBool>,
}

impl Cut {
    /// A way to this host and port, which breaks off after `word`.
    pub async fn start(to: &str, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let happened = Arc::<AtomicBool>::default();
        let way = Arc::new(Way {
            here: address.clone(),
            to: to.to_owned(),
            word,
            happened: Arc::clone(&happened),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, Arc::clone(&way)));
            }
        });
        Self {
            address,
            happened,
            _tasks: tasks,
        }
    }

    /// The same URL by this way.
    #[must_use]
    pub fn url(&self, direct: &str) -> String {
        let path = direct.splitn(4, '/').nth(3).unwrap();
        format!("http://{}/{path}", self.address)
    }

    /// Whether it has broken off.
    #[must_use]
    pub fn happened(&self) -> bool {
        self.happened.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, way: Arc<Way>) {
    let server = TcpStream::connect(&way.to).await.unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = way.up(from_client, to_server) => {}
        () = way.down(from_server, to_client) => {}
    }
}

impl Way {
    /// The server serves no host but itself, so requests name it and not this way. Clients write a request's head at once.
    async fn up(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let said = match find(&buffer[..read], &self.here) {
                Some(at) => {
                    let rest = &buffer[at + self.here.len()..read];
                    [&buffer[..at], self.to.as_bytes(), rest].concat()
                }
                None => buffer[..read].to_vec(),
            };
            if to.write_all(&said).await.is_err() {
                return;
            }
        }
    }

    async fn down(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (mut said, mut passed) = (Vec::new(), 0);
        while from.read_buf(&mut said).await.unwrap_or(0) > 0 {
            // The word may have begun with what was read before.
            let start = passed - self.word.len().min(passed);
            let end = find(&said[start..], self.word).map(|at| start + at + self.word.len());
            let cut = end.filter(|_| !self.happened.swap(true, Ordering::SeqCst));
            let written = to.write_all(&said[passed..cut.unwrap_or(said.len())]).await;
            if written.is_err() || cut.is_some() {
                return;
            }
            passed = said.len();
        }
    }
}

fn find(bytes: &[u8], word: &str) -> Option<usize> {
    bytes
        .windows(word.len())
        .position(|window| window == word.as_bytes())
}
