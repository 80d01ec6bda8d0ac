//! A way between two processes that can fail: TCP passed on, cut off, held up, slowed down, or made garbage of.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What happens to what is sent this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is passed on.
    Open,
    /// Connections are closed, new ones too: as if nobody listened any more.
    Cut,
    /// Nothing passes and nothing ends, as when a network drops packets. What was under way arrives once the way is open again.
    Stalled,
    /// Each piece arrives so much later.
    Slow(Duration),
    /// What the server says arrives as nonsense.
    Garbled,
}

/// Passes connections on to a server, as its [`Way`] says. Dropped, it closes them.
#[derive(Debug)]
pub struct Proxy {
    /// Host and port to connect to.
    pub address: String,
    way: watch::Sender<Way>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// An open way to this host and port, where nobody needs to listen yet.
    pub async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (way, changes) = watch::channel(Way::Open);
        let to = Arc::<str>::from(to);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(client, Arc::clone(&to), changes.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            way,
            _tasks: tasks,
        }
    }

    /// From now on.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn connect(client: TcpStream, to: Arc<str>, mut way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(&*to).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, way.clone(), Direction::Asking) => {}
        () = pass(from_server, to_client, way.clone(), Direction::Answering) => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Asking,
    Answering,
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
    direction: Direction,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let Ok(now) = way.wait_for(|way| *way != Way::Stalled).await.map(|way| *way) else {
            return;
        };
        match now {
            Way::Slow(delay) => tokio::time::sleep(delay).await,
            Way::Garbled if direction == Direction::Answering => buffer[..read].fill(b'?'),
            Way::Open | Way::Cut | Way::Stalled | Way::Garbled => {}
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufReadExt as _;

    use super::*;
    use crate::wait;

    /// A server that says every line back, and a way to it.
    async fn echo() -> (Proxy, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        (Proxy::start(&address).await, server)
    }

    struct Client(tokio::io::BufReader<TcpStream>);

    impl Client {
        async fn of(proxy: &Proxy) -> Self {
            let stream = TcpStream::connect(&proxy.address).await.unwrap();
            Self(tokio::io::BufReader::new(stream))
        }

        async fn say(&mut self, line: &str) {
            let line = format!("{line}\n");
            // A closed connection shows when it is read.
            let _ = self.0.get_mut().write_all(line.as_bytes()).await;
        }

        /// The line said back; empty where the connection has ended.
        async fn hear(&mut self) -> String {
            let mut line = Vec::new();
            let read = self.0.read_until(b'\n', &mut line);
            match wait::within("a line", read).await {
                Ok(_) => String::from_utf8(line).unwrap().trim_end().to_owned(),
                Err(_) => String::new(),
            }
        }
    }

    #[tokio::test]
    async fn passes_while_open_and_ends_when_cut() {
        let (proxy, _server) = echo().await;
        let mut client = Client::of(&proxy).await;
        client.say("one").await;
        assert_eq!(client.hear().await, "one");
        proxy.set(Way::Cut);
        assert_eq!(client.hear().await, "");
        let mut another = Client::of(&proxy).await;
        another.say("two").await;
        assert_eq!(another.hear().await, "");
        proxy.set(Way::Open);
        let mut third = Client::of(&proxy).await;
        third.say("three").await;
        assert_eq!(third.hear().await, "three");
    }

    #[tokio::test]
    async fn what_stalls_arrives_once_the_way_is_open() {
        let (proxy, _server) = echo().await;
        let mut client = Client::of(&proxy).await;
        proxy.set(Way::Stalled);
        client.say("one").await;
        let heard = tokio::time::timeout(Duration::from_millis(100), client.hear()).await;
        assert!(heard.is_err(), "{heard:?}");
        proxy.set(Way::Open);
        assert_eq!(client.hear().await, "one");
    }

    #[tokio::test]
    async fn answers_can_be_nonsense_and_late() {
        let (proxy, _server) = echo().await;
        let mut client = Client::of(&proxy).await;
        let delay = Duration::from_millis(50);
        proxy.set(Way::Slow(delay));
        let begin = std::time::Instant::now();
        client.say("one").await;
        assert_eq!(client.hear().await, "one");
        assert!(begin.elapsed() >= 2 * delay);
        proxy.set(Way::Garbled);
        client.say("two").await;
        let mut garbage = [0; 4];
        client.0.read_exact(&mut garbage).await.unwrap();
        assert_eq!(&garbage, b"????");
    }
}
