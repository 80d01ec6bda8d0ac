//! Making a backup.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use onedoor_log::SqliteLog;

use super::{
    BackupError, KEYS, LOG, cannot_use,
    examine::{Examined, examine},
    in_words,
    manifest::{Manifest, copy, make_folder, new_folder, sync_folder},
};

/// Copies the installation in `data` into a folder that is made, and reads the copy through. Says what it did.
pub(super) async fn make(data: &Path, into: &Path) -> Result<Vec<String>, BackupError> {
    let log = data.join(LOG);
    if !log.is_dir() {
        return Err(BackupError::NoLog(data.to_owned()));
    }
    new_folder(into)?;
    SqliteLog::copy(&log, &into.join(LOG)).await?;
    let mut files: Vec<_> = files_in(&into.join(LOG))?;
    let keys = data.join(KEYS);
    make_folder(&into.join(KEYS))?;
    for name in files_in(&keys)? {
        copy(&keys.join(&name), &into.join(KEYS).join(&name))?;
    }
    sync_folder(&into.join(KEYS))?;

    let Examined { state, ends, broken } = read_through(&into.join(LOG)).await?;
    files
        .iter_mut()
        .for_each(|name| *name = Path::new(LOG).join(&*name));
    let keys = files_in(&into.join(KEYS))?;
    files.extend(keys.into_iter().map(|name| Path::new(KEYS).join(name)));
    // Examining found a beginning.
    let id = state
        .log()
        .ok_or(onedoor_model::registry::FoldError::NoBeginning)?;
    Manifest::write(into, id, ends, files)?;

    let mut said = vec![format!(
        "backed up log {id} into {}: {} events of the registry, {} of the audit",
        into.display(),
        ends.registry,
        ends.audit
    )];
    if broken.is_empty() {
        said.push("every hash chain in it holds".to_owned());
    } else {
        said.push(format!("warning: the log is not whole: {}", in_words(&broken)));
    }
    said.push("it holds the keys of the installation: keep it as you keep them".to_owned());
    Ok(said)
}

/// Opens a log, reads every event, and leaves nothing behind that was not there.
pub(super) async fn read_through(folder: &Path) -> Result<Examined, BackupError> {
    let there = files_in(folder)?;
    let log = onedoor_log::open(&format!("sqlite://{}", folder.display())).await?;
    let examined = examine(&*log).await;
    log.close().await;
    drop(log);
    for name in files_in(folder)?.iter().filter(|name| !there.contains(name)) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(cannot_use(&path))?;
    }
    sync_folder(folder)?;
    examined
}

/// The names of a folder's files; none where there is no folder.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot_use(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(cannot_use(folder))?;
        if entry.file_type().map_err(cannot_use(folder))?.is_file() {
            names.push(PathBuf::from(entry.file_name()));
        }
    }
    names.sort();
    Ok(names)
}
