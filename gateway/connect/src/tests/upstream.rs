//! Upstreams that speak TLS, with authorities of their own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use url::Url;

use super::server::LIMITS;
use crate::{Connector, Destination, Pool, PoolLimits, Roots};

pub(super) type Stream = TlsStream<TcpStream>;

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Arc<Self> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Arc::new(Self(
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
        ))
    }

    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(super) fn pem(&self) -> Bytes {
        pem("CERTIFICATE", self.0.der())
    }

    /// A certificate for a key, with these names.
    pub(super) fn certify(&self, names: &[&str], key: &KeyPair) -> rcgen::Certificate {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        CertificateParams::new(names)
            .unwrap()
            .signed_by(key, &self.0)
            .unwrap()
    }

    /// TLS of a server with these names that speaks these protocols.
    pub(super) fn server_config(&self, names: &[&str], alpn: &[&str]) -> ServerConfig {
        self.config(names, alpn, None)
    }

    /// The same, for clients only whom the authority vouches for.
    pub(super) fn server_config_for_clients_of(&self, names: &[&str], authority: &Self) -> ServerConfig {
        self.config(names, &[], Some(authority))
    }

    fn config(&self, names: &[&str], alpn: &[&str], clients: Option<&Self>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = self.certify(names, &key);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.root()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    authority: Arc<Authority>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Runs `serve` on every connection, counted from 0, on which TLS came about.
    pub(super) async fn start<F, S>(authority: &Arc<Authority>, tls: ServerConfig, serve: F) -> Self
    where
        F: Fn(usize, Stream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(serve(counter.fetch_add(1, Ordering::SeqCst), stream));
                }
            }
        });
        Self {
            address,
            authority: Arc::clone(authority),
            connections,
            task,
        }
    }

    /// Runs `serve` on every connection; these protocols are offered.
    pub(super) async fn speaking<F, S>(alpn: &[&str], serve: F) -> Self
    where
        F: Fn(usize, Stream) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let authority = Authority::new();
        let tls = authority.server_config(&["127.0.0.1"], alpn);
        Self::start(&authority, tls, serve).await
    }

    /// Answers HTTP/2, `streams` at once, by `answer`, which knows the connection by its number.
    pub(super) async fn http2<F, S>(streams: u32, answer: F) -> Self
    where
        F: Fn(usize, Request<RecvStream>, SendResponse<Bytes>) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::speaking(&["h2"], move |number, stream| {
            let answer = answer.clone();
            async move {
                let handshake = h2::server::Builder::new()
                    .max_concurrent_streams(streams)
                    .handshake(stream);
                let Ok(mut connection) = handshake.await else {
                    return;
                };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(answer(number, request, respond));
                }
            }
        })
        .await
    }

    /// How many connections it has taken.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn pool(&self) -> Pool {
        self.pool_with(LIMITS)
    }

    pub(super) fn pool_with(&self, limits: PoolLimits) -> Pool {
        secure_pool(&self.authority, self.address, limits)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A pool for https that trusts one authority.
pub(super) fn secure_pool(authority: &Authority, address: SocketAddr, limits: PoolLimits) -> Pool {
    let connector = Connector::new(Roots::Given(vec![authority.root()])).unwrap();
    let url = Url::parse(&format!("https://{address}/")).unwrap();
    Pool::new(connector, Destination::of(&url).unwrap(), limits)
}

/// Answers `{}` on a stream of HTTP/2.
pub(super) fn answer_ok(mut respond: SendResponse<Bytes>) {
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    let _ = stream.send_data(Bytes::from_static(b"{}"), true);
}

/// DER in PEM (RFC 7468).
pub(super) fn pem(label: &str, der: &[u8]) -> Bytes {
    Bytes::from(pem::encode(&pem::Pem::new(label, der)))
}
