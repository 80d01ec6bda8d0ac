//! The keys of a gateway. Replicas of one door have the same ones, so that each opens what another sealed, and signs as the others do.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use onedoor_exchange::{KeyError, SigningKey};

use crate::{door::ArgumentDigests, paging::Cursors, seal::Seal};

/// Signs Token B (ES256, PKCS #8 in DER).
const TOKEN_B: &str = "token-b.p8";
/// Digests arguments.
const ARGUMENTS: &str = "arguments.key";
/// Seals what clients carry.
const SEAL: &str = "seal.key";
/// Seals cursors of lists.
const CURSORS: &str = "cursors.key";

/// All keys of a gateway.
const FILES: [&str; 4] = [TOKEN_B, ARGUMENTS, SEAL, CURSORS];

/// The keys of a gateway. Never printed.
#[derive(Debug)]
pub struct Keys {
    /// Signs Token B.
    pub(crate) signing: SigningKey,
    /// Digests arguments.
    pub(crate) digests: ArgumentDigests,
    /// Seals what clients carry.
    pub(crate) seal: Seal,
    /// Seals cursors of lists.
    pub(crate) cursors: Cursors,
}

/// Keys that cannot be had. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder does not have all of them.
    #[error("{} has no {}", folder.display(), missing.join(", "))]
    Missing {
        /// Which folder.
        folder: PathBuf,
        /// The names of the files that are not there.
        missing: Vec<&'static str>,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// One of them cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Keys {
    /// Reads the keys that replicas share: all of them must be there.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn load(folder: &Path) -> Result<Self, KeysError> {
        match missing(folder)? {
            missing if missing.is_empty() => Self::load_or_create(folder),
            missing => Err(KeysError::Missing {
                folder: folder.to_owned(),
                missing,
            }),
        }
    }

    /// Reads the keys of a gateway that is the only one, and makes those that are not there. Each file is for its owner alone.
    ///
    /// # Errors
    /// [`KeysError`]
    pub fn load_or_create(folder: &Path) -> Result<Self, KeysError> {
        let path = |name| folder.join(name);
        let seal = Seal::new(&secret(&path(SEAL))?).ok_or_else(|| KeyError::NotASecret(path(SEAL)))?;
        Ok(Self {
            signing: SigningKey::load_or_create(&path(TOKEN_B))?,
            digests: ArgumentDigests::new(&secret(&path(ARGUMENTS))?),
            seal,
            cursors: Cursors::new(&secret(&path(CURSORS))?),
        })
    }

    /// Makes a set for replicas to share, in a folder that is made where it is not there, and gives the names of what was made: none
    /// where the whole set was there.
    ///
    /// # Errors
    /// [`KeysError::Missing`] where a part of a set is there: new keys beside old ones would be another set.
    pub fn generate(folder: &Path) -> Result<Vec<&'static str>, KeysError> {
        let failed = |source| KeysError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let missing = missing(folder)?;
        if !missing.is_empty() && missing.len() < FILES.len() {
            return Err(KeysError::Missing {
                folder: folder.to_owned(),
                missing,
            });
        }
        Self::load_or_create(folder)?;
        Ok(missing)
    }
}

/// Which keys are not there. What may not be looked at is not missing.
fn missing(folder: &Path) -> Result<Vec<&'static str>, KeyError> {
    let mut missing = Vec::new();
    for name in FILES {
        let path = folder.join(name);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => missing.push(name),
            Err(source) => return Err(KeyError::File { path, source }),
        }
    }
    Ok(missing)
}

/// A random key of 32 bytes, kept in a file for its owner alone.
fn secret(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| KeyError::NotASecret(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| KeyError::Generate)?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(failed)?;
            file.write_all(&key)
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::seal::Kind;

    use super::*;

    #[test]
    fn replicas_share_a_whole_set_that_one_of_them_cannot_make_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let Err(KeysError::Missing { missing, .. }) = Keys::load(&keys) else {
            panic!("there is nothing");
        };
        assert_eq!(missing, FILES);
        assert_eq!(Keys::generate(&keys).unwrap(), FILES);
        let (one, other) = (Keys::load(&keys).unwrap(), Keys::load(&keys).unwrap());
        let sealed = one.seal.seal(Kind::Session, "ada", b"content").unwrap();
        assert_eq!(
            other.seal.open(Kind::Session, "ada", &sealed).unwrap(),
            b"content"
        );
        assert_eq!(one.signing.jwk(), other.signing.jwk());
        for name in FILES {
            let mode = keys.join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let no_folder = folder.path().join("file");
        fs::write(&no_folder, b"").unwrap();
        let refused = Keys::load(&no_folder).unwrap_err();
        assert!(
            matches!(refused, KeysError::Key(KeyError::File { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_set_is_made_once_and_never_completed() {
        let folder = tempfile::tempdir().unwrap();
        Keys::generate(folder.path()).unwrap();
        let before = fs::read(folder.path().join(SEAL)).unwrap();
        assert!(Keys::generate(folder.path()).unwrap().is_empty());
        assert_eq!(fs::read(folder.path().join(SEAL)).unwrap(), before);
        fs::remove_file(folder.path().join(CURSORS)).unwrap();
        for refused in [
            Keys::generate(folder.path()).err(),
            Keys::load(folder.path()).err(),
        ] {
            let Some(KeysError::Missing { missing, .. }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(missing, [CURSORS]);
        }
    }
}
