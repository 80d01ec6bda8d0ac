mod ending;

use std::{fs, io, path::PathBuf, time::Duration};

use axum::routing::get;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::metrics::{Listening, Metrics};

use super::{tls::HandshakeError, *};

const NAME: &str = "door.test";
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate and its key in a folder, as an operator renews them.
struct Pair {
    folder: TempDir,
}

/// A listener that is being served.
struct Served {
    address: SocketAddr,
    ending: Ending,
    task: JoinHandle<()>,
}

impl Pair {
    fn new() -> (Self, CertificateDer<'static>) {
        let pair = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let root = pair.renew();
        (pair, root)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("tls.key")
    }

    /// Replaces both files, one after the other, and gives the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let pem = |tag, der: &[u8]| pem::encode(&pem::Pem::new(tag, der));
        fs::write(self.certificate(), pem("CERTIFICATE", cert.der())).unwrap();
        fs::write(self.key(), pem("PRIVATE KEY", &signing_key.serialize_der())).unwrap();
        cert.der().clone()
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.certificate(), &self.key())
    }
}

impl Served {
    async fn start(tls: Option<Tls>) -> Self {
        Self::start_with(tls, Router::new().route("/", get(|| async { "open" }))).await
    }

    async fn start_with(tls: Option<Tls>, router: Router) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let ending = Ending {
            leaving: CancellationToken::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        let metrics = Metrics::new();
        let count = move || metrics.connection(Listening::Data);
        let served = serve(Listener { socket, tls }, router, count, ending.clone());
        let task = tokio::spawn(served);
        Self {
            address,
            ending,
            task,
        }
    }

    /// A TLS connection that trusts this certificate and no other.
    async fn shake(
        &self,
        root: &CertificateDer<'static>,
        protocol: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn is_served(&self, root: &CertificateDer<'static>) -> bool {
        self.shake(root, b"http/1.1").await.is_ok()
    }

    async fn until_served(&self, root: &CertificateDer<'static>) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_served(root).await {
            assert!(Instant::now() < deadline, "the new certificate is not served");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn ask<I>(mut stream: I) -> String
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET / HTTP/1.1\r\nhost: {NAME}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.to_ascii_lowercase()
}

#[tokio::test]
async fn a_listener_in_tls_answers_and_says_so_to_browsers() {
    let (pair, root) = Pair::new();
    let served = Served::start(Some(pair.load().unwrap())).await;
    let answer = ask(served.shake(&root, b"http/1.1").await.unwrap()).await;
    assert!(
        answer.starts_with("http/1.1 200") && answer.ends_with("open"),
        "{answer}"
    );
    assert!(
        answer.contains("strict-transport-security: max-age=31536000"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_listener_in_plain_text_answers_without_it() {
    let served = Served::start(None).await;
    let answer = ask(TcpStream::connect(served.address).await.unwrap()).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
}

#[tokio::test]
async fn http_2_is_chosen_in_the_handshake() {
    let (pair, root) = Pair::new();
    let served = Served::start(Some(pair.load().unwrap())).await;
    let stream = served.shake(&root, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{NAME}/"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn plain_text_on_a_tls_listener_is_no_request() {
    let (pair, _) = Pair::new();
    let served = Served::start(Some(pair.load().unwrap())).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: door.test\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn who_does_not_shake_hands_holds_nobody_up_and_neither_the_end() {
    let (pair, root) = Pair::new();
    let served = Served::start(Some(pair.load().unwrap())).await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    assert!(served.is_served(&root).await);
    served.ending.stop.cancel();
    timeout(PATIENCE, served.task)
        .await
        .expect("the listener ends")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let (pair, _) = Pair::new();
    let (_client, server) = duplex(1024);
    let shaken = pair.load().unwrap().accept(server).await;
    assert!(matches!(shaken, Err(HandshakeError::Slow)), "{shaken:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let (pair, first) = Pair::new();
    let served = Served::start(Some(pair.load().unwrap())).await;
    assert!(served.is_served(&first).await);

    let second = pair.renew();
    served.until_served(&second).await;
    assert!(!served.is_served(&first).await);

    // A certificate with another's key, for longer than it takes to be looked at twice.
    let (other, _) = Pair::new();
    fs::copy(other.key(), pair.key()).unwrap();
    sleep(Duration::from_millis(2_500)).await;
    assert!(served.is_served(&second).await);

    let third = pair.renew();
    served.until_served(&third).await;
}

#[test]
fn what_cannot_be_served_is_named() {
    let (pair, _) = Pair::new();
    let (other, _) = Pair::new();
    let missing = Tls::load(&pair.folder.path().join("none"), &pair.key());
    assert!(matches!(missing, Err(TlsError::File { path, .. }) if path.ends_with("none")));
    let swapped = Tls::load(&pair.key(), &pair.certificate());
    assert!(matches!(
        swapped,
        Err(TlsError::Pem {
            wanted: "certificate",
            ..
        })
    ));
    let no_key = Tls::load(&pair.certificate(), &pair.certificate());
    assert!(matches!(
        no_key,
        Err(TlsError::Pem {
            wanted: "private key",
            ..
        })
    ));
    let anothers = Tls::load(&pair.certificate(), &other.key());
    assert!(matches!(anothers, Err(TlsError::Pair { .. })));
    pair.load().unwrap();
}
