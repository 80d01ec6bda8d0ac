//! Starting a broker.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{net::TcpStream, time::sleep};

/// A broker, alone in its cluster. Killed when this goes.
pub(crate) struct Broker {
    folder: TempDir,
    pub(crate) port: u16,
    /// Another listener, in plain text.
    pub(crate) inside: u16,
    process: Child,
}

/// How a broker is to be reached: of lines for its properties and what goes with them, a listener's name and more.
#[derive(Default)]
pub(crate) struct Access<'a> {
    /// The security protocol of clients' listener.
    pub(crate) protocol: &'a str,
    /// The port at which clients are told that it is; its own if `None`.
    pub(crate) told: Option<u16>,
    /// More lines of the broker's properties.
    pub(crate) properties: &'a str,
    /// More arguments when its storage is made.
    pub(crate) format: &'a [&'a str],
}

impl Broker {
    /// Starts one in plain text.
    pub(crate) async fn start() -> Self {
        Self::start_with(&Access {
            protocol: "PLAINTEXT",
            ..Access::default()
        })
        .await
    }

    pub(crate) async fn start_with(access: &Access<'_>) -> Self {
        let folder = TempDir::new().unwrap();
        // Held until all are known, so that none comes twice.
        let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, inside, controller] = held.map(|held| held.local_addr().unwrap().port());
        let shared = fs::read_to_string(root().join("scripts/stack/kafka.properties")).unwrap();
        let properties = format!(
            "{shared}\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=CLIENT://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=CLIENT://localhost:{told},PLAINTEXT://127.0.0.1:{inside}\n\
             listener.security.protocol.map=CLIENT:{protocol},PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={data}\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             {more}\n",
            protocol = access.protocol,
            told = access.told.unwrap_or(port),
            data = folder.path().join("data").display(),
            more = access.properties,
        );
        fs::write(folder.path().join("properties"), properties).unwrap();
        let mut format = java(folder.path());
        format.args([
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "onedoorAAAAAAAAAAAAAAA",
            "-c",
        ]);
        format.arg(folder.path().join("properties")).args(access.format);
        let formatted = format.output().unwrap();
        assert!(
            formatted.status.success(),
            "{}",
            String::from_utf8_lossy(&formatted.stdout)
        );
        let process = run(folder.path());
        let broker = Self {
            folder,
            port,
            inside,
            process,
        };
        broker.listening().await;
        broker
    }

    /// The URL of a log on it.
    pub(crate) fn url(&self) -> String {
        format!("kafka://localhost:{}/onedoor", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, with what it holds.
    pub(crate) fn restart(&mut self) {
        self.process = run(self.folder.path());
    }

    async fn listening(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(
                tokio::time::Instant::now() < deadline,
                "the broker does not start: {}",
                self.said()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the broker said: {}", self.said());
        }
    }
}

fn run(folder: &Path) -> Child {
    let said = File::options()
        .create(true)
        .append(true)
        .open(folder.join("said"))
        .unwrap();
    java(folder)
        .arg("kafka.Kafka")
        .arg(folder.join("properties"))
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap()
}

/// Java with Kafka's classes.
fn java(folder: &Path) -> Command {
    let jars = root().join(".stack/kafka-4.4.0");
    assert!(jars.is_dir(), "there is no Kafka to test with: run `make stack`");
    let logging = root().join("scripts/stack/log4j2.properties");
    let mut java = Command::new("java");
    java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dlog4j2.configurationFile=file:{}", logging.display()))
        .arg("-cp")
        .arg(jars.join("*"))
        .current_dir(folder);
    java
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}
