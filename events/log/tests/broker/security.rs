//! Brokers that want to know who comes, and say who they are.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use onedoor_log::{
    ClientCertificate, EventLog, KafkaOptions, OpenError, Options, Partition, Password, PasswordMechanism,
    Sasl, Stream, Tail, Tls,
};
use onedoor_model::ids::Offset;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::broker::{Access, Broker};

const P0: Partition = Partition(0);
const TOKEN_LASTS: Duration = Duration::from_secs(4);

/// Files of an authority, and of those it vouches for.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let keys = Self(TempDir::new().unwrap());
        keys.write("ca.pem", &pem("CERTIFICATE", authority.der()));
        for name in ["localhost", "gateway"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let certificate = pem("CERTIFICATE", params.signed_by(&key, &authority).unwrap().der());
            let key = pem("PRIVATE KEY", &key.serialize_der());
            keys.write(&format!("{name}.key"), &key);
            keys.write(&format!("{name}.pem"), &certificate);
            // Java wants both in one file.
            keys.write(&format!("{name}.both"), &(key + &certificate));
        }
        keys
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The broker's side.
    fn properties(&self) -> String {
        let place = |name| self.path(name).display().to_string();
        let of = "listener.name.client.ssl";
        format!(
            "{of}.keystore.type=PEM\n{of}.keystore.location={}\n{of}.truststore.type=PEM\n{of}.truststore.location={}\n",
            place("localhost.both"),
            place("ca.pem")
        )
    }

    /// The client's side.
    fn tls(&self) -> Tls {
        Tls {
            ca: Some(self.path("ca.pem")),
            client: None,
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

async fn open(broker: &Broker, tls: Option<Tls>, sasl: Option<Sasl>) -> Result<Arc<dyn EventLog>, OpenError> {
    let options = Options {
        kafka: KafkaOptions {
            tls,
            sasl,
            ..KafkaOptions::default()
        },
        ..Options::default()
    };
    onedoor_log::open_with(&broker.url(), options).await
}

/// What a client can do: make topics, append, and read back.
async fn works(broker: &Broker, tls: Option<Tls>, sasl: Option<Sasl>) -> Result<(), OpenError> {
    let log = open(broker, tls, sasl).await?;
    let mut tail = Tail::new(
        log.clone(),
        Stream::Audit,
        P0,
        log.bounds(Stream::Audit, P0).await.unwrap().end,
    );
    let event = Bytes::from_static(b"event");
    log.append(Stream::Audit, P0, vec![event.clone()]).await.unwrap();
    assert_eq!(tail.next().await.unwrap()[0].bytes, event);
    log.close().await;
    Ok(())
}

/// A client goes on, on the same connections, when the tokens that it showed first have ended.
async fn outlives_its_token(broker: &Broker, tls: Tls, sasl: Sasl) {
    let log = open(broker, Some(tls), Some(sasl)).await.unwrap();
    let begun = Instant::now();
    let mut tail = Tail::new(log.clone(), Stream::Registry, P0, Offset(0));
    let mut seen = 0;
    while begun.elapsed() < 2 * TOKEN_LASTS {
        let event = Bytes::from_static(b"event");
        log.append(Stream::Registry, P0, vec![event]).await.unwrap();
        seen += tail.next().await.unwrap().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(seen > 1);
    log.close().await;
}

/// No broker lets the client in, and the reason is told.
fn is_kept_out(outcome: &Result<(), OpenError>, reason: &str) -> bool {
    matches!(outcome, Err(OpenError::Unreachable { source, .. }) if source.to_string().contains(reason))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sasl_says_who_comes() {
    let keys = Keys::new();
    let scram = |name| {
        format!(
            "listener.name.client.{name}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        )
    };
    let properties = [
        keys.properties(),
        "listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER\n".to_owned(),
        scram("scram-sha-512"),
        scram("scram-sha-256"),
        "listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_onedoor=\"secret\";\n".to_owned(),
        // Takes tokens that nobody signed: how they are got is what is tested.
        // Whoever stays must show a token again before the last one ends.
        "listener.name.client.oauthbearer.connections.max.reauth.ms=3600000\n".to_owned(),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n".to_owned(),
        "super.users=User:ANONYMOUS;User:onedoor;User:gateway\n".to_owned(),
        "listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";\n".to_owned(),
    ];
    let broker = Broker::start_with(&Access {
        protocol: "SASL_SSL",
        properties: &properties.concat(),
        told: None,
        format: &[
            "--add-scram",
            "SCRAM-SHA-512=[name=onedoor,password=secret]",
            "--add-scram",
            "SCRAM-SHA-256=[name=onedoor,password=secret]",
            "--add-scram",
            "SCRAM-SHA-512=[name=stranger,password=secret]",
        ],
    })
    .await;
    let by_name = |mechanism, user: &str, password| Sasl::Password {
        mechanism,
        user: user.to_owned(),
        password: Password::new(password),
    };
    let by_password = |mechanism, password| by_name(mechanism, "onedoor", password);
    for mechanism in [
        PasswordMechanism::ScramSha512,
        PasswordMechanism::ScramSha256,
        PasswordMechanism::Plain,
    ] {
        works(&broker, Some(keys.tls()), Some(by_password(mechanism, "secret")))
            .await
            .unwrap();
    }
    let oauth = |client_secret, token_endpoint| Sasl::OAuthBearer {
        token_endpoint,
        client_id: "gateway".to_owned(),
        client_secret: Password::new(client_secret),
        scope: Some("kafka".to_owned()),
    };
    let endpoint = token_endpoint().await;
    works(&broker, Some(keys.tls()), Some(oauth("secret", endpoint.clone())))
        .await
        .unwrap();
    let outlived = outlives_its_token(&broker, keys.tls(), oauth("secret", endpoint.clone()));
    tokio::time::timeout(10 * TOKEN_LASTS, outlived).await.unwrap();

    // Whoever cannot say who he is, or does not believe the broker, does not come in.
    let scram = PasswordMechanism::ScramSha512;
    let (wrong_password, wrong_secret, no_authority) = tokio::join!(
        works(&broker, Some(keys.tls()), Some(by_password(scram, "guessed"))),
        works(&broker, Some(keys.tls()), Some(oauth("guessed", endpoint))),
        works(&broker, Some(Tls::default()), Some(by_password(scram, "secret"))),
    );
    for (outcome, reason) in [
        (wrong_password, "Authentication failed"),
        (wrong_secret, "invalid_client"),
        (no_authority, "certificate verify failed"),
    ] {
        assert!(is_kept_out(&outcome, reason), "{outcome:?}");
    }
    let stranger = by_name(scram, "stranger", "secret");
    let without_rights = works(&broker, Some(keys.tls()), Some(stranger)).await;
    assert!(
        matches!(&without_rights, Err(OpenError::NotAllowed { topic, .. }) if topic == "onedoor.registry"),
        "{without_rights:?}"
    );
    let in_plain_text = works(
        &broker,
        None,
        Some(by_password(PasswordMechanism::Plain, "secret")),
    )
    .await;
    let error = in_plain_text.unwrap_err();
    assert!(
        matches!(error, OpenError::InvalidOption { option: "sasl", .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_says_who_comes() {
    let keys = Keys::new();
    let properties = keys.properties() + "listener.name.client.ssl.client.auth=required\n";
    let broker = Broker::start_with(&Access {
        protocol: "SSL",
        properties: &properties,
        ..Access::default()
    })
    .await;
    let shown = Tls {
        client: Some(ClientCertificate {
            certificate: keys.path("gateway.pem"),
            key: keys.path("gateway.key"),
        }),
        ..keys.tls()
    };
    works(&broker, Some(shown.clone()), None).await.unwrap();
    let (not_shown, in_plain_text) =
        tokio::join!(works(&broker, Some(keys.tls()), None), works(&broker, None, None));
    for outcome in [not_shown, in_plain_text] {
        assert!(is_kept_out(&outcome, ""), "{outcome:?}");
    }
    let missing = Tls {
        ca: Some(keys.path("nothing.pem")),
        ..shown
    };
    let error = works(&broker, Some(missing), None).await.unwrap_err();
    assert!(matches!(error, OpenError::Io { path, .. } if path == keys.path("nothing.pem")));
}

/// Issues tokens to whoever knows the secret.
async fn token_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(issue(client));
        }
    });
    url
}

async fn issue(mut client: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"scope=kafka") {
        if client.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.contains("grant_type=client_credentials"), "{request}");
    let knows = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode("gateway:secret")
    );
    let (status, body) = if request.contains(&knows) {
        let now = jiff::Timestamp::now().as_second();
        let claims = format!(
            r#"{{"sub":"gateway","iat":{now},"exp":{}}}"#,
            now + TOKEN_LASTS.as_secs().cast_signed()
        );
        let token = format!(
            "{}.{}.",
            BASE64.encode(r#"{"alg":"none"}"#),
            BASE64.encode(claims)
        );
        (
            "200 OK",
            format!(
                r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{}}}"#,
                TOKEN_LASTS.as_secs()
            ),
        )
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = client.write_all(answer.as_bytes()).await;
}
