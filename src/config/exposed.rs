//! What others could come by: what everybody may read, and what crosses a network in plain text. The door's own keys are never to be so;
//! the rest is remarked on, since only the operator knows what else protects it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    source::{Fault, Faults, Given},
    url::is_here,
};

/// Permission bits by which everybody on the machine may read or write a file.
const OTHERS: u32 = 0o006;

/// The permission bit by which everybody may come into a folder.
const OTHERS_ENTER: u32 = 0o001;

/// Remarks on a file with a key or a password that is not its owner's and group's alone.
pub(super) fn file<T>(given: &Given<T>, path: &Path, faults: &mut Faults) {
    if has(path, OTHERS) {
        faults.remark(&given.fault(
            format!("everybody on this machine may read {}", path.display()),
            format!("chmod o-rwx {}", path.display()),
        ));
    }
}

/// Remarks on a part that is spoken to in plain text elsewhere than on this machine.
pub(super) fn plain_text<'a>(
    given: &Given<String>,
    hosts: impl IntoIterator<Item = &'a str>,
    section: &str,
    faults: &mut Faults,
) {
    if let Some(host) = hosts.into_iter().find(|host| !is_here(host)) {
        faults.remark(&given.fault(
            format!("what is said to {host} crosses the network in plain text"),
            format!("give [{section}] a table tls"),
        ));
    }
}

/// A folder of keys that is for its owner and group alone, or holds nothing that others may read.
///
/// # Errors
/// The file that they may read.
pub(super) fn keys(given: &Given<String>, folder: &Path) -> Result<(), Fault> {
    let open = has(folder, OTHERS_ENTER)
        .then(|| files(folder).into_iter().find(|path| has(path, OTHERS)))
        .flatten();
    match open {
        None => Ok(()),
        Some(path) => Err(given.fault(
            format!("everybody on this machine may read {}", path.display()),
            format!("chmod -R o-rwx {}", folder.display()),
        )),
    }
}

fn has(path: &Path, bits: u32) -> bool {
    fs::metadata(path).is_ok_and(|is| is.permissions().mode() & bits != 0)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_file()).collect()
}
