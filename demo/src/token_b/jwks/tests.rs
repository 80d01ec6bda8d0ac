use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Json;
use axum::routing::get;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};

use super::*;

const LONG: Duration = Duration::from_secs(3600);

/// A published key set that can change, and how often it was read.
#[derive(Clone, Default)]
struct Published {
    set: Arc<ArcSwap<JwkSet>>,
    reads: Arc<AtomicUsize>,
}

impl Published {
    fn publish(&self, kid: &str) {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .unwrap()
            .to_pkcs8v1()
            .unwrap();
        let private = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        self.set.store(Arc::new(JwkSet { keys: vec![jwk] }));
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// Serves the set on `listener`.
    fn serve(&self, listener: tokio::net::TcpListener) {
        let this = self.clone();
        let answer = async move || {
            this.reads.fetch_add(1, Ordering::SeqCst);
            Json(JwkSet::clone(&this.set.load()))
        };
        let router = axum::Router::new().route("/jwks", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
}

async fn listener() -> (tokio::net::TcpListener, Url) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    (listener, url)
}

async fn published(kid: &str) -> (Published, Url) {
    let (listener, url) = listener().await;
    let published = Published::default();
    published.publish(kid);
    published.serve(listener);
    (published, url)
}

#[tokio::test]
async fn a_key_is_fetched_once_and_kept() {
    let (published, url) = published("one").await;
    let keys = Jwks::new(url);
    assert_eq!(published.reads(), 0, "nothing is fetched before the first token");
    for _ in 0..3 {
        keys.get("one").await.unwrap();
    }
    assert_eq!(published.reads(), 1);
}

#[tokio::test]
async fn requests_that_come_together_share_one_fetch() {
    let (published, url) = published("one").await;
    let keys = Jwks::new(url);
    let (a, b, c) = tokio::join!(keys.get("one"), keys.get("one"), keys.get("one"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(published.reads(), 1);
}

#[tokio::test]
async fn unknown_ids_do_not_flood_the_gateway() {
    let (published, url) = published("one").await;
    let keys = Jwks {
        min_interval: LONG,
        ..Jwks::new(url)
    };
    for kid in ["a", "b", "c"] {
        assert!(matches!(keys.get(kid).await, Err(KeyError::Unknown)));
    }
    assert_eq!(published.reads(), 1);
    assert!(keys.get("one").await.is_ok(), "known keys stay usable meanwhile");
}

#[tokio::test]
async fn a_new_key_is_found_and_the_withdrawn_one_forgotten() {
    let (published, url) = published("one").await;
    let keys = Jwks {
        min_interval: Duration::ZERO,
        ..Jwks::new(url)
    };
    keys.get("one").await.unwrap();
    published.publish("two");
    keys.get("two").await.unwrap();
    assert!(matches!(keys.get("one").await, Err(KeyError::Unknown)));
}

#[tokio::test]
async fn a_withdrawn_key_is_trusted_only_so_long() {
    for (max_age, trusted) in [(LONG, true), (Duration::ZERO, false)] {
        let (published, url) = published("one").await;
        let keys = Jwks {
            min_interval: Duration::ZERO,
            max_age,
            ..Jwks::new(url)
        };
        keys.get("one").await.unwrap();
        published.publish("two");
        assert_eq!(keys.get("one").await.is_ok(), trusted, "{max_age:?}");
    }
}

#[tokio::test]
async fn an_unreachable_gateway_is_not_an_unknown_key() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url: Url = format!("http://{}/jwks", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    let keys = Jwks {
        min_interval: LONG,
        ..Jwks::new(url.clone())
    };
    assert!(matches!(
        keys.get("one").await,
        Err(KeyError::Unavailable(Some(_)))
    ));
    assert!(matches!(keys.get("one").await, Err(KeyError::Unavailable(None))));

    let keys = Jwks {
        min_interval: Duration::ZERO,
        ..Jwks::new(url)
    };
    assert!(keys.get("one").await.is_err());
    let published = Published::default();
    published.publish("one");
    published.serve(socket.listen(16).unwrap());
    assert!(keys.get("one").await.is_ok(), "the gateway may come later");
}
