//! Limits that replicas share, on a real Redis: see `make stack`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jiff::Timestamp;
use onedoor_limits::{Limited, Limits};
use onedoor_model::{
    audit::RateLimited,
    ids::ServerId,
    principal::Principal,
    registry::{RateLimit, RateLimits},
};
use onedoor_redis::Redis;
use onedoor_redis_testing::{Fault, Keys, Raw, Way, url};
use onedoor_secrets::Secrets;
use uuid::Uuid;

const FINANCE: ServerId = ServerId(Uuid::from_u128(1));
const HR: ServerId = ServerId(Uuid::from_u128(2));

/// So many calls at once, and then hardly any.
fn burst(burst: u32) -> Option<RateLimit> {
    Some(RateLimit { per_minute: 1, burst })
}

fn per_user(limit: u32) -> RateLimits {
    RateLimits {
        per_user: burst(limit),
        ..RateLimits::default()
    }
}

fn user(name: &str) -> Principal {
    Principal {
        issuer: "entra".parse().unwrap(),
        tenant: "contoso".parse().unwrap(),
        user: Some(name.parse().unwrap()),
        display_name: None,
        client: "app".parse().unwrap(),
        groups: BTreeSet::new(),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        token_id: "id".to_owned(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.unwrap()
}

async fn redis(keys: &Keys, url: &str) -> Redis {
    let redis = Redis::open(&keys.options(url, &[1]), &Secrets::default()).unwrap();
    in_time(redis.up()).await;
    redis
}

async fn replica(keys: &Keys) -> Limits {
    Limits::new(Some(redis(keys, &url()).await))
}

/// Makes calls until one is refused: how many were let through, and why the next one was not.
async fn until_limited(
    limits: &Limits,
    caller: &Principal,
    server: ServerId,
    set: &RateLimits,
) -> (usize, Limited) {
    for passed in 0..1_000 {
        if let Err(limited) = limits.check(caller, server, set).await {
            return (passed, limited);
        }
    }
    unreachable!("no limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_let_as_many_through_together_as_the_limit_says() {
    let keys = Keys::new();
    let replicas = [Arc::new(replica(&keys).await), Arc::new(replica(&keys).await)];
    let calls = (0..100).map(|number: usize| {
        let limits = Arc::clone(&replicas[number % 2]);
        tokio::spawn(async move { limits.check(&user("ada"), FINANCE, &per_user(20)).await })
    });
    let (passed, limited): (Vec<_>, Vec<_>) = join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .partition(Result::is_ok);
    assert_eq!((passed.len(), limited.len()), (20, 80));
    let limited = limited[0].unwrap_err();
    assert_eq!(limited.by, RateLimited::PerUser);
    let wait = limited.retry_after;
    assert!(
        wait > Duration::from_secs(40) && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    let other = until_limited(&replicas[0], &user("bob"), HR, &per_user(20)).await;
    assert_eq!(other.0, 20, "another user has a limit of their own");
    let changed = until_limited(&replicas[1], &user("ada"), FINANCE, &per_user(3)).await;
    assert_eq!(changed.0, 3, "another limit begins anew");
}

#[tokio::test]
async fn a_call_is_counted_for_all_or_for_none() {
    let keys = Keys::new();
    let limits = replica(&keys).await;
    let set = RateLimits {
        per_user: burst(5),
        per_client: burst(7),
        per_server: burst(2),
    };
    let (ada, bob) = (user("ada"), user("bob"));
    let (passed, limited) = until_limited(&limits, &ada, FINANCE, &set).await;
    assert_eq!((passed, limited.by), (2, RateLimited::PerServer));
    for _ in 0..10 {
        limits.check(&ada, FINANCE, &set).await.unwrap_err();
    }
    let servers = [HR, ServerId(Uuid::from_u128(3))];
    for server in servers {
        // What the server's limit refused does not count for the user.
        limits.check(&ada, server, &set).await.unwrap();
    }
    limits.check(&ada, HR, &set).await.unwrap();
    let refused = limits.check(&ada, servers[1], &set).await.unwrap_err();
    assert_eq!(refused.by, RateLimited::PerUser);
    limits.check(&bob, servers[1], &set).await.unwrap();
    let free = ServerId(Uuid::from_u128(4));
    limits.check(&bob, free, &set).await.unwrap();
    let refused = limits.check(&bob, free, &set).await.unwrap_err();
    assert_eq!(
        refused.by,
        RateLimited::PerClient,
        "both users' calls count for the app"
    );
}

#[tokio::test]
async fn a_call_is_let_through_again_after_the_time_that_was_told() {
    let keys = Keys::new();
    let limits = replica(&keys).await;
    let set = RateLimits {
        per_server: Some(RateLimit {
            per_minute: 120,
            burst: 1,
        }),
        ..RateLimits::default()
    };
    limits.check(&user("ada"), FINANCE, &set).await.unwrap();
    let asked = Instant::now();
    let Limited { retry_after, .. } = limits.check(&user("ada"), FINANCE, &set).await.unwrap_err();
    assert!(retry_after <= Duration::from_millis(500));
    in_time(async { while limits.check(&user("ada"), FINANCE, &set).await.is_err() {} }).await;
    assert!(
        asked.elapsed() >= retry_after,
        "{:?} {retry_after:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn without_redis_each_replica_holds_to_the_limit_by_itself() {
    for fault in [Fault::Down, Fault::Hangs, Fault::Garbage, Fault::DiesInAnswer] {
        let (keys, way) = (Keys::new(), Way::to(&url()).await);
        let redis = redis(&keys, &way.url()).await;
        let (behind, direct) = (Limits::new(Some(redis.clone())), replica(&keys).await);
        let ada = user("ada");
        assert_eq!(until_limited(&direct, &ada, FINANCE, &per_user(4)).await.0, 4);
        way.fails(fault);
        let begun = Instant::now();
        assert_eq!(
            until_limited(&behind, &ada, FINANCE, &per_user(4)).await.0,
            4,
            "{fault:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(2), "{fault:?}");
        way.fails(Fault::None);
        in_time(redis.up()).await;
        assert_eq!(
            until_limited(&behind, &ada, FINANCE, &per_user(4)).await.0,
            0,
            "{fault:?}: shared again"
        );
        assert_eq!(
            until_limited(&Limits::new(None), &ada, FINANCE, &per_user(4))
                .await
                .0,
            4
        );
        Raw::of(&keys).await.flush().await;
        assert_eq!(
            until_limited(&behind, &ada, FINANCE, &per_user(4)).await.0,
            4,
            "{fault:?}: flushed"
        );
    }
}

#[tokio::test]
async fn whatever_stands_in_redis_locks_nobody_out_and_tells_nothing() {
    let keys = Keys::new();
    let (redis, mut raw) = (redis(&keys, &url()).await, Raw::of(&keys).await);
    let limits = Limits::new(Some(redis.clone()));
    let ada = user("ada");
    limits.check(&ada, FINANCE, &per_user(4)).await.unwrap();
    let name = raw.name(":rate:").await;
    assert!(!name.contains("ada") && !name.contains("contoso"), "{name}");
    let ttl = raw.ttl_ms(&name).await;
    assert!(ttl > 0 && ttl <= 60_000, "{ttl}");
    for value in [
        "",
        "nonsense",
        "-1",
        "inf",
        "nan",
        "99999999999999999999",
        "\u{0}",
    ] {
        raw.set(&name, value.as_bytes()).await;
        let passed = until_limited(&limits, &ada, FINANCE, &per_user(4)).await.0;
        assert_eq!(passed, 4, "{value:?}");
    }
    raw.set_list(&name).await;
    let passed = until_limited(&limits, &ada, FINANCE, &per_user(4)).await.0;
    assert_eq!(passed, 4, "a list");
    assert_eq!(redis.counts().failures, 0, "it was Redis that let them through");
}

#[tokio::test]
async fn what_is_not_limited_asks_nobody() {
    let keys = Keys::new();
    let redis = redis(&keys, &url()).await;
    let limits = Limits::new(Some(redis.clone()));
    for _ in 0..100 {
        limits
            .check(&user("ada"), FINANCE, &RateLimits::default())
            .await
            .unwrap();
    }
    assert_eq!(redis.counts().questions, 0);
}
