//! Whom the connector trusts to vouch for servers.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
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

/// TLS as every outgoing connection speaks it.
pub(crate) fn client_config(roots: Roots) -> Result<Arc<ClientConfig>, RootsError> {
    let store = match roots {
        Roots::System => system_store(),
        Roots::Given(certificates) => given_store(certificates)?,
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(RootsError::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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
