//! TLS, and who gets in: on a Redis of the test's own.

use std::time::Duration;

use onedoor_redis::{Kind, Options, Redis, Script};
use onedoor_redis_testing::Keys;
use onedoor_secrets::Secrets;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::server;

const SOON: Duration = Duration::from_secs(20);

/// Longer than it takes to connect to what is there.
const A_WHILE: Duration = Duration::from_secs(2);

/// A Redis that asks for a certificate of its own authority and for a password.
struct Server {
    process: server::Server,
    keys: Keys,
}

impl Server {
    fn start() -> Self {
        let keys = Keys::new();
        let authority = authority();
        let file = |name: &str, content: &str| keys.file(name, content.as_bytes()).to_string().split_off(5);
        let (certificate, key) = identity(&authority, "localhost");
        let (client, client_key) = identity(&authority, "gateway");
        keys.file("client.pem", client.as_bytes());
        keys.file("client.key", client_key.as_bytes());
        keys.file("password", b"s3cret\n");
        let tls = [
            (
                "--tls-ca-cert-file",
                file("ca.pem", &pem("CERTIFICATE", authority.der())),
            ),
            ("--tls-cert-file", file("server.pem", &certificate)),
            ("--tls-key-file", file("server.key", &key)),
        ];
        let names = format!("~{}:*", keys.prefix());
        let mut options: Vec<_> = tls.iter().flat_map(|(name, file)| [*name, file]).collect();
        options.extend([
            "--user", "default", "off", "--user", "onedoor", "on", ">s3cret", &names,
        ]);
        // As docs/operations.md says.
        options.extend("+mget +set +get +del +evalsha +script|load +time +@connection".split(' '));
        let process = server::Server::start("--tls-port", &options);
        Self { process, keys }
    }

    /// All that it takes.
    fn options(&self) -> Options {
        let url = format!("rediss://onedoor@localhost:{}", self.process.port);
        let there = |name: &str| format!("file:{}/{name}", self.keys.path().display()).parse().ok();
        Options {
            password: there("password"),
            ca: there("ca.pem"),
            certificate: there("client.pem"),
            key: there("client.key"),
            ..self.keys.options(&url, &[1])
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    // A certificate with its issuer's name is its own issuer to OpenSSL.
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key.
fn identity(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", &key.serialize_der()),
    )
}

fn pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

async fn comes_up(options: &Options, within: Duration) -> bool {
    let redis = Redis::open(options, &Secrets::default()).unwrap();
    let up = tokio::time::timeout(within, redis.up()).await.is_ok();
    if up {
        every_question(&redis).await;
    }
    up
}

/// Everything that is asked of Redis is allowed.
async fn every_question(redis: &Redis) {
    let [name, lock] = [Kind::TokenB, Kind::Exchanging].map(|kind| redis.ring().name(kind, b"it"));
    redis.put(&name, b"value", SOON).await.unwrap();
    let names = std::slice::from_ref(&name);
    assert_eq!(redis.get(names).await.unwrap(), [Some(b"value".to_vec())]);
    assert!(redis.lock(&lock, b"me", SOON).await.unwrap());
    redis.unlock(&lock, b"me").await.unwrap();
    let script = Script::new("redis.call('SET', KEYS[1], redis.call('TIME')[1]) return 1");
    assert_eq!(redis.run(&script, names, &[]).await, Ok(1));
    redis.delete(names).await.unwrap();
    assert_eq!(redis.counts().failures, 0);
}

#[tokio::test]
async fn who_has_all_that_redis_asks_for_gets_in_and_nobody_else() {
    let server = Server::start();
    assert!(comes_up(&server.options(), SOON).await);
    let another = authority();
    let (certificate, key) = identity(&another, "gateway");
    let foreign = |name: &str, content: &str| Some(server.keys.file(name, content.as_bytes()));
    let wrong = [
        (
            "no password",
            Options {
                password: None,
                ..server.options()
            },
        ),
        (
            "a wrong one",
            Options {
                password: foreign("wrong", "wrong"),
                ..server.options()
            },
        ),
        (
            "another authority",
            Options {
                ca: foreign("another.pem", &pem("CERTIFICATE", another.der())),
                ..server.options()
            },
        ),
        (
            "the machine's authorities",
            Options {
                ca: None,
                ..server.options()
            },
        ),
        (
            "no certificate",
            Options {
                certificate: None,
                key: None,
                ..server.options()
            },
        ),
        (
            "another's certificate",
            Options {
                certificate: foreign("foreign.pem", &certificate),
                key: foreign("foreign.key", &key),
                ..server.options()
            },
        ),
        (
            "another name",
            Options {
                url: format!("rediss://onedoor@127.0.0.1:{}", server.process.port),
                ..server.options()
            },
        ),
    ];
    let tries = wrong.map(|(what, options)| async move { (what, comes_up(&options, A_WHILE).await) });
    for (what, came_up) in futures_util::future::join_all(tries).await {
        assert!(!came_up, "{what}");
    }
    assert!(comes_up(&server.options(), SOON).await);
}
