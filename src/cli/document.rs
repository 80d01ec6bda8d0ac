//! Documents that are submitted as they are.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub(super) struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// The bytes of a file, or of `input` where it is named `-`.
pub(super) fn read(path: &Path, input: &mut dyn Read) -> Result<Bytes, Unreadable> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map(Bytes::from).map_err(|source| Unreadable {
        path: path.to_owned(),
        source,
    })
}
