//! TLS towards the parts around Onedoor: whose certificates are trusted, and which one is shown.

use std::{fs, path::PathBuf};

use super::{
    exposed,
    section::Section,
    source::{Fault, Faults, Given},
};

/// How a part is spoken to in TLS. All files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The authorities to trust; none: the machine's.
    pub(crate) ca: Option<PathBuf>,
    /// What this process shows of itself.
    pub(crate) client: Option<ClientCertificate>,
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The chain.
    pub(crate) certificate: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

/// What the file says of TLS, before it is judged.
#[derive(Debug)]
pub(super) struct TlsInputs {
    ca: Option<Given<String>>,
    certificate: Option<Given<String>>,
    key: Option<Given<String>>,
}

impl TlsInputs {
    /// None where there is no such table: no TLS is wanted.
    pub(super) fn read(of: &mut Section<'_>, faults: &mut Faults) -> Option<Self> {
        let mut section = of.section("tls", faults);
        let inputs = (!section.is_unreadable()).then(|| Self {
            ca: section.text("ca", faults),
            certificate: section.text("certificate", faults),
            key: section.text("key", faults),
        });
        section.close(faults);
        inputs
    }

    /// None only where a fault was added.
    pub(super) fn judge(self, faults: &mut Faults) -> Option<TlsFiles> {
        let ca = match self.ca {
            Some(given) => Some(faults.keep(pem(&given, "CERTIFICATE"))?),
            None => None,
        };
        let client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => {
                let certificate = faults.keep(pem(&certificate, "CERTIFICATE"));
                let given = key;
                let key = faults.keep(pem(&given, "PRIVATE KEY"));
                key.iter().for_each(|key| exposed::file(&given, key, faults));
                Some(ClientCertificate {
                    certificate: certificate?,
                    key: key?,
                })
            }
            (None, None) => None,
            (Some(alone), None) => {
                faults.add(alone.fault("has no key beside it", "give tls.key, too"));
                return None;
            }
            (None, Some(alone)) => {
                faults.add(alone.fault("has no certificate beside it", "give tls.certificate, too"));
                return None;
            }
        };
        Some(TlsFiles { ca, client })
    }
}

impl From<TlsFiles> for onedoor_log::Tls {
    fn from(files: TlsFiles) -> Self {
        Self {
            ca: files.ca,
            client: files.client.map(|client| onedoor_log::ClientCertificate {
                certificate: client.certificate,
                key: client.key,
            }),
        }
    }
}

impl From<TlsFiles> for onedoor_projector::PostgresTls {
    fn from(files: TlsFiles) -> Self {
        Self {
            ca: files.ca,
            client: files.client.map(|client| onedoor_projector::ClientCertificate {
                certificate: client.certificate,
                key: client.key,
            }),
        }
    }
}

/// A file that can be read and holds something of this kind.
fn pem(given: &Given<String>, kind: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(&given.value);
    let text = fs::read_to_string(&path).map_err(|error| {
        given.fault(
            format!("cannot read {}: {error}", path.display()),
            "name a file that this user may read",
        )
    })?;
    let holds = text
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.contains(kind));
    if holds {
        Ok(path)
    } else {
        let what = kind.to_lowercase();
        Err(given.fault(
            format!("{} holds no {what} in PEM", path.display()),
            format!("name a PEM file with a {what}"),
        ))
    }
}
