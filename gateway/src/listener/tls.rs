//! TLS of a listener: its certificate and key are files, and whoever renews them need not restart the door.

use std::{
    fmt, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take for its handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// How often the files are looked at. A new pair is taken once it was the same twice.
const LOOK: Duration = Duration::from_secs(1);

/// TLS as a listener speaks it: 1.2 and 1.3, HTTP/2 before HTTP/1.1, no client certificates. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    identity: Arc<Identity>,
}

/// The certificate chain and key in use, and the files they are from.
struct Identity {
    files: Files,
    /// What the files were when they were read first.
    first: Marks,
    current: ArcSwap<CertifiedKey>,
}

/// Where the certificate chain and its key are, both PEM.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Both files as they are now; none while one is missing. Other marks: other content.
type Marks = Option<[Mark; 2]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// A certificate that cannot be served. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not PEM, or does not hold what it must.
    #[error("{} holds no {wanted} in PEM", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it must hold.
        wanted: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The key is of a kind that is not known, or another certificate's.
    #[error("{} is not the key of the certificate in {}", key.display(), certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The TLS library has no protocol version to offer.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Why no TLS connection came about: the client's doing.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error("the client took too long for its handshake")]
    Slow,
    #[error("the handshake failed")]
    Failed(#[from] io::Error),
}

impl Tls {
    /// Reads the files: `certificate` holds the server's certificate and then those between it and a root, `key` its private key.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let first = files.marks();
        let current = ArcSwap::from_pointee(files.read()?);
        let identity = Arc::new(Identity {
            files,
            first,
            current,
        });
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&identity) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            identity,
        })
    }

    /// Shakes hands with a client, for as long as that may take.
    pub(super) async fn accept<I>(&self, io: I) -> Result<TlsStream<I>, HandshakeError>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        match timeout(HANDSHAKE_PATIENCE, self.acceptor.accept(io)).await {
            Ok(accepted) => Ok(accepted?),
            Err(_) => Err(HandshakeError::Slow),
        }
    }

    /// Takes new files as they come, for ever. Files that cannot be used leave the certificate as it is.
    pub(super) async fn renew(self) {
        let mut tried = self.identity.first;
        let mut seen = tried;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let now = self.in_background(|identity| identity.files.marks()).await;
            let settled = now == std::mem::replace(&mut seen, now);
            if now == tried || !settled {
                continue;
            }
            tried = now;
            let certificate = self.identity.files.certificate.display();
            match self.in_background(Identity::renew).await {
                Ok(()) => tracing::info!(%certificate, "serving the new certificate"),
                Err(error) => tracing::error!(
                    %certificate,
                    error = &error as &dyn std::error::Error,
                    "the new certificate cannot be used: the one before is served on"
                ),
            }
        }
    }

    /// Files are read where waiting for the disk holds nobody up.
    async fn in_background<T: Send + 'static>(&self, work: fn(&Identity) -> T) -> T {
        let identity = Arc::clone(&self.identity);
        match tokio::task::spawn_blocking(move || work(&identity)).await {
            Ok(done) => done,
            // The runtime is shutting down: there is nothing left to do.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Identity {
    fn renew(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(self.files.read()?));
        Ok(())
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let pem = |path: &Path, wanted| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, wanted, source }
        };
        let bytes = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| match chain.is_empty() {
                true => Err(pem::Error::NoItemsFound),
                false => Ok(chain),
            })
            .map_err(pem(&self.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(pem(&self.key, "private key"))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| TlsError::Pair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })
    }

    fn marks(&self) -> Marks {
        let mark = |path: &Path| {
            std::fs::metadata(path).ok().map(|file| Mark {
                inode: file.ino(),
                size: file.size(),
                modified: (file.mtime(), file.mtime_nsec()),
            })
        };
        Some([mark(&self.certificate)?, mark(&self.key)?])
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.identity.files.certificate.display())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.files.certificate.display())
    }
}
