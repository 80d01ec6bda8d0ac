use std::fs;

use jsonwebtoken::{DecodingKey, Validation};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData as _};
use serde_json::Value;

use super::*;

const NOW: i64 = 1_000_000_000;

/// A folder with a certificate and its key.
struct Files(tempfile::TempDir);

impl Files {
    fn new(certificate: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("certificate"), certificate).unwrap();
        fs::write(folder.path().join("key"), key).unwrap();
        Self(folder)
    }

    fn reference(&self, file: &str) -> SecretRef {
        let path = self.0.path().join(file);
        format!("file:{}", path.display()).parse().unwrap()
    }

    fn proof(&self) -> Result<Credential, NotSetUp> {
        proof(ClientCredential::Certificate {
            certificate: self.reference("certificate"),
            key: self.reference("key"),
        })
    }
}

fn proof(credential: ClientCredential) -> Result<Credential, NotSetUp> {
    let client = ExchangeClient {
        token_endpoint: "https://idp.example/{tenantid}/token".to_owned(),
        client: "gateway".parse().unwrap(),
        credential,
    };
    let endpoint = "https://idp.example/t/token".parse().unwrap();
    of(
        &client,
        &endpoint,
        &Secrets::default(),
        Timestamp::from_second(NOW).unwrap(),
    )
}

fn key_of(algorithm: &'static rcgen::SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

fn pem_of(key: &KeyPair) -> String {
    pem::encode(&pem::Pem::new("PRIVATE KEY", key.serialize_der()))
}

/// A certificate for a key: DER, and PEM.
fn certificate(key: &KeyPair) -> (Vec<u8>, String) {
    let der = CertificateParams::default()
        .self_signed(key)
        .unwrap()
        .der()
        .to_vec();
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()));
    (der, pem)
}

#[test]
fn a_secret_is_sent_without_its_line_end() {
    let files = Files::new("s3cret\n", "\u{0}");
    let secret = proof(ClientCredential::Secret(files.reference("certificate"))).unwrap();
    assert_eq!(secret.parameters(), [("client_secret", "s3cret")]);
}

#[test]
fn an_assertion_is_good_for_one_request_of_the_certificates_holder() {
    let key = key_of(&PKCS_RSA_SHA256);
    let (own, pem) = certificate(&key);
    let chain = format!("{pem}{}", certificate(&key_of(&PKCS_ECDSA_P256_SHA256)).1);
    let files = Files::new(&chain, &pem_of(&key));
    let sent = |credential: &Credential| -> String {
        let parameters = credential.parameters();
        let [("client_assertion_type", kind), ("client_assertion", assertion)] = parameters.as_slice() else {
            panic!("an assertion");
        };
        assert_eq!(*kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        (*assertion).to_owned()
    };
    let assertion = sent(&files.proof().unwrap());

    let header = jsonwebtoken::decode_header(&assertion).unwrap();
    let digest = digest::digest(&digest::SHA256, &own);
    assert_eq!(header.x5t_s256, Some(URL_SAFE_NO_PAD.encode(digest.as_ref())));
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (Algorithm::PS256, Some("JWT"))
    );

    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&["https://idp.example/t/token"]);
    validation.validate_exp = false;
    let public = DecodingKey::from_rsa_der(key.der_bytes());
    let claims: Value = jsonwebtoken::decode(&assertion, &public, &validation)
        .unwrap()
        .claims;
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&"gateway".into(), &"gateway".into())
    );
    assert_eq!(
        (&claims["nbf"], &claims["exp"]),
        (&NOW.into(), &(NOW + 300).into())
    );
    assert_ne!(assertion, sent(&files.proof().unwrap()), "another jti");
}

#[test]
fn what_is_not_of_its_kind_is_named_and_not_shown() {
    let (rsa, ec) = (key_of(&PKCS_RSA_SHA256), key_of(&PKCS_ECDSA_P256_SHA256));
    let (_, certificate) = certificate(&rsa);
    let faults = [
        (Files::new("hunter2", &pem_of(&rsa)), "certificate in PEM"),
        (Files::new(&pem_of(&rsa), &pem_of(&rsa)), "certificate in PEM"),
        (Files::new(&certificate, "hunter2"), "RSA private key in PEM"),
        (Files::new(&certificate, &pem_of(&ec)), "RSA private key in PEM"),
        (Files::new(&certificate, &certificate), "RSA private key in PEM"),
    ];
    for (files, expected) in faults {
        let Err(error) = files.proof() else {
            panic!("{expected} accepted");
        };
        assert!(
            matches!(&error, NotSetUp::Credential { kind, .. } if *kind == expected),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"));
    }
    let missing = proof(ClientCredential::Secret(
        "env:ONEDOOR_HAS_NO_SUCH_SECRET".parse().unwrap(),
    ));
    assert!(matches!(missing, Err(NotSetUp::Secret(_))));
}
