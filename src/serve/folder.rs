//! The data folder of an installation, for its owner alone: `log/`, `keys/` and the projection.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// All state of an installation.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Opens the folder, or makes it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = Self::at(path)?;
        for path in [folder.0.clone(), folder.keys()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .with_context(|| format!("cannot make the folder {}", path.display()))?;
        }
        Ok(folder)
    }

    /// The folder at a path, whether it is there or not.
    pub(crate) fn at(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path).with_context(|| format!("{:?} is no folder", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// What can be made anew from the log at any time.
    pub(crate) fn projection(&self) -> PathBuf {
        self.0.join("projection.db")
    }
}
