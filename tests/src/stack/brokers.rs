//! Three brokers of a test's own, each of which can be killed, paused and started again.
//!
//! Kafka's clients follow the addresses that brokers advertise, so a proxy before a broker is left behind after the first
//! answer. Each broker here has, beside its own listener, one for every client that is to be cut off, which advertises that
//! client's proxy. (A network namespace for each client would do as well, but only as root, and could not delay.)

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    metadata::MetadataPartition,
};
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command};

use super::{folder, ports, root};
use crate::{
    cluster::process::{self, Process},
    proxy::{Proxy, Way},
    wait,
};

/// How many brokers there are.
pub const BROKERS: usize = 3;

/// Three Java processes take a while on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often they are asked.
const LOOK: Duration = Duration::from_millis(100);

/// How brokers are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// As Kafka comes.
    Plain,
    /// As our documentation recommends (`scripts/stack/kafka-tuned.properties`).
    Tuned,
}

/// Three brokers, and their clients' ways to them. Dropped, they are killed and their folder removed.
#[derive(Debug)]
pub struct Brokers {
    nodes: Vec<Node>,
    clients: Vec<Vec<Proxy>>,
    folder: TempDir,
}

#[derive(Debug)]
struct Node {
    /// Of the listener that no proxy is before.
    port: u16,
    process: Process,
}

/// Ports of one broker.
struct Ports {
    direct: u16,
    controller: u16,
    clients: Vec<u16>,
}

impl Brokers {
    /// Starts them, with ways for this many clients, and waits until all three take part.
    pub async fn start(settings: Settings, clients: usize) -> Self {
        let temporary = TempDir::new().unwrap();
        let ports: Vec<Ports> = (0..BROKERS).map(|_| Ports::free(clients)).collect();
        let mut ways = Vec::new();
        for client in 0..clients {
            let to_each = ports
                .iter()
                .map(async |ports| Proxy::start(&format!("127.0.0.1:{}", ports.clients[client])).await);
            ways.push(join_all(to_each).await);
        }
        let nodes = (0..BROKERS).map(async |node| {
            let file = temporary.path().join(format!("broker-{node}.properties"));
            let data = temporary.path().join(format!("broker-{node}"));
            std::fs::write(&file, properties(settings, node, &ports, &ways, &data)).unwrap();
            format(&file).await;
            Node {
                port: ports[node].direct,
                process: broker(node, &file, temporary.path()),
            }
        });
        let nodes = join_all(nodes).await;
        let brokers = Self {
            nodes,
            clients: ways,
            folder: temporary,
        };
        brokers.complete().await;
        brokers
    }

    /// Bootstrap servers that nothing is before.
    #[must_use]
    pub fn direct(&self) -> String {
        join(self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)))
    }

    /// Bootstrap servers of a client, all of whose ways can fail.
    #[must_use]
    pub fn of_client(&self, client: usize) -> String {
        join(self.clients[client].iter().map(|way| way.address.clone()))
    }

    /// A client's ways to all brokers.
    pub fn set(&self, client: usize, way: Way) {
        for proxy in &self.clients[client] {
            proxy.set(way);
        }
    }

    /// A client's way to one broker.
    pub fn set_one(&self, client: usize, broker: usize, way: Way) {
        self.clients[client][broker].set(way);
    }

    /// `kill -9` of a broker.
    pub async fn kill(&mut self, broker: usize) {
        self.nodes[broker].process.kill().await;
    }

    /// SIGSTOP of a broker.
    pub async fn pause(&self, broker: usize) {
        self.nodes[broker].process.pause().await;
    }

    /// SIGCONT of a broker.
    pub async fn resume(&self, broker: usize) {
        self.nodes[broker].process.resume().await;
    }

    /// Starts a broker that has ended.
    pub async fn restart(&mut self, broker: usize) {
        self.nodes[broker].process.restart();
        let port = self.nodes[broker].port;
        wait::until("a broker", async || {
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
    }

    /// Waits until all three are in the cluster, and in sync for every partition.
    ///
    /// # Panics
    /// They are not within [`PATIENCE`].
    pub async fn complete(&self) {
        let complete = async {
            while !self.is_complete().await {
                tokio::time::sleep(LOOK).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, complete).await;
        assert!(
            in_time.is_ok(),
            "three brokers are not in sync after {PATIENCE:?}"
        );
    }

    async fn is_complete(&self) -> bool {
        self.metadata(None).await.is_some_and(|metadata| {
            let mut in_sync = metadata.topics.iter().flat_map(|topic| &topic.in_sync);
            metadata.brokers == BROKERS && in_sync.all(|in_sync| *in_sync == BROKERS)
        })
    }

    /// The broker that leads a partition, now.
    pub async fn leader(&self, topic: &str, partition: usize) -> usize {
        wait::until("a leader", async || {
            let metadata = self.metadata(Some(topic.to_owned())).await?;
            let leader = *metadata.topics.first()?.leaders.get(partition)?;
            usize::try_from(leader).ok()
        })
        .await
    }

    /// What the brokers that can be reached say of themselves.
    async fn metadata(&self, topic: Option<String>) -> Option<Metadata> {
        let servers = self.direct();
        let asked = tokio::task::spawn_blocking(move || {
            let client: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", servers)
                .create()
                .unwrap();
            let said = client
                .fetch_metadata(topic.as_deref(), Duration::from_secs(2))
                .ok()?;
            Some(Metadata::of(&said))
        });
        asked.await.unwrap()
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the brokers' logs are in {}", self.folder.path().display());
        }
    }
}

struct Metadata {
    brokers: usize,
    topics: Vec<Topic>,
}

struct Topic {
    leaders: Vec<i32>,
    in_sync: Vec<usize>,
}

impl Metadata {
    fn of(said: &rdkafka::metadata::Metadata) -> Self {
        let topics = said.topics().iter().map(|topic| Topic {
            leaders: topic.partitions().iter().map(MetadataPartition::leader).collect(),
            in_sync: topic
                .partitions()
                .iter()
                .map(|partition| partition.isr().len())
                .collect(),
        });
        Self {
            brokers: said.brokers().len(),
            topics: topics.collect(),
        }
    }
}

impl Ports {
    fn free(clients: usize) -> Self {
        Self {
            direct: ports::free(),
            controller: ports::free(),
            clients: (0..clients).map(|_| ports::free()).collect(),
        }
    }
}

/// A broker's configuration: what all brokers of tests share, and what is its own.
fn properties(settings: Settings, node: usize, ports: &[Ports], ways: &[Vec<Proxy>], data: &Path) -> String {
    let shared = |name: &str| std::fs::read_to_string(root().join("scripts/stack").join(name)).unwrap();
    let own = &ports[node];
    let mut text = shared("kafka.properties");
    if settings == Settings::Tuned {
        text += &shared("kafka-tuned.properties");
    }
    let voters = ports.iter().enumerate();
    let voters = join(voters.map(|(node, ports)| format!("{node}@127.0.0.1:{}", ports.controller)));
    let clients = || own.clients.iter().enumerate();
    let listeners = join(clients().map(|(client, port)| format!("CLIENT{client}://127.0.0.1:{port}")));
    let advertised = join(
        ways.iter()
            .enumerate()
            .map(|(client, to)| format!("CLIENT{client}://{}", to[node].address)),
    );
    let protocols = join(clients().map(|(client, _)| format!("CLIENT{client}:PLAINTEXT")));
    write!(
        text,
        "node.id={node}\n\
         controller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{direct},CONTROLLER://127.0.0.1:{controller},{listeners}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{direct},{advertised}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}\n\
         log.dirs={data}\n\
         default.replication.factor=3\n\
         min.insync.replicas=2\n\
         offsets.topic.replication.factor=3\n\
         transaction.state.log.replication.factor=3\n\
         transaction.state.log.min.isr=2\n",
        direct = own.direct,
        controller = own.controller,
        data = data.display(),
    )
    .unwrap();
    // A list that ends in a comma is none.
    text.replace(",\n", "\n")
}

/// Makes a broker's folder ready.
async fn format(properties: &Path) {
    let mut tool = Command::new("java");
    tool.args(java(128))
        .args([
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "onedoorAAAAAAAAAAAAAAA",
            "-c",
        ])
        .arg(properties);
    process::run(&mut tool).await;
}

fn broker(node: usize, properties: &Path, logs: &Path) -> Process {
    let name = format!("broker-{node}");
    let mut arguments = java(256);
    arguments.extend(["kafka.Kafka".into(), properties.into()]);
    let log = logs.join(format!("{name}.log"));
    Process::start(&name, Path::new("java"), arguments, log)
}

/// Arguments of a Java with Kafka's classes, and so many megabytes.
fn java(megabytes: u32) -> Vec<OsString> {
    let jars: PathBuf = folder().join("kafka-4.4.0");
    assert!(
        jars.is_dir(),
        "there is no {}: `make stack` fetches it",
        jars.display()
    );
    let logging = root().join("scripts/stack/log4j2.properties");
    vec![
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        format!("-Xmx{megabytes}m").into(),
        format!("-Dlog4j2.configurationFile=file:{}", logging.display()).into(),
        "-cp".into(),
        jars.join("*").into(),
    ]
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}
