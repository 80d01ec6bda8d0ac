//! Several replicas' exchanges with one Redis.

use std::sync::Arc;

use jiff::Timestamp;
use onedoor_demo::idp::directory::MANAGER;
use onedoor_exchange::{Exchange, NoTokenB, SharedCounts, TokenB, UnusableAnswer};
use onedoor_redis::Redis;
use onedoor_redis_testing::{Keys, Raw, url};
use onedoor_secrets::Secrets;

use crate::{
    scene::{Scene, in_time, obtain},
    world::World,
};

/// Replicas that ask at the same provider.
struct Replicas {
    scene: Scene,
    keys: Keys,
}

impl Replicas {
    async fn new() -> Self {
        Self {
            scene: Scene::with_the_development_provider().await,
            keys: Keys::new(),
        }
    }

    async fn one(&self) -> Arc<Exchange> {
        let options = self.keys.options(&url(), &[1]);
        let redis = Redis::open(&options, &Secrets::default()).unwrap();
        in_time(redis.up()).await;
        Arc::new(self.scene.replica(redis))
    }
}

async fn text(exchange: &Exchange, world: &World, token_a: &str) -> String {
    let token: TokenB = obtain(exchange, world, token_a, Timestamp::now()).await.unwrap();
    let header = token.into_header();
    header
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_make_one_exchange_in_all() {
    let replicas = Replicas::new().await;
    let scene = &replicas.scene;
    let (world, token_a) = (
        scene.call_by_analyst(),
        scene.token_a(&onedoor_demo::idp::directory::ANALYST).await,
    );
    let (one, two) = (replicas.one().await, replicas.one().await);
    scene.gate.close();
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let exchange = Arc::clone(if number % 2 == 0 { &one } else { &two });
            let (world, token_a) = (world.clone(), token_a.clone());
            tokio::spawn(async move { text(&exchange, &world, &token_a).await })
        })
        .collect();
    scene.gate.asked_for(1).await;
    scene.gate.open();
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(in_time(call).await.unwrap());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), scene.gate.asked()), (1, 1));
    let counts = [&one, &two].map(|exchange| exchange.shared_counts().unwrap());
    assert_eq!(
        counts.map(|counts| counts.hits).iter().sum::<u64>(),
        1,
        "{counts:?}"
    );
    let late = replicas.one().await;
    assert_eq!(text(&late, &world, &token_a).await, tokens[0]);
    assert_eq!(scene.gate.asked(), 1);
    assert_eq!(
        late.shared_counts(),
        Some(SharedCounts {
            hits: 1,
            misses: 0,
            unreadable: 0
        })
    );
    assert_eq!(scene.exchange.shared_counts(), None);
    text(&scene.exchange, &world, &token_a).await;
    assert_eq!(scene.gate.asked(), 2, "an exchange with no Redis asks for itself");
}

#[tokio::test]
async fn nothing_in_redis_tells_a_token_or_who_it_is_for() {
    let replicas = Replicas::new().await;
    let scene = &replicas.scene;
    let (world, token_a) = (scene.world(&MANAGER), scene.token_a(&MANAGER).await);
    let token_b = text(&*replicas.one().await, &world, &token_a).await;
    let mut raw = Raw::of(&replicas.keys).await;
    in_time(async { while raw.names().await.len() != 1 {} }).await;
    let name = raw.name("token-b").await;
    let value = raw.get(&name).await;
    assert!(value.len() > token_b.len(), "the token is in there");
    let user = world.user.clone().unwrap();
    let signature = token_b.rsplit('.').next().unwrap();
    let secrets = [&token_b, &token_a, &user, signature, world.audience, world.scope];
    let stands_there = |text: &str, bytes: &[u8]| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    for secret in secrets {
        assert!(!stands_there(secret, name.as_bytes()), "{secret}");
        assert!(!stands_there(secret, &value), "{secret}");
        assert!(
            stands_there(secret, format!("a {secret} z").as_bytes()),
            "it would be seen"
        );
    }
}

/// As if whoever has the key had put it there.
#[tokio::test]
async fn another_users_token_is_not_passed_on_though_it_stands_in_the_right_place() {
    let replicas = Replicas::new().await;
    let scene = &replicas.scene;
    let token_a = scene.token_a(&MANAGER).await;
    let (one, two) = (replicas.one().await, replicas.one().await);
    text(&one, &scene.world(&MANAGER), &token_a).await;
    let mut raw = Raw::of(&replicas.keys).await;
    in_time(async { while raw.names().await.len() != 1 {} }).await;
    let another = obtain(&two, &scene.call_by_analyst(), &token_a, Timestamp::now()).await;
    assert!(
        matches!(another, Err(NoTokenB::Unusable(UnusableAnswer::User))),
        "{another:?}"
    );
    assert_eq!(scene.gate.asked(), 2, "it was asked for anew");
    assert_eq!(two.shared_counts().unwrap().hits, 0);
}

#[tokio::test]
async fn a_block_puts_what_was_shared_before_out_of_reach() {
    let replicas = Replicas::new().await;
    let scene = &replicas.scene;
    let (before, token_a) = (scene.world(&MANAGER), scene.token_a(&MANAGER).await);
    let after = World {
        was_blocked: true,
        ..before.clone()
    };
    let (one, two) = (replicas.one().await, replicas.one().await);
    let old = text(&one, &before, &token_a).await;
    let new = text(&one, &after, &token_a).await;
    assert_ne!(old, new);
    assert_eq!(text(&two, &after, &token_a).await, new);
    assert_eq!(scene.gate.asked(), 2);
    assert_eq!(
        text(&two, &before, &token_a).await,
        old,
        "it is still there for who has not heard"
    );
}
