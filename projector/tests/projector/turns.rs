//! One projector is active, others stand by: real processes, killed and stopped.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use onedoor_log::{EventLog, Stream};
use onedoor_model::ids::Offset;
use onedoor_projector::{Place, PostgresOptions, Store};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    ground::postgres,
    paced::Paced,
    story,
    support::{Engine, P0, Projector, Room, Writer, caught_up, memory, soon},
};

/// The folder that a child finds its part in.
const PART: &str = "ONEDOOR_TEST_PROJECTOR";

/// Longer than anybody may be without a projector.
const TAKE_OVER: Duration = Duration::from_secs(4);

/// A log that is the same in every process: what is in a file, dated by its offsets.
async fn log(folder: &Path) -> Arc<dyn EventLog> {
    let log = memory().await;
    for line in fs::read_to_string(folder.join("log")).unwrap().lines() {
        let (name, event) = line.split_once(' ').unwrap();
        let stream = Stream::FACTS
            .into_iter()
            .find(|stream| stream.to_string() == name);
        let event = Bytes::from(event.to_owned());
        log.append(stream.unwrap(), P0, vec![event]).await.unwrap();
    }
    let dated = |_, offset: Offset| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(offset.0.cast_signed());
    Paced::dated(&log, dated)
}

async fn write(log: &Arc<dyn EventLog>, folder: &Path) {
    let mut lines = String::new();
    for stream in Stream::FACTS {
        for record in log.read(stream, P0, Offset(0), usize::MAX).await.unwrap() {
            let event = str::from_utf8(&record.bytes).unwrap();
            writeln!(lines, "{stream} {event}").unwrap();
        }
    }
    fs::write(folder.join("log"), lines).unwrap();
}

/// A projector in a process of its own, which says what it does.
struct Process {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "turns::a_projector_that_falls_silent_is_replaced",
                "--nocapture",
            ])
            .env(PART, folder)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, says }
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await.unwrap();
        assert!(sent.success());
    }

    async fn says(&mut self, wanted: &str) {
        let said = async { while self.says.next_line().await.unwrap().unwrap() != wanted {} };
        soon(said).await;
    }

    /// What the child does: projects slowly, and says so.
    #[expect(clippy::print_stdout, reason = "its parent reads it")]
    async fn live(folder: &Path) {
        let mut options = PostgresOptions::new(postgres());
        options.schema = fs::read_to_string(folder.join("schema")).unwrap();
        let store = Store::open(Place::Postgres(options)).await.unwrap();
        let _projector = Projector::start(&Paced::small(&log(folder).await), &store);
        let mut said = "";
        loop {
            let does = store.status().activity;
            if does.as_str() != said {
                said = does.as_str();
                // The test runner's own words may stand before it.
                println!("\n{said}");
            }
            tokio::task::yield_now().await;
        }
    }
}

/// And one that comes back changes nothing.
#[tokio::test]
async fn a_projector_that_falls_silent_is_replaced() {
    if let Some(folder) = std::env::var_os(PART) {
        return Process::live(Path::new(&folder)).await;
    }
    let told = memory().await;
    let mut writer = Writer::begin(&told).await;
    story::registry(&mut writer).await;
    story::traffic(&mut writer, &mut Writer::new(&told, "replica-2"), 40).await;
    let folder = tempfile::tempdir().unwrap();
    write(&told, folder.path()).await;
    let log = log(folder.path()).await;
    let in_one_go = Room::of(Engine::Postgres, &log)
        .await
        .store
        .digest()
        .await
        .unwrap();

    for signal in ["-KILL", "-STOP", "-STOP"] {
        let room = Room::new(Engine::Postgres).await;
        fs::write(folder.path().join("schema"), &room.schema().schema).unwrap();
        let mut first = Process::start(folder.path());
        first.says("active").await;
        let standby = Projector::start(&Paced::small(&log), &room.store);
        soon(room.store.reached(Stream::Audit, P0, Offset(100))).await;
        assert_eq!(room.store.status().activity.as_str(), "standby");

        first.signal(signal).await;
        let silent = Instant::now();
        let position = room.store.position(Stream::Audit, P0).await.unwrap();
        soon(room.store.reached(Stream::Audit, P0, position)).await;
        let took = silent.elapsed();
        assert!(took < TAKE_OVER, "{signal}: it took {took:?}");
        println!("{signal}: taken over after {took:?}");
        caught_up(&log, &room.store).await;
        assert_eq!(room.store.digest().await.unwrap(), in_one_go);
        if signal == "-STOP" {
            first.signal("-CONT").await;
            first.says("standby").await;
            assert_eq!(room.store.digest().await.unwrap(), in_one_go);
        }
        standby.stop().await.unwrap();
    }
}
