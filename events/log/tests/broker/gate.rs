//! A way to a broker that can be cut.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// What becomes of those who take the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing.
    Open,
    /// They wait, and notice nothing.
    Stalled,
    /// They lose their connections, and get no other.
    Cut,
}

/// Where clients come to get to a broker.
pub(crate) struct Gate {
    pub(crate) port: u16,
    /// Keeps the port from others while nobody listens there.
    _held: TcpSocket,
    way: watch::Sender<Way>,
}

impl Gate {
    /// A gate that is cut.
    pub(crate) fn new() -> Self {
        let held = TcpSocket::new_v4().unwrap();
        held.set_reuseaddr(true).unwrap();
        held.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self {
            port: held.local_addr().unwrap().port(),
            _held: held,
            way: watch::Sender::new(Way::Cut),
        }
    }

    /// Opens it towards a port of this machine.
    pub(crate) fn lead_to(&self, port: u16) {
        tokio::spawn(lead(self.port, port, self.way.subscribe()));
        self.set(Way::Open);
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn lead(from: u16, to: u16, mut way: watch::Receiver<Way>) {
    while way.wait_for(|way| *way != Way::Cut).await.is_ok() {
        let listener = TcpListener::bind(("127.0.0.1", from)).await.unwrap();
        // Those in it are gone with it.
        let mut passing = JoinSet::new();
        loop {
            let (client, _) = tokio::select! {
                accepted = listener.accept() => accepted.unwrap(),
                _ = way.wait_for(|way| *way == Way::Cut) => break,
            };
            passing.spawn(pass(client, to, way.clone()));
        }
    }
}

async fn pass(client: TcpStream, to: u16, way: watch::Receiver<Way>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    let (asked, answers) = client.into_split();
    let (answered, questions) = broker.into_split();
    tokio::select! {
        () = carry(asked, questions, way.clone()) => {}
        () = carry(answered, answers, way) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        let open = way.wait_for(|way| *way == Way::Open).await.is_ok();
        if !open || to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
