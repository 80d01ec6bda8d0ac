//! kill -9 at any moment: nothing acknowledged is lost, there are no gaps, and no batch is torn.
//!
//! This cannot show that commits wait for the disk: what a killed process wrote, the system still has. `flush` shows that.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    io::{BufRead, BufReader},
    iter,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use onedoor_model::ids::{Digest, Offset};

use super::{P0, child, everything, given_folder, open, run, say};
use crate::{EventLog as _, OpenError, Options, Record, SqliteLog, Stream};

const ROUNDS: u64 = 8;

/// An acknowledged batch: where it starts, how many events it has, and the digest of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Acknowledged {
    stream: Stream,
    first: u64,
    events: usize,
    digest: String,
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    run(async {
        match given_folder() {
            Some(folder) => append_for_ever(&folder).await,
            None => kill_again_and_again().await,
        }
    });
}

/// What is in `control` is not flushed, and outlives the process all the same.
#[test]
fn control_outlives_the_process() {
    run(async {
        if let Some(folder) = given_folder() {
            return append_and_say(Arc::new(open(&folder).await), Stream::Control, 0).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let acknowledged = run_and_kill("control_outlives_the_process", folder.path(), 100).await;
        let records = everything(&open(folder.path()).await, Stream::Control).await;
        assert_eq!(check(Stream::Control, &records, &acknowledged), Ok(()));
    });
}

async fn kill_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let random = RandomState::new();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let after = 1 + random.hash_one(round) % 400;
        let this = "nothing_acknowledged_is_lost_when_the_process_is_killed";
        acknowledged.extend(run_and_kill(this, folder.path(), after).await);
        let log = open(folder.path()).await;
        for stream in Stream::FACTS {
            let records = everything(&log, stream).await;
            assert_eq!(
                check(stream, &records, &acknowledged),
                Ok(()),
                "round {round}, killed after {after}"
            );
        }
        log.close().await;
    }
}

/// Runs a child that appends, kills it after that many acknowledgements, and gives all those it made.
async fn run_and_kill(test: &str, folder: &Path, after: u64) -> Vec<Acknowledged> {
    let mut process = child(&mut Command::new("env"), &format!("kill::{test}"), folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    let mut acknowledged: Vec<_> = (0..after).map(|_| parse(&mut lines).expect("it runs")).collect();
    let second = SqliteLog::open(folder, Options::default()).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    process.kill().unwrap();
    acknowledged.extend(iter::from_fn(|| parse(&mut lines)));
    process.wait().unwrap();
    acknowledged
}

async fn append_for_ever(folder: &Path) {
    let log = Arc::new(open(folder).await);
    let tasks: Vec<_> = (0..9)
        .map(|task| tokio::spawn(append_and_say(Arc::clone(&log), Stream::FACTS[task % 3], task)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn append_and_say(log: Arc<SqliteLog>, stream: Stream, task: usize) {
    for n in 0.. {
        let of = 1 + n % 5;
        let events: Vec<_> = (0..of)
            .map(|index| Bytes::from(format!("{task}-{n} {index} {of} {}", "x".repeat(n * 37 % 3_000))))
            .collect();
        let digest = Digest::of(&events.concat());
        let first = log.append(stream, P0, events).await.unwrap();
        say(format_args!("{stream} {first} {of} {digest}"));
    }
}

/// The next acknowledgement; `None` at the end. A line that was cut off by the kill is none.
fn parse(lines: &mut impl BufRead) -> Option<Acknowledged> {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let line = line.strip_suffix('\n')?;
    let [stream, first, events, digest] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    Some(Acknowledged {
        stream: Stream::ALL
            .into_iter()
            .find(|known| known.to_string() == stream)?,
        first: first.parse().ok()?,
        events: events.parse().ok()?,
        digest: digest.to_owned(),
    })
}

fn check(stream: Stream, records: &[Record], acknowledged: &[Acknowledged]) -> Result<(), String> {
    if let Some((offset, _)) = (0..)
        .zip(records)
        .find(|(offset, record)| record.offset != Offset(*offset))
    {
        return Err(format!("a gap at {offset}"));
    }
    for batch in acknowledged.iter().filter(|batch| batch.stream == stream) {
        let first = usize::try_from(batch.first).unwrap();
        let held = records
            .get(first..first + batch.events)
            .ok_or(format!("lost: {batch:?}"))?;
        let bytes: Vec<u8> = held.iter().flat_map(|record| record.bytes.clone()).collect();
        if Digest::of(&bytes).to_string() != batch.digest {
            return Err(format!("altered: {batch:?}"));
        }
    }
    torn(records)
}

/// Every batch in the records is whole, in one place and in order.
fn torn(records: &[Record]) -> Result<(), String> {
    let mut missing = 0;
    let mut last = String::new();
    for record in records {
        let text = String::from_utf8(record.bytes.to_vec()).unwrap();
        let [batch, index, of, _] = text.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
        let (index, of): (usize, usize) = (index.parse().unwrap(), of.parse().unwrap());
        if (index == 0) != (missing == 0) || (index > 0 && (last != batch || of - index != missing)) {
            return Err(format!("a torn batch at {}", record.offset));
        }
        missing = of - index - 1;
        batch.clone_into(&mut last);
    }
    if missing == 0 {
        Ok(())
    } else {
        Err("a torn batch at the end".to_owned())
    }
}

#[test]
fn the_check_notices_what_is_lost_altered_or_torn() {
    let texts = ["1-0 0 2 x", "1-0 1 2 x", "2-0 0 1 x"];
    let records: Vec<_> = (0..)
        .zip(texts)
        .map(|(offset, text)| Record {
            offset: Offset(offset),
            time: jiff::Timestamp::UNIX_EPOCH,
            bytes: Bytes::from_static(text.as_bytes()),
        })
        .collect();
    let acknowledged = |first, text: &str, events| Acknowledged {
        stream: Stream::Audit,
        first,
        events,
        digest: Digest::of(text.as_bytes()).to_string(),
    };
    let check = |records: &[Record], batch| check(Stream::Audit, records, &[batch]);
    let pair = || acknowledged(0, "1-0 0 2 x1-0 1 2 x", 2);
    assert_eq!(check(&records, pair()), Ok(()));
    assert_eq!(check(&records, acknowledged(2, "2-0 0 1 x", 1)), Ok(()));
    let wrong: BTreeMap<_, _> = [
        ("lost", check(&records[..2], acknowledged(2, "2-0 0 1 x", 1))),
        ("altered", check(&records, acknowledged(2, "2-0 0 1 y", 1))),
        (
            "torn at the end",
            check(&records[..1], acknowledged(0, "1-0 0 2 x", 1)),
        ),
        ("gap", check(&records[1..], pair())),
        (
            "torn",
            check(&renumbered(&records[1..]), acknowledged(1, "2-0 0 1 x", 1)),
        ),
        (
            "torn inside",
            check(
                &renumbered(&[&records[..1], &records[2..]].concat()),
                acknowledged(0, "1-0 0 2 x", 1),
            ),
        ),
    ]
    .into();
    assert!(wrong.values().all(Result::is_err), "{wrong:?}");
}

fn renumbered(records: &[Record]) -> Vec<Record> {
    (0..)
        .zip(records)
        .map(|(offset, record)| Record {
            offset: Offset(offset),
            ..record.clone()
        })
        .collect()
}
