//! TLS towards a server that has an authority of its own, and wants to know who calls.

use std::{fs, path::Path, sync::Arc};

use onedoor_tests::{dev::Dev, upstream::Upstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer,
    server::WebPkiClientVerifier,
};
use serde_json::{Value, json};

/// An authority that nobody else knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate for `name`, and its key, as PEM.
    fn write(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.issue(name);
        fs::write(
            folder.join(format!("{name}.pem")),
            pem("CERTIFICATE", certificate.der()),
        )
        .unwrap();
        fs::write(
            folder.join(format!("{name}.key")),
            pem("PRIVATE KEY", &key.serialize_der()),
        )
        .unwrap();
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// A server that lets in only clients of this authority.
    fn server(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
        let (certificate, key) = self.issue("localhost");
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap()
    }
}

fn pem(tag: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(tag, der))
}

fn place(folder: &Path, file: &str) -> Value {
    json!(format!("file:{}", folder.join(file).display()))
}

#[tokio::test]
async fn a_server_gets_the_authority_and_the_certificate_that_its_settings_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (dev, upstream) = tokio::join!(Dev::start(), Upstream::start_tls(authority.server()));
    let folder = dev.folder();
    fs::write(folder.join("ca.pem"), pem("CERTIFICATE", authority.0.der())).unwrap();
    authority.write(folder, "gateway");
    stranger.write(folder, "stranger");
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    let mcp = dev.mcp("edge", "analyst").await;
    let with = async |tls: Value| {
        admin
            .set(|settings| settings["upstreamTls"] = json!({ "edge": tls }))
            .await;
        mcp.call("echo", json!({})).await
    };
    let certificate = |name: &str| {
        json!({
            "ca": place(folder, "ca.pem"),
            "certificate": place(folder, &format!("{name}.pem")),
            "key": place(folder, &format!("{name}.key")),
        })
    };

    // The machine's authorities do not know it.
    assert_eq!(
        mcp.call("echo", json!({})).await.error().1,
        "upstream_unreachable"
    );
    // It is known now, and lets nobody in who does not say who they are, or is another authority's.
    let ca = json!({ "ca": place(folder, "ca.pem") });
    assert_eq!(with(ca).await.error().1, "upstream_unreachable");
    assert_eq!(
        with(certificate("stranger")).await.error().1,
        "upstream_unreachable"
    );
    assert_eq!(upstream.requests().len(), 0);
    assert!(with(certificate("gateway")).await.is_answered());
    // A file that is not there, or holds something else.
    assert_eq!(
        with(certificate("nobody")).await.error().1,
        "upstream_unreachable"
    );
    assert!(with(certificate("gateway")).await.is_answered());
    // Renewed files are taken without a word.
    authority.write(folder, "gateway");
    assert!(mcp.call("echo", json!({})).await.is_answered());
}
