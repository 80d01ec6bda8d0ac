//! Folders that are named.

use std::{fs, io::ErrorKind, path::PathBuf};

use super::source::{Fault, Given};

/// A folder, or where one can be made.
pub(super) fn folder(given: &Given<String>) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(&given.value);
    match fs::metadata(&path) {
        Ok(is) if !is.is_dir() => {
            Err(given.fault(format!("{} is no folder", path.display()), "name another folder"))
        }
        Ok(_) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::path::absolute(&path).map_err(|_| given.fault("is empty", "name a folder"))
        }
        Err(error) => Err(given.fault(
            format!("cannot use {}: {error}", path.display()),
            "name a folder that this user may use",
        )),
    }
}
