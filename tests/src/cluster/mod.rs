//! Onedoor as separate processes: any number of `onedoor gateway` and `onedoor projector` on real Kafka, PostgreSQL and Redis,
//! with topics, a schema and keys of their own, an identity provider that signs anything, and an upstream that keeps what it was sent.
//!
//! Each replica reaches PostgreSQL and Redis by ways of its own that can fail ([`crate::proxy`]), and Kafka too where the brokers
//! are the test's own ([`crate::stack::brokers`]).

mod config;
mod gateway;
pub mod process;
mod projector;
mod record;

use std::{fs::File, io::Write as _, os::unix::fs::OpenOptionsExt as _, sync::Arc};

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

pub use self::{gateway::Gateway, projector::Projector, record::Written};
use crate::{
    admin::Admin,
    binary,
    idp::{ADMIN_AUDIENCE, Idp},
    manifest::Manifest,
    mcp::Mcp,
    proxy::Way,
    stack::{Stack, brokers::Brokers},
    token::Token,
    upstream::Upstream,
    wait,
};

/// The slug of the upstream, all tools of which [`Cluster::token`] may call.
pub const SLUG: &str = "edge";
/// The user whom the bootstrap file makes the first admin.
const FIRST_ADMIN: &str = "ann";
/// In seconds.
const HOUR: i64 = 3_600;
/// The group that may call.
pub const CALLERS: &str = "callers";

/// A running cluster. Dropped, its processes are killed.
#[derive(Debug)]
pub struct Cluster {
    /// A client without proxies.
    pub http: Client,
    /// The issuer of all tokens.
    pub idp: Idp,
    /// What all calls lead to.
    pub upstream: Upstream,
    /// The replicas of the gateway.
    pub gateways: Vec<Gateway>,
    /// The projectors, one of which is active.
    pub projectors: Vec<Projector>,
    /// The brokers, where they are the test's own.
    pub brokers: Option<Brokers>,
    site: Arc<Site>,
    folder: TempDir,
}

/// What all processes of a cluster share.
#[derive(Debug)]
struct Site {
    /// Topics, schema and Redis keys begin with it.
    name: String,
    /// The URL that stands in tokens and metadata: the first replica's.
    public_url: String,
    /// The issuer as the bootstrap file has it.
    issuer: String,
    replication: u16,
}

impl Cluster {
    /// So many replicas and one projector, on the stack's one broker.
    pub async fn start(gateways: usize) -> Self {
        Self::started(gateways, 1, None).await
    }

    /// So many replicas and projectors, on brokers that were started for as many clients as there are replicas.
    pub async fn start_on(brokers: Brokers, gateways: usize, projectors: usize) -> Self {
        Self::started(gateways, projectors, Some(brokers)).await
    }

    async fn started(gateways: usize, projectors: usize, brokers: Option<Brokers>) -> Self {
        let folder = TempDir::new().unwrap();
        let (idp, upstream) = tokio::join!(Idp::start("corp"), Upstream::start());
        let ports: Vec<_> = (0..gateways).map(|_| gateway::Ports::free()).collect();
        let site = Arc::new(Site {
            name: format!("t{}", Uuid::new_v4().simple()),
            public_url: ports[0].data_url(),
            issuer: idp.registration_toml(),
            replication: if brokers.is_some() { 3 } else { 1 },
        });
        make_keys(&folder).await;
        let direct = brokers
            .as_ref()
            .map_or(Stack::running().kafka.clone(), Brokers::direct);
        let projecting = (0..projectors)
            .map(async |number| Projector::start(number, &direct, Arc::clone(&site), folder.path()).await);
        let serving = ports.into_iter().enumerate().map(async |(number, ports)| {
            let own = brokers.as_ref().map(|brokers| brokers.of_client(number));
            let kafka = own.as_ref().unwrap_or(&direct);
            Gateway::start(number, ports, kafka, Arc::clone(&site), folder.path()).await
        });
        let (projectors, gateways) = tokio::join!(join_all(projecting), join_all(serving));
        let http = Client::builder().no_proxy().build().unwrap();
        let mut cluster = Self {
            http,
            idp,
            upstream,
            gateways,
            projectors,
            brokers,
            site,
            folder,
        };
        cluster.ready().await;
        cluster.open(&cluster.upstream.manifest(SLUG)).await;
        cluster
    }

    /// Registers a server that [`Self::token`] may call, and waits until every replica knows it.
    pub async fn open(&self, manifest: &Manifest) {
        let admin = self.admin(0);
        admin.open(manifest).await;
        admin
            .grant(&self.idp.group(CALLERS), &manifest.slug, None, "production")
            .await;
        self.agreed().await;
    }

    /// Waits until every process says it is ready.
    pub async fn ready(&mut self) {
        for gateway in &mut self.gateways {
            gateway.ready(&self.http).await;
        }
        for projector in &mut self.projectors {
            projector.ready(&self.http).await;
        }
    }

    /// Waits until every replica has folded all that is in the registry.
    pub async fn agreed(&self) {
        let end = self.end_of_registry().await;
        for number in 0..self.gateways.len() {
            let admin = self.admin(number);
            wait::until("a replica to know all", async || {
                let servers = admin.get(&format!("/servers?at_least={}", end - 1)).await;
                (servers.status == 200).then_some(())
            })
            .await;
        }
    }

    /// The admin API of a replica, as the first admin.
    #[must_use]
    pub fn admin(&self, gateway: usize) -> Admin {
        Admin::new(&self.http, &self.gateways[gateway].admin_url, &self.admin_token())
    }

    /// The first admin's token for the admin plane.
    #[must_use]
    pub fn admin_token(&self) -> Token {
        let mut claims = self.claims(FIRST_ADMIN, &[]);
        claims["aud"] = json!(ADMIN_AUDIENCE);
        self.idp.sign(&claims)
    }

    /// A token of somebody who may call everything.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token_of("caller")
    }

    /// A token of this user, who may call everything.
    #[must_use]
    pub fn token_of(&self, user: &str) -> Token {
        self.idp.sign(&self.claims(user, &[CALLERS]))
    }

    /// Claims that are good by clocks that are an hour wrong, too.
    fn claims(&self, user: &str, groups: &[&str]) -> Value {
        let mut claims = self.idp.claims(user, groups);
        let now = Timestamp::now().as_second();
        for (claim, time) in [
            ("iat", now - 2 * HOUR),
            ("nbf", now - 2 * HOUR),
            ("exp", now + 2 * HOUR),
        ] {
            claims[claim] = json!(time);
        }
        claims
    }

    /// The upstream's endpoint at a replica, as somebody who may call everything.
    #[must_use]
    pub fn mcp(&self, gateway: usize) -> Mcp {
        self.mcp_with(gateway, &self.token())
    }

    /// The upstream's endpoint at a replica, with this token.
    #[must_use]
    pub fn mcp_with(&self, gateway: usize, token: &Token) -> Mcp {
        Mcp::new(&self.http, &self.endpoint(gateway, SLUG), token)
    }

    /// The URL of a server's endpoint at a replica.
    #[must_use]
    pub fn endpoint(&self, gateway: usize, slug: &str) -> String {
        format!("{}/servers/{slug}/mcp", self.gateways[gateway].data_url)
    }

    /// Changes all replicas' ways to Redis, and waits until they have noticed. Where it goes away, calls must be asking it.
    pub async fn redis(&self, way: Way) {
        let told = format!("onedoor_redis_up {}", u8::from(way == Way::Open));
        for gateway in &self.gateways {
            gateway.redis.set(way);
        }
        for (number, gateway) in self.gateways.iter().enumerate() {
            wait::until("what a replica says of Redis", async || {
                self.mcp(number).call("echo", json!({})).await;
                self.shows(&gateway.admin_url, &told).await.then_some(())
            })
            .await;
        }
    }

    /// Whether the metrics below a URL have a line that begins so. A process that does not answer shows nothing.
    pub async fn shows(&self, url: &str, line: &str) -> bool {
        let Ok(answer) = self.http.get(format!("{url}/metrics")).send().await else {
            return false;
        };
        let page = answer.text().await.unwrap_or_default();
        page.lines().any(|found| found.starts_with(line))
    }

    /// What a read of the admin API says at each replica.
    pub async fn everywhere(&self, path: &str) -> Vec<Value> {
        let reads = (0..self.gateways.len()).map(async |gateway| {
            let admin = self.admin(gateway);
            admin.get(path).await.expect(200).body
        });
        join_all(reads).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the cluster's logs are in {}", self.folder.path().display());
        }
    }
}

/// The keys that all replicas share.
async fn make_keys(folder: &TempDir) {
    let mut generate = Command::new(binary::onedoor());
    generate
        .args(["keys", "generate", "--into"])
        .arg(folder.path().join("keys"));
    process::run(&mut generate).await;
    let mut key = [0; 32];
    rand::fill(&mut key).unwrap();
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.path().join("redis.key"));
    file.unwrap().write_all(STANDARD.encode(key).as_bytes()).unwrap();
}
