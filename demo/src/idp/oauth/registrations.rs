//! Clients that registered themselves (RFC 7591). They are kept in a file, so that a client which has stored its id is still known
//! after a restart.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::client::Registration;

/// File in the state directory.
const FILE: &str = "idp-clients.json";

/// Clients at most: anyone may register, so the oldest give way.
const MOST: usize = 500;

/// The registered clients, the oldest first.
#[derive(Debug)]
pub(super) struct Registrations {
    path: PathBuf,
    clients: Mutex<Vec<Registration>>,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    clients: Vec<Registration>,
}

/// The file of registered clients fails. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationsError {
    /// It cannot be read or written.
    #[error("cannot read or write the registered clients in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds something else; remove it to begin anew.
    #[error("{} does not hold registered clients", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: serde_json::Error,
    },
}

impl Registrations {
    /// Reads what the state directory holds; nothing is a beginning.
    pub(super) fn load(state_dir: &Path) -> Result<Self, RegistrationsError> {
        let path = state_dir.join(FILE);
        let kept = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| RegistrationsError::Malformed {
                path: path.clone(),
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(source) => return Err(RegistrationsError::File { path, source }),
        };
        Ok(Self {
            path,
            clients: Mutex::new(kept.clients),
        })
    }

    /// The client with this id.
    pub(super) fn find(&self, id: &str) -> Option<Registration> {
        self.clients.lock().iter().find(|client| client.id == id).cloned()
    }

    /// Adds a client; it is kept once this returns (blocking).
    pub(super) fn add(&self, client: Registration) -> Result<(), RegistrationsError> {
        let mut clients = self.clients.lock();
        let mut kept = clients.clone();
        kept.push(client);
        let surplus = kept.len().saturating_sub(MOST);
        kept.drain(..surplus);
        let kept = Kept { clients: kept };
        store(&self.path, &kept).map_err(|source| RegistrationsError::File {
            path: self.path.clone(),
            source,
        })?;
        *clients = kept.clients;
        Ok(())
    }
}

/// Whole or not at all: written beside, then renamed.
fn store(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::oauth::client::ClientMetadata;

    fn client(id: &str) -> Registration {
        let metadata = ClientMetadata::parse(br#"{"redirect_uris":["http://127.0.0.1/cb"]}"#).unwrap();
        metadata.register(id.to_owned()).unwrap()
    }

    #[test]
    fn clients_outlive_a_restart_and_the_oldest_give_way() {
        let state = tempfile::tempdir().unwrap();
        let clients = Registrations::load(state.path()).unwrap();
        *clients.clients.lock() = (0..MOST).map(|number| client(&number.to_string())).collect();
        clients.add(client("new")).unwrap();
        let again = Registrations::load(state.path()).unwrap();
        assert_eq!(again.clients.lock().len(), MOST);
        assert_eq!(again.find("new"), Some(client("new")));
        assert_eq!((again.find("0"), again.find("1")), (None, Some(client("1"))));
    }

    #[test]
    fn a_broken_file_is_an_error_not_a_beginning() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(FILE), "[]").unwrap();
        assert!(matches!(
            Registrations::load(state.path()),
            Err(RegistrationsError::Malformed { .. })
        ));
    }
}
