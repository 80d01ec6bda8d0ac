//! The folder that holds the log: made private, made durable, and owned by one process at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::error::OpenError;

/// Records name people and what they did: the folder is for its owner only.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The file whose lock keeps other processes out.
pub(super) const LOCK: &str = "lock";

/// A folder that belongs to this process as long as this value lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Its lock is what keeps other processes out. The system lets go of it when the process dies, however it dies.
    _lock: File,
}

impl Folder {
    /// Takes the folder, after making it, private and durable, if it is not there.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let path = make(path).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of a file in the folder, after making it, private and durable, if it is not there. An empty file is an empty
    /// database; the files that SQLite puts beside it get the same permissions.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf, OpenError> {
        let path = self.path.join(name);
        match private_file().create_new(true).open(&path) {
            Ok(_) => sync(&self.path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|source| OpenError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }
}

fn make(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let was_there = path
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .map(Path::to_owned);
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(&path)?;
    if let Some(was_there) = was_there {
        // A new folder survives a crash once the folder that it stands in is on disk.
        let stand_in = path
            .ancestors()
            .skip(1)
            .take_while(|ancestor| ancestor.starts_with(&was_there));
        stand_in.into_iter().try_for_each(sync)?;
    }
    fs::canonicalize(path)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let io = |source| OpenError::Io {
        path: path.clone(),
        source,
    };
    let file = private_file()
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE);
    options
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::take(&root.path().join("a/b")).unwrap();
        let file = folder.file("x.db").unwrap();
        assert_eq!(mode(&root.path().join("a")), 0o700);
        assert_eq!(mode(&root.path().join("a/b")), 0o700);
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&root.path().join("a/b/lock")), 0o600);
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x.db"), b"here").unwrap();
        let folder = Folder::take(root.path()).unwrap();
        assert_eq!(fs::read(folder.file("x.db").unwrap()).unwrap(), b"here");
    }

    #[test]
    fn a_folder_has_one_owner_until_it_is_let_go() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::take(root.path()).unwrap();
        assert!(matches!(Folder::take(root.path()), Err(OpenError::InUse { .. })));
        drop(first);
        Folder::take(root.path()).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = Folder::take(&file.join("folder")).unwrap_err();
        assert!(matches!(error, OpenError::Io { path, .. } if path == file.join("folder")));
    }
}
