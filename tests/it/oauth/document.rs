//! A client's metadata document at an https URL, as the SDKs insist on, with a certificate authority of its own.

use std::{path::Path, sync::Arc};

use rcgen::generate_simple_self_signed;
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// The document, served.
pub(super) struct Document {
    url: String,
    authority: NamedTempFile,
    _server: JoinSet<()>,
}

impl Document {
    pub(super) async fn start() -> Self {
        let certified = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let authority = NamedTempFile::new().unwrap();
        let pem = pem::Pem::new("CERTIFICATE", certified.cert.der().to_vec());
        std::fs::write(authority.path(), pem::encode(&pem)).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/client.json", listener.local_addr().unwrap());
        let document = json!({
            "client_id": url,
            "client_name": "A client with a document",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let document = document.to_string();
        let mut server = JoinSet::new();
        server.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Whoever goes away misses the document.
                let _ = answer(&tls, stream, &document).await;
            }
        });
        Self {
            url,
            authority,
            _server: server,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A file with the authority to trust.
    pub(super) fn authority(&self) -> &Path {
        self.authority.path()
    }
}

async fn answer(tls: &TlsAcceptor, stream: TcpStream, document: &str) -> std::io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let length = document.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{document}").as_bytes()).await?;
    stream.shutdown().await
}
