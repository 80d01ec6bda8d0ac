//! A way to a server that fails as told.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// What a way does, to connections that are open as to new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    #[default]
    None,
    /// Closes every connection.
    Down,
    /// Takes everything and answers nothing.
    Hangs,
    /// Holds every answer back for so long.
    Slow(Duration),
    /// Answers with what is no answer.
    Garbage,
    /// Closes a connection on the next answer.
    DiesInAnswer,
}

/// A way to a server.
#[derive(Debug)]
pub struct Way {
    address: String,
    fault: watch::Sender<Fault>,
    _tasks: JoinSet<()>,
}

impl Way {
    /// A way to the host and port of a URL such as `redis://127.0.0.1:6379`.
    pub async fn to(url: &str) -> Self {
        let to = url.rsplit('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (fault, watched) = watch::channel(Fault::None);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, to.clone(), watched.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            fault,
            _tasks: tasks,
        }
    }

    /// The URL of the server by this way.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on it does this.
    pub fn fails(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn pass(client: TcpStream, to: String, fault: watch::Receiver<Fault>) {
    let mut ended = fault.clone();
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = requests(from_client, to_server, fault.clone()) => {}
        () = answers(from_server, to_client, fault) => {}
        _ = ended.wait_for(|fault| *fault == Fault::Down) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: watch::Receiver<Fault>) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let passes = *fault.borrow() != Fault::Hangs;
        if passes && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: watch::Receiver<Fault>) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let fault = *fault.borrow();
        let answer = match fault {
            Fault::None => &bytes[..count],
            Fault::Down | Fault::DiesInAnswer => return,
            Fault::Hangs => continue,
            Fault::Slow(by) => {
                tokio::time::sleep(by).await;
                &bytes[..count]
            }
            Fault::Garbage => b"\x00\xff<html>\r\n?!\r\n",
        };
        if to.write_all(answer).await.is_err() {
            return;
        }
    }
}
