//! Whose word on a server's name is taken.

use std::sync::Arc;

use http::StatusCode;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    server::{OK, get, in_time, read_request, soon, write},
    upstream::{Authority, Upstream},
};
use crate::{AddressPolicy, ConnectError, Connector, Destination, Roots, RootsError};

async fn upstream(authority: &Arc<Authority>, name: &str, alpn: &[&str]) -> Upstream {
    let tls = authority.server_config(&[name], alpn);
    Upstream::start(authority, tls, |_, mut stream| async move {
        read_request(&mut stream).await;
        write(&mut stream, OK).await;
    })
    .await
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
    for host in ["localhost", "127.0.0.1"] {
        for alpn in [&["http/1.1"][..], &[]] {
            let server = upstream(&authority, host, alpn).await;
            let url = format!("https://{host}:{}/", server.address.port());
            let answer = status(vec![authority.root()], url).await;
            assert_eq!(answer.unwrap(), StatusCode::OK, "{host} {alpn:?}");
        }
    }
}

#[tokio::test]
async fn any_other_certificate_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = upstream(&authority, "localhost", &[]).await;
    let elsewhere = upstream(&authority, "elsewhere.example", &[]).await;
    for (roots, server, why) in [
        (vec![other.root()], &server, "by an authority that is not trusted"),
        (Vec::new(), &server, "no authority is trusted"),
        (vec![authority.root()], &elsewhere, "for another name"),
    ] {
        let url = format!("https://localhost:{}/", server.address.port());
        let error = status(roots, url).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{why}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_neither_protocol_is_refused() {
    let authority = Authority::new();
    let server = upstream(&authority, "localhost", &["imap"]).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let error = status(vec![authority.root()], url).await.unwrap_err();
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
