//! An identity provider that is served, and a gateway's exchange that asks it.

use std::{
    fs,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use jiff::{SignedDuration, Timestamp};
use onedoor_connect::{Connector, Roots};
use onedoor_demo::idp::{
    Idp, IdpConfig, TokenVersion,
    directory::{ANALYST, DATA_API, GATEWAY, GATEWAY_SECRET, MCP_CLIENT, TENANT_ID, User},
};
use onedoor_exchange::{Exchange, NoTokenB, SigningKey, TokenB};
use onedoor_model::{
    ids::CallId,
    registry::{ClientCredential, ExchangeClient, SecretRef},
};
use onedoor_redis::Redis;
use onedoor_secrets::Secrets;
use onedoor_wire::bearer::BearerToken;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore};
use url::Url;
use uuid::Uuid;

use crate::world::World;

/// How many requests came, and leave for them to be answered.
pub(crate) struct Gate {
    asked: AtomicUsize,
    open: Semaphore,
}

/// An exchange with its own folder for keys and secrets.
pub(crate) struct Scene {
    pub(crate) gate: Arc<Gate>,
    pub(crate) exchange: Exchange,
    /// Where the exchange asks.
    base: Url,
    folder: TempDir,
    /// The development identity provider, where people ask past the gate; none where another one is asked.
    people: Option<(Idp, Url)>,
}

impl Gate {
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) async fn asked_for(&self, times: usize) {
        eventually(|| self.asked() == times).await;
    }

    /// Holds every request that comes from now on, until it is opened.
    pub(crate) fn close(&self) {
        self.open.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS);
    }
}

impl Scene {
    /// With the development identity provider, whose tokens live that long.
    pub(crate) async fn with_tokens_for(lifetime: SignedDuration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listener, base) = bound().await;
        let mut config = IdpConfig::new(base.clone(), folder.path().join("idp"));
        config.token_lifetime = lifetime;
        let idp = Idp::new(config).unwrap();
        let (direct, past_the_gate) = bound().await;
        serve(direct, idp.router());
        let router = idp.router();
        Self::new(folder, listener, base, router, Some((idp, past_the_gate)))
    }

    pub(crate) async fn with_the_development_provider() -> Self {
        Self::with_tokens_for(SignedDuration::from_mins(75)).await
    }

    /// With an identity provider of the test's own.
    pub(crate) async fn with(router: Router) -> Self {
        let (listener, base) = bound().await;
        Self::new(tempfile::tempdir().unwrap(), listener, base, router, None)
    }

    fn new(
        folder: TempDir,
        listener: TcpListener,
        base: Url,
        router: Router,
        people: Option<(Idp, Url)>,
    ) -> Self {
        let gate = Arc::new(Gate {
            asked: AtomicUsize::new(0),
            open: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        serve(
            listener,
            router.layer(middleware::from_fn_with_state(Arc::clone(&gate), pass)),
        );
        let scene = Self {
            gate,
            exchange: exchange(folder.path(), None),
            base,
            folder,
            people,
        };
        scene.write("secret", GATEWAY_SECRET.expose());
        scene
    }

    /// Writes a file for the exchange to read.
    pub(crate) fn write(&self, name: &str, text: &str) -> SecretRef {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        format!("file:{}", path.display()).parse().unwrap()
    }

    /// A registry whose issuer is this provider, and a call by `user` whose Token A ends in three hours.
    pub(crate) fn world(&self, user: &User) -> World {
        World {
            client: Some(ExchangeClient {
                token_endpoint: format!("{}{{tenantid}}/oauth2/v2.0/token", self.base),
                client: GATEWAY.client_id.to_string().parse().unwrap(),
                credential: ClientCredential::Secret(self.write("secret", GATEWAY_SECRET.expose())),
            }),
            user: Some(user.object_id.to_string()),
            tenant: TENANT_ID.to_string(),
            expires: Timestamp::now().as_second() + 3 * 3_600,
            ..World::default()
        }
    }

    pub(crate) fn call_by_analyst(&self) -> World {
        self.world(&ANALYST)
    }

    /// Token A of a user of the development identity provider.
    pub(crate) async fn token_a(&self, user: &User) -> String {
        let (idp, past_the_gate) = self.people.as_ref().unwrap();
        let path = idp.endpoints().token_endpoint(TokenVersion::V2);
        let endpoint = past_the_gate.join(Url::parse(&path).unwrap().path()).unwrap();
        let form = [
            ("grant_type", "password"),
            ("username", user.username),
            ("client_id", &MCP_CLIENT.client_id.to_string()),
            ("scope", &DATA_API.default_scope()),
        ];
        let answer = reqwest::Client::new()
            .post(endpoint)
            .form(&form)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Another replica's exchange, asking at the same provider.
    pub(crate) fn replica(&self, redis: Redis) -> Exchange {
        exchange(self.folder.path(), Some(redis))
    }

    pub(crate) async fn obtain(&self, world: &World, token_a: &str) -> Result<TokenB, NoTokenB> {
        self.obtain_at(world, token_a, Timestamp::now()).await
    }

    pub(crate) async fn obtain_at(
        &self,
        world: &World,
        token_a: &str,
        now: Timestamp,
    ) -> Result<TokenB, NoTokenB> {
        obtain(&self.exchange, world, token_a, now).await
    }
}

/// What an exchange gives for a call.
pub(crate) async fn obtain(
    exchange: &Exchange,
    world: &World,
    token_a: &str,
    now: Timestamp,
) -> Result<TokenB, NoTokenB> {
    let token_a = BearerToken::parse(token_a.as_bytes()).unwrap();
    exchange
        .obtain(
            world.permit().entitlement(),
            token_a,
            CallId(Uuid::now_v7()),
            &world.snapshot(),
            now,
        )
        .await
}

/// Lets a request through the gate.
async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    gate.asked.fetch_add(1, Ordering::Relaxed);
    let leave = gate.open.acquire().await.unwrap();
    drop(leave);
    next.run(request).await
}

async fn bound() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base.parse().unwrap())
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn exchange(folder: &Path, redis: Option<Redis>) -> Exchange {
    let key = SigningKey::load_or_create(&folder.join("key.p8")).unwrap();
    let connector = Connector::new(Roots::System).unwrap();
    Exchange::new(
        "https://door.example".to_owned(),
        key,
        connector,
        Secrets::default(),
        redis,
    )
    .unwrap()
}

pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    in_time(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.unwrap()
}
