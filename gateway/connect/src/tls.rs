//! TLS as outgoing connections speak it, and what one destination asks for beyond that.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use thiserror::Error;
use tokio_rustls::TlsConnector;

use crate::{
    connector::Connector,
    roots::{Roots, RootsError},
};

/// HTTP/2 in ALPN (RFC 9113 §3.1).
pub(crate) const HTTP_2: &[u8] = b"h2";

/// HTTP/1.1 in ALPN (RFC 7301 §6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// What the servers behind one connector ask for in TLS, beyond the ordinary.
#[derive(Clone, Debug, Default)]
pub struct TlsMaterial {
    /// The authorities, in PEM, that alone vouch for the servers: they replace the connector's own.
    pub ca: Option<Bytes>,
    /// Who the connector says it is, to servers that ask (mTLS).
    pub client: Option<TlsIdentity>,
}

/// A client's certificate and its key.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate, then those up to an authority that the servers know, in PEM.
    pub certificates: Bytes,
    /// The certificate's private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Bytes,
}

/// TLS material that cannot be used, and which part of it. The operator's fault; a repeat will not help. Nothing of
/// a key is in it.
#[derive(Debug, Error)]
pub enum TlsMaterialError {
    /// The authorities cannot be read.
    #[error("the authorities are not valid PEM")]
    AuthoritiesUnreadable(#[source] pem::Error),
    /// There is no authority: no server would be trusted.
    #[error("there is no certificate among the authorities")]
    NoAuthority,
    /// One of the authorities is not usable as such.
    #[error(transparent)]
    Authority(RootsError),
    /// The client's certificates cannot be read.
    #[error("the client's certificates are not valid PEM")]
    CertificatesUnreadable(#[source] pem::Error),
    /// There is no client certificate.
    #[error("there is no certificate among the client's")]
    NoCertificate,
    /// The client's key cannot be read.
    #[error("the client's key is not a private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    KeyUnreadable,
    /// The client's certificate cannot be used with the key: most often it belongs to another.
    #[error("the client's certificate and key do not go together")]
    Identity(#[source] rustls::Error),
    /// The TLS library has no protocol version to offer.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Connector {
    /// A connector that trusts these authorities.
    ///
    /// # Errors
    /// When one of them is unusable.
    pub fn new(roots: Roots) -> Result<Self, RootsError> {
        let roots = Arc::new(roots.store()?);
        let config = verifying(&roots).map_err(RootsError::Tls)?.with_no_client_auth();
        Ok(Self {
            tls: connector(config),
            roots,
        })
    }

    /// The same connector for destinations with TLS material of their own.
    ///
    /// # Errors
    /// When a part of the material is unusable.
    pub fn with_tls(&self, material: &TlsMaterial) -> Result<Self, TlsMaterialError> {
        let roots = match &material.ca {
            Some(pem) => Arc::new(authorities(pem)?),
            None => Arc::clone(&self.roots),
        };
        let builder = verifying(&roots).map_err(TlsMaterialError::Tls)?;
        let config = match &material.client {
            Some(identity) => {
                let (chain, key) = identity.read()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(TlsMaterialError::Identity)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self {
            tls: connector(config),
            roots,
        })
    }
}

impl TlsIdentity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsMaterialError> {
        let chain = certificates(&self.certificates).map_err(TlsMaterialError::CertificatesUnreadable)?;
        if chain.is_empty() {
            return Err(TlsMaterialError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsMaterialError::KeyUnreadable)?;
        Ok((chain, key))
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

fn verifying(
    roots: &Arc<RootCertStore>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(Arc::clone(roots)))
}

fn connector(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = [HTTP_2, HTTP_1_1].map(<[u8]>::to_vec).to_vec();
    TlsConnector::from(Arc::new(config))
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsMaterialError> {
    let given = certificates(pem).map_err(TlsMaterialError::AuthoritiesUnreadable)?;
    if given.is_empty() {
        return Err(TlsMaterialError::NoAuthority);
    }
    Roots::Given(given).store().map_err(TlsMaterialError::Authority)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}
