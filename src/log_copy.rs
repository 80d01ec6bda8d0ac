//! `onedoor log copy`: moves an embedded log to Kafka, for replicas to share.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use onedoor_log::{
    CopiedPartition, CopyError, CopyProgress, CopyStep, OpenError, Options, SqliteLog, copy_log,
};

use crate::{
    config::{LogArgs, LogConfig},
    process,
    progress::Progress,
};

/// In the folder of a log that was moved: where to.
const MOVED: &str = "MOVED";

/// What can be said of `onedoor log copy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The embedded log, which nobody may be using: `sqlite:///var/lib/onedoor/log`
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where it goes: `kafka://HOST:PORT,…/PREFIX`
    #[arg(long, value_name = "URL")]
    to: String,
    /// `[log]` of its file says how Kafka is spoken to
    #[command(flatten)]
    config: LogArgs,
}

/// Why a log was not moved.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It names no embedded log.
    #[error("--from names no embedded log: write sqlite:// and the folder of one that is there")]
    NotEmbedded,
    /// It is in use, or damaged.
    #[error("cannot open the log to copy; nobody may be using it")]
    Source(#[source] OpenError),
    /// It was moved before, somewhere else.
    #[error(transparent)]
    Moved(#[from] Moved),
    /// It was not copied, or not whole.
    #[error("the log was not copied; nothing is lost, and the same command goes on where it stopped")]
    Copy(#[from] CopyError),
    /// Nothing can be done here.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

/// A log that is somewhere else now. Going on here would make two truths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log in {} was moved to {to}: run `onedoor gateway` and `onedoor projector` on that one; or, if nothing has been written there, \
     take {MOVED} out of the folder", folder.display()
)]
pub(crate) struct Moved {
    folder: PathBuf,
    to: String,
}

/// Whether the log in a folder may be used here.
///
/// # Errors
/// [`Moved`]
pub(crate) fn still_here(folder: &Path) -> Result<(), Moved> {
    let to = match fs::read_to_string(folder.join(MOVED)) {
        Ok(to) => to.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Rather none than two.
        Err(error) => format!("a place that cannot be read ({error})"),
    };
    let folder = folder.to_owned();
    Err(Moved { folder, to })
}

/// Keeps the log in a folder from being used there, even if the machine stops now.
fn mark_moved(folder: &Path, to: &str) -> io::Result<()> {
    let mut mark = File::create(folder.join(MOVED))?;
    writeln!(mark, "{to}")?;
    mark.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Exits with 0 if the log is there, whole.
pub(crate) fn main(args: &Args) -> ExitCode {
    let kafka = match LogConfig::kafka(&args.config) {
        Ok(kafka) => kafka,
        Err(faults) => return process::refuse(&faults),
    };
    let options = Options {
        kafka,
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let copied = runtime
        .map_err(Failure::Runtime)
        .and_then(|runtime| runtime.block_on(Box::pin(copy(args, &options))));
    match &copied {
        Ok(report) => process::conclude(Ok(report.clone())),
        Err(error) => process::conclude(Err(error)),
    }
}

async fn copy(args: &Args, options: &Options) -> Result<String, Failure> {
    let folder = match args.from.split_once("://") {
        Some(("sqlite", folder)) if SqliteLog::is_there(Path::new(folder)) => Path::new(folder),
        Some(_) | None => return Err(Failure::NotEmbedded),
    };
    match still_here(folder) {
        // The same again: it is looked through once more.
        Err(moved) if moved.to != args.to => return Err(moved.into()),
        Err(_) | Ok(()) => {}
    }
    let from = onedoor_log::open_with(&args.from, options.clone())
        .await
        .map_err(Failure::Source)?;
    let mut progress = Progress::new();
    let mark = || mark_moved(folder, &args.to);
    let copied = copy_log(&*from, &args.to, options, |at| tell(&mut progress, &at), mark).await;
    // Not before it is marked: whoever waits for it would use it.
    from.close().await;
    Ok(report(&args.to, &copied?))
}

fn tell(progress: &mut Progress, at: &CopyProgress) {
    let step = match at.step {
        CopyStep::Resuming => "resuming",
        CopyStep::Copying => "copying",
        CopyStep::Verifying => "verifying",
    };
    progress.at(&format!("{step} {} {}", at.stream, at.partition), at.done, at.of);
}

fn report(to: &str, copied: &[CopiedPartition]) -> String {
    let mut report = format!("copied to {to}; both sides were read and are the same:");
    for partition in copied.iter().filter(|partition| partition.records > 0) {
        let CopiedPartition {
            stream,
            partition,
            records,
            digest,
            ..
        } = partition;
        report += &format!("\n  {stream} {partition}: {records} events, sha256 {digest}");
    }
    report + "\nGive the gateways the keys of this installation, too."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_moved_is_not_used_here() {
        let folder = tempfile::tempdir().unwrap();
        still_here(folder.path()).unwrap();
        mark_moved(folder.path(), "kafka://k:9092/onedoor").unwrap();
        let moved = still_here(folder.path()).unwrap_err();
        assert_eq!(moved.to, "kafka://k:9092/onedoor");
    }

    #[test]
    fn a_log_that_may_have_been_moved_is_not_used_either() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(MOVED)).unwrap();
        let moved = still_here(folder.path()).unwrap_err();
        assert!(moved.to.contains("cannot be read"), "{moved}");
    }

    #[tokio::test]
    async fn a_folder_without_a_log_is_no_source_and_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            from: format!("sqlite://{}", folder.path().display()),
            to: "kafka://localhost:1/onedoor".to_owned(),
            config: LogArgs::default(),
        };
        let copied = copy(&args, &Options::default()).await;
        assert!(matches!(copied, Err(Failure::NotEmbedded)), "{copied:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
