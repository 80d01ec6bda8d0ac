//! Reading secrets, and remembering them for a moment.

use std::{
    collections::HashMap,
    env, fmt,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use onedoor_model::registry::{SecretPlace, SecretRef};
use parking_lot::Mutex;

use crate::Secret;

/// A secret is not longer, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// How long what a file held is taken for what it holds: a rotated secret is in use after that.
const FRESH: Duration = Duration::from_secs(1);

/// The permission bit that lets everybody read a file. A group may: it can be the gateway's own.
const READABLE_BY_ALL: u32 = 0o004;

/// Reads secrets. Clones share what was read.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<HashMap<SecretRef, Held>>>);

/// What a file held. As many as references were ever asked for, which are the operator's few.
struct Held {
    secret: Secret,
    read: Instant,
    /// That everybody may read the file was said.
    warned: bool,
}

/// Whether a file should be for its owner, or its group, alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Public,
}

/// A secret that cannot be had. The operator's fault; a repeat helps once its place is mended. Names the reference, never content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The process has no such environment variable.
    #[error("the environment has no variable for the secret {0}")]
    NotSet(SecretRef),
    /// The file cannot be read.
    #[error("cannot read the secret {reference}")]
    Read {
        /// Which.
        reference: SecretRef,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("the secret {0} is not in a regular file")]
    NotAFile(SecretRef),
    /// Nothing is there, or an empty line.
    #[error("the secret {0} is empty")]
    Empty(SecretRef),
    /// More than [`MAX_BYTES`].
    #[error("the secret {0} is longer than {MAX_BYTES} bytes")]
    TooLong(SecretRef),
}

impl Secrets {
    /// Reads what should be for its owner, or its group, alone. A file that everybody may read is warned of, once.
    ///
    /// A file is read at most once a second, so a changed one is known within that; meanwhile this takes one look into a table.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        self.read_at(reference, Kind::Secret, Instant::now())
    }

    /// Reads what others may know, such as a certificate, in the same way.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read_public(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        self.read_at(reference, Kind::Public, Instant::now())
    }

    fn read_at(&self, reference: &SecretRef, kind: Kind, now: Instant) -> Result<Secret, SecretError> {
        match reference.place() {
            SecretPlace::Env(name) => {
                let value = env::var_os(name).ok_or_else(|| SecretError::NotSet(reference.clone()))?;
                checked(value.into_vec(), reference)
            }
            SecretPlace::File(path) => self.file(reference, path, kind, now),
        }
    }

    fn file(
        &self,
        reference: &SecretRef,
        path: &Path,
        kind: Kind,
        now: Instant,
    ) -> Result<Secret, SecretError> {
        let mut warned = false;
        if let Some(held) = self.0.lock().get(reference) {
            if now.saturating_duration_since(held.read) < FRESH {
                return Ok(held.secret.clone());
            }
            warned = held.warned;
        }
        let (bytes, mode) = contents(reference, path)?;
        let secret = checked(bytes, reference)?;
        if kind == Kind::Secret && mode & READABLE_BY_ALL != 0 && !warned {
            warned = true;
            tracing::warn!(%reference, "everybody may read a secret's file; leave it to its owner and group");
        }
        let held = Held {
            secret: secret.clone(),
            read: now,
            warned,
        };
        self.0.lock().insert(reference.clone(), held);
        Ok(secret)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// What a file holds, as far as it may be long and one byte more, and its permissions.
fn contents(reference: &SecretRef, path: &Path) -> Result<(Vec<u8>, u32), SecretError> {
    let failed = |source| SecretError::Read {
        reference: reference.clone(),
        source,
    };
    // Looked at before it is opened: opening a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(reference.clone()));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(failed)?.take(MAX_BYTES as u64 + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, metadata.permissions().mode()))
}

fn checked(bytes: Vec<u8>, reference: &SecretRef) -> Result<Secret, SecretError> {
    if bytes.len() > MAX_BYTES {
        return Err(SecretError::TooLong(reference.clone()));
    }
    let secret = Secret::new(bytes);
    if secret.expose().is_empty() || secret.expose_text().is_some_and(str::is_empty) {
        return Err(SecretError::Empty(reference.clone()));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests;
