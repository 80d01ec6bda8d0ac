//! `onedoor backup` and `onedoor restore`: a copy of an installation while it runs, and an installation out of a copy.
//!
//! A backup is a folder: `log/` with a database for each stream, `keys/`, and `backup.json`, written last, with a digest of every other
//! file. The projection is not in it: it is built anew from the log.

mod examine;
mod make;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use onedoor_model::chain::BrokenChain;

use crate::process;

/// The folder of the log, in an installation and in a backup.
const LOG: &str = "log";
/// The folder of keys.
const KEYS: &str = "keys";

/// What can be said of `onedoor backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Folder of the installation's state
    #[arg(long, value_name = "DIR", env = "ONEDOOR_DATA")]
    data: PathBuf,
    /// Folder to make
    #[arg(value_name = "BACKUP")]
    into: PathBuf,
}

/// What can be said of `onedoor restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// Folder that `onedoor backup` made
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    /// Folder of the installation's state
    #[arg(long, value_name = "DIR", env = "ONEDOOR_DATA")]
    data: PathBuf,
    /// Move what is there aside, into a folder beside it; nothing is deleted
    #[arg(long)]
    replace: bool,
    /// Restore although events are missing from the backup or were altered; which ones is said
    #[arg(long)]
    accept_broken_chain: bool,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
enum BackupError {
    /// A folder to be made is there already.
    #[error("{} is there already: name a folder that is not", .0.display())]
    Exists(PathBuf),
    /// There is no installation in the folder.
    #[error("there is no log in {}", .0.display())]
    NoLog(PathBuf),
    /// There is an installation where one is to be restored.
    #[error("there is an installation in {}: --replace moves it aside", .0.display())]
    Occupied(PathBuf),
    /// A process has the installation open.
    #[error("the log in {} is in use: stop the service first", .0.display())]
    InUse(PathBuf),
    /// It is not a backup, or one that a newer Onedoor made.
    #[error("{} is not a backup that this version can read: {reason}", path.display())]
    NotABackup { path: PathBuf, reason: String },
    /// A file of the backup is not as it was.
    #[error("{} is not as it was when the backup was made", .0.display())]
    Damaged(PathBuf),
    /// The log cannot be what its writers wrote.
    #[error("the log is not whole: {0}; --accept-broken-chain restores it all the same")]
    Broken(String),
    /// A file or folder cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The log cannot be copied or opened.
    #[error(transparent)]
    Open(#[from] onedoor_log::OpenError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] onedoor_log::ReadError),
    /// The log is no registry's.
    #[error("the registry does not follow from its beginning")]
    Fold(#[from] onedoor_model::registry::FoldError),
    /// A newer Onedoor wrote the log, or it is damaged.
    #[error("an event of the registry cannot be understood")]
    Event(#[from] onedoor_model::envelope::Unreadable),
    /// The restored log does not take its first event.
    #[error("the restored log cannot be written")]
    Append(#[from] onedoor_log::AppendError),
    /// What stood in the way of the restore's own event.
    #[error("the restore did not take effect: {0}")]
    Refused(String),
    /// Something cannot be written as JSON.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    /// The process cannot do its work.
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
}

/// Makes a backup.
pub(crate) fn backup(args: &BackupArgs) -> ExitCode {
    conclude(&run(make::make(&args.data, &args.into)))
}

/// Makes an installation out of a backup.
pub(crate) fn restore(args: &RestoreArgs) -> ExitCode {
    conclude(&run(restore::restore(args)))
}

fn run(work: impl Future<Output = Result<Vec<String>, BackupError>>) -> Result<Vec<String>, BackupError> {
    let runtime = tokio::runtime::Runtime::new().map_err(BackupError::Runtime)?;
    runtime.block_on(work)
}

fn conclude(done: &Result<Vec<String>, BackupError>) -> ExitCode {
    match done {
        Ok(said) => process::conclude(Ok(said.join("\n"))),
        Err(error) => process::conclude(Err(error)),
    }
}

/// A failure to use a file or folder.
fn cannot_use(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path, source }
}

/// The first few faults in words.
fn in_words(broken: &[(onedoor_log::Stream, BrokenChain)]) -> String {
    const SHOWN: usize = 3;
    let shown = broken.iter().take(SHOWN);
    let mut words: Vec<String> = shown
        .map(|(stream, fault)| format!("{stream}: {fault}"))
        .collect();
    if broken.len() > SHOWN {
        words.push(format!("and {} more", broken.len() - SHOWN));
    }
    words.join("; ")
}
