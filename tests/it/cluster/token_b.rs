//! Token B obtained by one replica serves them all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use onedoor_tests::{cluster::Cluster, idp::TENANT, mcp::Mcp, proxy::Way, token::Token, wait};
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use uuid::Uuid;

const OBO: &str = "on-behalf-of";
const AUDIENCE: &str = "api://on-behalf-of";

/// A token endpoint that gives another token each time it is asked.
struct Provider {
    asking: Arc<Asking>,
    url: String,
    _task: JoinSet<()>,
}

struct Asking {
    asked: AtomicUsize,
    /// One for each answer that may be given.
    answers: Semaphore,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asking = Arc::new(Asking {
            asked: AtomicUsize::new(0),
            answers: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/token", post(answer))
            .with_state(Arc::clone(&asking));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            asking,
            url,
            _task: task,
        }
    }

    fn asked(&self) -> usize {
        self.asking.asked.load(Ordering::SeqCst)
    }

    /// Lets so many answers go.
    fn answer(&self, answers: usize) {
        self.asking.answers.add_permits(answers);
    }
}

/// A token for the user of the one that is exchanged.
async fn answer(State(asking): State<Arc<Asking>>, form: String) -> Json<Value> {
    asking.asked.fetch_add(1, Ordering::SeqCst);
    asking.answers.acquire().await.unwrap().forget();
    let form = Url::parse(&format!("http://form?{form}")).unwrap();
    let (_, token_a) = form.query_pairs().find(|(name, _)| name == "assertion").unwrap();
    let user = &Token::new(token_a).claims()["oid"];
    let exp = Timestamp::now().as_second() + 3_600;
    let claims = json!({ "aud": AUDIENCE, "tid": TENANT, "oid": user, "exp": exp, "uti": Uuid::new_v4() });
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let token = format!("{}.{}.c2ln", part(json!({ "alg": "RS256" })), part(claims));
    Json(json!({ "token_type": "Bearer", "expires_in": 3_600, "access_token": token }))
}

/// A cluster of two, whose server takes tokens of this provider, and the folder of the gateway's secret.
async fn cluster(provider: &Provider) -> (Cluster, TempDir) {
    let (cluster, folder) = (Cluster::start(2).await, TempDir::new().unwrap());
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret").unwrap();
    let client = json!({
        "tokenEndpoint": provider.url,
        "client": "gateway",
        "credential": { "secret": format!("file:{}", secret.display()) },
    });
    let admin = cluster.admin(0);
    admin
        .change_issuer("corp", |issuer| issuer["onBehalfOf"] = client)
        .await;
    let mut manifest = cluster.upstream.manifest(OBO);
    "entra-obo".clone_into(&mut manifest.strategy);
    AUDIENCE.clone_into(&mut manifest.audience);
    cluster.open(&manifest).await;
    (cluster, folder)
}

/// Waits until all replicas have Redis.
async fn redis_is_up(cluster: &Cluster) {
    for gateway in &cluster.gateways {
        wait::until("a replica to have Redis", async || {
            let up = cluster.shows(&gateway.admin_url, "onedoor_redis_up 1").await;
            up.then_some(())
        })
        .await;
    }
}

/// Calls through both replicas at once, again and again: the tokens that reached the tool, each once.
async fn tokens(cluster: &Cluster, token_a: &Token) -> Vec<String> {
    let before = cluster.upstream.requests().len();
    let calls = (0..6).map(async |number| {
        let endpoint = cluster.endpoint(number % 2, OBO);
        let answer = Mcp::new(&cluster.http, &endpoint, token_a)
            .call("echo", json!({}))
            .await;
        assert!(answer.is_answered(), "{}", answer.text);
    });
    join_all(calls).await;
    let requests = &cluster.upstream.requests()[before..];
    assert_eq!(requests.len(), 6);
    let tokens = requests.iter().map(|request| request.header("authorization"));
    let mut tokens: Vec<_> = tokens.map(|token| token.unwrap().to_owned()).collect();
    tokens.sort();
    tokens.dedup();
    tokens
}

#[tokio::test]
async fn replicas_make_one_exchange_together_and_each_its_own_without_redis() {
    let provider = Provider::start().await;
    let (mut cluster, _secret) = cluster(&provider).await;
    redis_is_up(&cluster).await;
    let token_a = cluster.token();
    let (first, ()) = tokio::join!(tokens(&cluster, &token_a), async {
        wait::until("an exchange", async || (provider.asked() == 1).then_some(())).await;
        provider.answer(1);
    });
    assert_eq!((first.len(), provider.asked()), (1, 1));

    // One that has kept nothing finds it, too.
    let replica = &mut cluster.gateways[1];
    replica.process.stop_and_restart().await;
    cluster.ready().await;
    redis_is_up(&cluster).await;
    assert_eq!(tokens(&cluster, &token_a).await, first);
    assert_eq!(provider.asked(), 1);

    // What was obtained before a block is out of reach everywhere, also for tokens that the block lets pass.
    let long_ago = Timestamp::now() - SignedDuration::from_hours(3);
    let user = json!({ "issuer": "corp", "tenant": TENANT, "user": "caller" });
    let block = json!({ "user": user, "notBefore": long_ago });
    cluster.admin(0).post("/blocks", block).await.expect(201);
    cluster.agreed().await;
    provider.answer(1);
    let second = tokens(&cluster, &token_a).await;
    assert_eq!((second.len(), provider.asked()), (1, 2));
    assert_ne!(second, first);

    for gateway in &cluster.gateways {
        gateway.redis.set(Way::Cut);
    }
    provider.answer(2);
    let alone = tokens(&cluster, &cluster.token_of("another")).await;
    assert_eq!((alone.len(), provider.asked()), (2, 4), "each asks for itself");
}
