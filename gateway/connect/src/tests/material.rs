//! Servers with authorities of their own, and servers that ask who calls.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
use url::Url;

use super::{
    server::{OK, get, in_time, loopback, read_request, soon, write},
    upstream::{Authority, Upstream, pem},
};
use crate::{AddressPolicy, Connector, Destination, Roots, TlsIdentity, TlsMaterial, TlsMaterialError};

const HOST: &str = "127.0.0.1";

async fn upstream(authority: &Arc<Authority>, name: &str, clients: Option<&Authority>) -> Upstream {
    let tls = match clients {
        Some(clients) => authority.server_config_for_clients_of(&[name], clients),
        None => authority.server_config(&[name], &[]),
    };
    Upstream::start(authority, tls, |_, mut stream| async move {
        if read_request(&mut stream).await.is_some() {
            write(&mut stream, OK).await;
        }
    })
    .await
}

/// Whether a connector with this material gets an answer.
async fn is_answered(roots: Roots, material: &TlsMaterial, server: &Upstream) -> bool {
    let connector = Connector::new(roots).unwrap().with_tls(material).unwrap();
    let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
    let destination = Arc::new(Destination::of(&url).unwrap());
    let networks = loopback();
    let policy = AddressPolicy::allowing(&networks);
    let Ok(lease) = in_time(connector.connect(&destination, policy, soon())).await else {
        return false;
    };
    // In TLS 1.3 a server refuses a client only after the client is done.
    let answer = in_time(lease.send(get("/"))).await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

fn ca(authority: &Authority) -> TlsMaterial {
    TlsMaterial {
        ca: Some(authority.pem()),
        client: None,
    }
}

fn identity(
    authority: &Authority,
    algorithm: &'static SignatureAlgorithm,
    encode: fn(&KeyPair) -> Bytes,
) -> TlsIdentity {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let certificate = authority.certify(&["gateway.example"], &key);
    TlsIdentity {
        certificates: pem("CERTIFICATE", certificate.der()),
        key: encode(&key),
    }
}

fn pkcs8(key: &KeyPair) -> Bytes {
    pem("PRIVATE KEY", &key.serialize_der())
}

/// What PKCS#8 wraps: the key as its algorithm's own format has it (PKCS#1 for RSA, SEC1 for elliptic curves).
fn unwrapped(key: &KeyPair, label: &str) -> Bytes {
    let pkcs8 = key.serialize_der();
    let (inside, _) = der(&pkcs8);
    let (_version, rest) = der(inside);
    let (_algorithm, rest) = der(rest);
    let (key, _) = der(rest);
    pem(label, key)
}

/// The content of the first value, and what follows it.
fn der(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match bytes[1] {
        short @ ..0x80 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            let digits = &bytes[2..2 + count];
            (
                digits
                    .iter()
                    .fold(0, |length, digit| length << 8 | usize::from(*digit)),
                2 + count,
            )
        }
    };
    bytes[start..].split_at(length)
}

#[tokio::test]
async fn an_authority_of_a_servers_own_replaces_the_others() {
    let (own, other) = (Authority::new(), Authority::new());
    let server = upstream(&own, HOST, None).await;
    let of_other = upstream(&other, HOST, None).await;
    let trusting_other = || Roots::Given(vec![other.root()]);
    assert!(is_answered(trusting_other(), &TlsMaterial::default(), &of_other).await);
    assert!(!is_answered(trusting_other(), &TlsMaterial::default(), &server).await);
    assert!(is_answered(trusting_other(), &ca(&own), &server).await);
    assert!(!is_answered(trusting_other(), &ca(&own), &of_other).await);
}

#[tokio::test]
async fn a_name_is_still_checked() {
    let own = Authority::new();
    let server = upstream(&own, "elsewhere.example", None).await;
    assert!(!is_answered(Roots::Given(Vec::new()), &ca(&own), &server).await);
}

#[tokio::test]
async fn a_server_that_asks_is_told_who_calls() {
    let (own, clients) = (Authority::new(), Authority::new());
    let server = upstream(&own, HOST, Some(&clients)).await;
    let with = |client| TlsMaterial { client, ..ca(&own) };
    let none = || Roots::Given(Vec::new());
    for identity in [
        identity(&clients, &PKCS_ECDSA_P256_SHA256, pkcs8),
        identity(&clients, &PKCS_ECDSA_P256_SHA256, |key| {
            unwrapped(key, "EC PRIVATE KEY")
        }),
        identity(&clients, &PKCS_RSA_SHA256, pkcs8),
        identity(&clients, &PKCS_RSA_SHA256, |key| {
            unwrapped(key, "RSA PRIVATE KEY")
        }),
    ] {
        assert!(is_answered(none(), &with(Some(identity)), &server).await);
    }
    assert!(!is_answered(none(), &with(None), &server).await, "nobody calls");
    let stranger = identity(&Authority::new(), &PKCS_ECDSA_P256_SHA256, pkcs8);
    assert!(
        !is_answered(none(), &with(Some(stranger)), &server).await,
        "a stranger calls"
    );
}

#[test]
fn an_error_says_which_part_is_bad() {
    let authority = Authority::new();
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let good = || identity(&authority, &PKCS_ECDSA_P256_SHA256, pkcs8);
    let with = |ca: Option<&'static str>, client| TlsMaterial {
        ca: ca.map(Bytes::from),
        client,
    };
    let certificates = |certificates: &'static str| TlsIdentity {
        certificates: Bytes::from(certificates),
        ..good()
    };
    let key = |key: Bytes| TlsIdentity { key, ..good() };
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    type Expected = fn(&TlsMaterialError) -> bool;
    let cases: [(TlsMaterial, Expected); 10] = [
        (with(Some(broken), None), |e| {
            matches!(e, TlsMaterialError::AuthoritiesUnreadable(_))
        }),
        (with(Some(""), None), |e| {
            matches!(e, TlsMaterialError::NoAuthority)
        }),
        (with(Some("no PEM"), None), |e| {
            matches!(e, TlsMaterialError::NoAuthority)
        }),
        (with(Some(nonsense), None), |e| {
            matches!(e, TlsMaterialError::Authority(_))
        }),
        (with(None, Some(certificates(broken))), |e| {
            matches!(e, TlsMaterialError::CertificatesUnreadable(_))
        }),
        (with(None, Some(certificates(""))), |e| {
            matches!(e, TlsMaterialError::NoCertificate)
        }),
        (with(None, Some(certificates(nonsense))), |e| {
            matches!(e, TlsMaterialError::Identity(_))
        }),
        (with(None, Some(key(Bytes::from("s3cret")))), |e| {
            matches!(e, TlsMaterialError::KeyUnreadable)
        }),
        (with(None, Some(key(authority.pem()))), |e| {
            matches!(e, TlsMaterialError::KeyUnreadable)
        }),
        (with(None, Some(key(good().key))), |e| {
            matches!(e, TlsMaterialError::Identity(_))
        }),
    ];
    for (number, (material, expected)) in cases.into_iter().enumerate() {
        let error = connector.with_tls(&material).unwrap_err();
        assert!(expected(&error), "{number}: {error:?}");
        assert!(!format!("{error:?} {material:?}").contains("s3cret"));
    }
    assert!(connector.with_tls(&with(None, Some(good()))).is_ok());
}
