//! No append is acknowledged before it is flushed: strace shows the order of the system calls.

use std::{collections::HashSet, fs, path::Path, process::Command};

use super::{P0, SqliteLog, child, event, given_folder, run, say};
use crate::{EventLog as _, Options, Stream, sqlite::Durability};

const APPENDS: usize = 30;
const MARK: &str = "acknowledged";

#[test]
fn no_append_is_acknowledged_before_it_is_flushed() {
    if let Some(folder) = given_folder() {
        return run(append(&folder, Stream::Audit, Durability::Full));
    }
    let this = "flush::no_append_is_acknowledged_before_it_is_flushed";
    let root = tempfile::tempdir().unwrap();
    let first = trace(this, &root.path().join("log"));
    assert_eq!(flushed_acknowledgements(&first), Ok(APPENDS));
    assert!(
        flushes(&first, root.path()),
        "the folder that a new log's folder stands in is flushed"
    );
    let second = trace(this, &root.path().join("log"));
    assert_eq!(flushed_acknowledgements(&second), Ok(APPENDS));
    assert!(!flushes(&second, root.path()), "only if the log is new");
}

#[test]
fn the_check_notices_appends_that_are_not_flushed() {
    if let Some(folder) = given_folder() {
        return run(append(&folder, Stream::Audit, Durability::None));
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = trace(
        "flush::the_check_notices_appends_that_are_not_flushed",
        folder.path(),
    );
    assert!(trace.contains(MARK));
    assert!(flushed_acknowledgements(&trace).is_err());
}

#[test]
fn appends_to_control_are_not_flushed_one_by_one() {
    if let Some(folder) = given_folder() {
        return run(append(&folder, Stream::Control, Durability::Full));
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = trace(
        "flush::appends_to_control_are_not_flushed_one_by_one",
        folder.path(),
    );
    let lines = |what: &str| trace.lines().filter(|line| line.contains(what)).count();
    assert_eq!(lines(MARK), APPENDS);
    let flushes = trace
        .lines()
        .filter(|line| line.contains("/control.db-wal>") && line.contains("sync("));
    assert!(flushes.count() < 5);
}

async fn append(folder: &Path, stream: Stream, durability: Durability) {
    let log = SqliteLog::open_with(folder, Options::default(), durability)
        .await
        .unwrap();
    for n in 0..APPENDS {
        log.append(stream, P0, vec![event(n, 1_000)]).await.unwrap();
        say(MARK);
    }
}

/// What strace saw of the child: a system call a line, after its thread.
fn trace(test: &str, folder: &Path) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o"])
        .arg(file.path());
    let output = child(&mut strace, test, folder)
        .output()
        .expect("strace is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    fs::read_to_string(file.path()).unwrap()
}

/// How many acknowledgements there are, if before each one something was written to the write-ahead log and all of it flushed.
fn flushed_acknowledgements(trace: &str) -> Result<usize, String> {
    let mut acknowledgements = 0;
    let (mut unflushed, mut flushed) = (false, false);
    let mut flushing = HashSet::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').ok_or(line)?;
        let call = call.trim_start();
        let on_log = call.contains("/audit.db-wal>");
        let is_flush = on_log && (call.starts_with("fsync(") || call.starts_with("fdatasync("));
        let is_resumed =
            call.starts_with("<... fsync resumed>") || call.starts_with("<... fdatasync resumed>");
        if on_log && call.starts_with("pwrite64(") {
            unflushed = true;
        } else if is_flush && call.ends_with("<unfinished ...>") {
            flushing.insert(thread);
        } else if (is_flush || is_resumed && flushing.remove(thread)) && call.ends_with("= 0") {
            (flushed, unflushed) = (unflushed, false);
        } else if call.starts_with("write(") && call.contains(MARK) {
            if unflushed || !flushed {
                return Err(format!(
                    "acknowledgement {acknowledgements} came before the flush"
                ));
            }
            flushed = false;
            acknowledgements += 1;
        }
    }
    Ok(acknowledgements)
}

/// Whether a folder was flushed.
fn flushes(trace: &str, folder: &Path) -> bool {
    let folder = format!("<{}>)", folder.canonicalize().unwrap().display());
    trace
        .lines()
        .any(|line| line.contains("fsync(") && line.contains(&folder))
}
