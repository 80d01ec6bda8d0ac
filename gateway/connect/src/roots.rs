//! Whom the connector trusts to vouch for servers.

use rustls::{RootCertStore, pki_types::CertificateDer};
use thiserror::Error;

/// The certificate authorities that servers' certificates must go back to.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The machine's own store (`SSL_CERT_FILE` and `SSL_CERT_DIR` choose another).
    System,
    /// These, in DER, and no others.
    Given(Vec<CertificateDer<'static>>),
}

/// The connector cannot be set up. The operator's fault; a repeat will not help.
#[derive(Debug, Error)]
pub enum RootsError {
    /// A given certificate cannot be used as an authority.
    #[error("certificate {index} of the trusted authorities is unusable")]
    Unusable {
        /// Which, counted from 0.
        index: usize,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library has no protocol version to offer.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Roots {
    pub(crate) fn store(self) -> Result<RootCertStore, RootsError> {
        match self {
            Self::System => Ok(system_store()),
            Self::Given(certificates) => given_store(certificates),
        }
    }
}

/// A machine without authorities can still serve plain upstreams; every https one is then refused as unknown.
fn system_store() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read a part of the machine's certificate authorities");
    }
    let mut store = RootCertStore::empty();
    let (added, ignored) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            ignored,
            "the machine has no certificate authorities: https servers will be refused"
        );
    }
    store
}

fn given_store(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.into_iter().enumerate() {
        store
            .add(certificate)
            .map_err(|source| RootsError::Unusable { index, source })?;
    }
    Ok(store)
}
