//! `backup.json`: what a backup holds, with a digest of every file.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use onedoor_model::{ids::LogId, registry::Ends};
use serde::{Deserialize, Serialize};

use super::{BackupError, cannot_use};

/// The manifest's name. It is written last: a folder without it is no backup.
const NAME: &str = "backup.json";
/// The form of the manifest and the folder.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// The Onedoor that made it.
    software: String,
    /// When.
    pub(super) made: Timestamp,
    /// The log it is a copy of.
    pub(super) log: LogId,
    /// What it holds of that log.
    pub(super) ends: Ends,
    files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    /// Below the backup's folder.
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Describes the files that are in a backup's folder, and writes it there.
    pub(super) fn write(
        folder: &Path,
        log: LogId,
        ends: Ends,
        files: Vec<PathBuf>,
    ) -> Result<(), BackupError> {
        let described = files.into_iter().map(|path| Entry::of(folder, path));
        let manifest = Self {
            format: FORMAT,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            made: Timestamp::now(),
            log,
            ends,
            files: described.collect::<Result<_, _>>()?,
        };
        let path = folder.join(NAME);
        let text = serde_json::to_vec_pretty(&manifest)?;
        write_private(&path, &text).map_err(cannot_use(&path))?;
        sync_folder(folder)
    }

    /// Reads the manifest of a backup.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(NAME);
        let text = fs::read(&path).map_err(cannot_use(&path))?;
        let not_a_backup = |reason: String| BackupError::NotABackup {
            path: folder.to_owned(),
            reason,
        };
        let format = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|manifest| manifest["format"].as_u64());
        if format != Some(FORMAT.into()) {
            return Err(not_a_backup(format!("its format is not {FORMAT}")));
        }
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| not_a_backup(error.to_string()))?;
        // A path that leads elsewhere would have a file of somebody else read, and copied.
        let is_below = |entry: &Entry| {
            let mut parts = entry.path.components();
            parts.all(|part| matches!(part, Component::Normal(_)))
        };
        match manifest.files.iter().find(|entry| !is_below(entry)) {
            Some(entry) => Err(not_a_backup(format!("{} is not in it", entry.path.display()))),
            None => Ok(manifest),
        }
    }

    /// Copies the files into another folder, and makes sure that each is as it was.
    pub(super) fn copy(&self, folder: &Path, into: &Path) -> Result<(), BackupError> {
        for entry in &self.files {
            let (from, to) = (folder.join(&entry.path), into.join(&entry.path));
            if let Some(parent) = to.parent() {
                make_folder(parent)?;
            }
            copy(&from, &to)?;
            let copied = Entry::of(into, entry.path.clone())?;
            if (copied.bytes, &copied.sha256) != (entry.bytes, &entry.sha256) {
                return Err(BackupError::Damaged(from));
            }
        }
        Ok(())
    }
}

impl Entry {
    fn of(folder: &Path, path: PathBuf) -> Result<Self, BackupError> {
        let whole = folder.join(&path);
        let (bytes, sha256) = digest(&whole).map_err(cannot_use(&whole))?;
        Ok(Self { path, bytes, sha256 })
    }
}

/// Makes a folder for its owner alone, which must not be there.
pub(super) fn new_folder(path: &Path) -> Result<(), BackupError> {
    if path.exists() {
        return Err(BackupError::Exists(path.to_owned()));
    }
    make_folder(path)
}

/// Copies a file that is then for its owner alone, and on disk.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(cannot_use(from))?;
    private(to)
        .and_then(|mut target| {
            io::copy(&mut source, &mut target)?;
            target.sync_all()
        })
        .map_err(cannot_use(to))
}

/// Makes what was done in a folder survive a crash.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(cannot_use(folder))
}

pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(cannot_use(path))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn private(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                context.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok((bytes, hex::encode(context.finish())))
}
