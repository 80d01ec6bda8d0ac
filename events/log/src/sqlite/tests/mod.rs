//! What a crash, a full disk and a failing disk do: a process of its own is watched, or killed, and the log looked at.
//!
//! The process is this test binary, run once more for the same test. It is then given a folder by the environment, and does the
//! child's part. It tells its parent things on its standard error, where the test harness writes nothing.

mod fault;
mod flush;
mod full;
mod kill;

use std::{
    env,
    fmt::Display,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use bytes::Bytes;
use onedoor_model::ids::Offset;
use tokio::runtime::Runtime;

use super::SqliteLog;
use crate::{EventLog as _, Options, Partition, Record, Stream};

const P0: Partition = Partition(0);
const FOLDER: &str = "ONEDOOR_LOG_TEST_FOLDER";

/// Makes `command`, which takes a command to run as its last arguments, run a test of this module as the child, on a folder.
fn child<'a>(command: &'a mut Command, test: &str, folder: &Path) -> &'a mut Command {
    command
        .arg(env::current_exe().unwrap())
        .args(["--nocapture", "--exact", &format!("sqlite::tests::{test}")])
        .env(FOLDER, folder)
}

/// In the child: the folder to work on.
fn given_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

fn run(part: impl Future<Output = ()>) {
    Runtime::new().unwrap().block_on(part);
}

/// Tells the parent a line, with one system call.
fn say(line: impl Display) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The child succeeded, and came as far as to say it.
fn assert_did_its_part(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("done"),
        "{said}{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

async fn open(folder: &Path) -> SqliteLog {
    SqliteLog::open(folder, Options::default()).await.unwrap()
}

/// Event `n`, a little longer than `size` bytes.
fn event(n: usize, size: usize) -> Bytes {
    Bytes::from(format!("{n} {}", "x".repeat(size)))
}

/// All records of a stream.
async fn everything(log: &SqliteLog, stream: Stream) -> Vec<Record> {
    let bounds = log.bounds(stream, P0).await.unwrap();
    let mut records: Vec<Record> = Vec::new();
    let mut next = bounds.first;
    while next < bounds.end {
        records.extend(log.read(stream, P0, next, 1_000).await.unwrap());
        next = records.last().unwrap().offset.next();
    }
    records
}

/// The records are the events acknowledged, each at its offset, without gaps, and no others.
fn assert_holds(records: &[Record], acknowledged: &[(Offset, Bytes)]) {
    let held: Vec<_> = records
        .iter()
        .map(|record| (record.offset, record.bytes.clone()))
        .collect();
    assert!(
        held == acknowledged,
        "{} records, {} acknowledged",
        held.len(),
        acknowledged.len()
    );
    assert!(
        (0..)
            .zip(&held)
            .all(|(expected, (offset, _))| offset.0 == expected),
        "there is a gap"
    );
}
