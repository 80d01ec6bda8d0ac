//! Copying a log while it is being written.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use sqlx::{ConnectOptions as _, Connection as _};

use super::{
    database::{Database, Durability},
    folder::{Folder, LOCK},
};
use crate::{error::OpenError, port::Stream};

/// Streams in the order in which they are copied: what an event of one names in the next one is in the copy too. `control` is not: it
/// says who may serve now, which a copy does not.
const ORDER: [Stream; 3] = [Stream::Denials, Stream::Audit, Stream::Registry];

/// Copies the log in a folder into another one, which is made. Each stream is copied as it is at one moment, while whoever owns the
/// log goes on appending; `registry` last, so that the copy has every revision that its audit names.
///
/// # Errors
/// [`OpenError`]: there is no log, the folder to be made is in use, or a file cannot be read or written.
pub(super) async fn copy(folder: &Path, into: &Path) -> Result<(), OpenError> {
    let made = Folder::take(into)?;
    for stream in ORDER {
        let name = format!("{stream}.db");
        let database = Database {
            stream,
            path: folder.join(&name),
            durability: Durability::Full,
        };
        if !database.path.exists() {
            let source = io::ErrorKind::NotFound.into();
            let path = database.path;
            return Err(OpenError::Io { path, source });
        }
        // Made beforehand, so that it is private: SQLite writes into an empty file.
        let target = made.file(&name)?;
        vacuum(&database, &target)
            .await
            .map_err(|error| database.open_error(error.into()))?;
        let synced = File::open(&target).and_then(|file| file.sync_all());
        synced.map_err(|source| OpenError::Io { path: target, source })?;
    }
    drop(made);
    let lock = into.join(LOCK);
    fs::remove_file(&lock).map_err(|source| OpenError::Io { path: lock, source })
}

/// Whether there is a log in a folder.
pub(super) fn is_there(folder: &Path) -> bool {
    ORDER
        .iter()
        .all(|stream| folder.join(format!("{stream}.db")).is_file())
}

/// Whether a process has the log in a folder open.
pub(super) fn is_in_use(folder: &Path) -> io::Result<bool> {
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a database as it is now into an empty file.
async fn vacuum(database: &Database, target: &Path) -> Result<(), sqlx::Error> {
    let mut connection = database.options().read_only(true).connect().await?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(target.display().to_string())
        .execute(&mut connection)
        .await;
    // How the copy went matters more than how closing did.
    let _ = connection.close().await;
    copied.map(|_| ())
}
