//! Whose word on a server's name is taken.

use std::sync::Arc;

use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::server::{OK, get, in_time, read_request, soon, write};
use crate::{AddressPolicy, ConnectError, Connector, Destination, Roots, RootsError};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A server on a free port of loopback with a certificate for these names; it answers one request a connection and
    /// speaks the protocols given.
    async fn server(&self, names: &[&str], alpn: &[&str]) -> u16 {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                read_request(&mut stream).await;
                write(&mut stream, OK).await;
            }
        });
        port
    }
}

async fn status(roots: Vec<CertificateDer<'static>>, url: String) -> Result<StatusCode, ConnectError> {
    let internal = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap());
    let destination = Arc::new(Destination::of(&Url::parse(&url).unwrap()).unwrap());
    let connector = Connector::new(Roots::Given(roots)).unwrap();
    let lease = in_time(connector.connect(&destination, AddressPolicy::allowing(&internal), soon())).await?;
    Ok(in_time(lease.send(get("/"))).await.unwrap().status())
}

#[tokio::test]
async fn a_trusted_certificate_for_the_name_is_accepted() {
    let authority = Authority::new();
    let port = authority
        .server(&["localhost", "127.0.0.1"], &["h2", "http/1.1"])
        .await;
    for host in ["localhost", "127.0.0.1"] {
        let answer = status(vec![authority.root()], format!("https://{host}:{port}/")).await;
        assert_eq!(answer.unwrap(), StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn any_other_certificate_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let port = authority.server(&["localhost"], &["http/1.1"]).await;
    let elsewhere = authority.server(&["elsewhere.example"], &["http/1.1"]).await;
    for (roots, port, why) in [
        (vec![other.root()], port, "by an authority that is not trusted"),
        (Vec::new(), port, "no authority is trusted"),
        (vec![authority.root()], elsewhere, "for another name"),
    ] {
        let error = status(roots, format!("https://localhost:{port}/"))
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{why}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_1_is_refused() {
    let authority = Authority::new();
    let port = authority.server(&["localhost"], &["h2"]).await;
    let error = status(vec![authority.root()], format!("https://localhost:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

#[test]
fn an_authority_that_is_no_certificate_is_told_by_its_number() {
    let roots = Roots::Given(vec![Authority::new().root(), CertificateDer::from(vec![1, 2, 3])]);
    assert!(matches!(
        Connector::new(roots),
        Err(RootsError::Unusable { index: 1, .. })
    ));
}

#[test]
fn the_machines_own_authorities_are_read() {
    assert!(Connector::new(Roots::System).is_ok());
}
