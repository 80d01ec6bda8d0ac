//! On a real Redis, with exchanges that a test brings about.

use std::{
    future::{pending, ready},
    sync::LazyLock,
};

use onedoor_model::{decide::CallPermit, ids::Revision};
use onedoor_redis_testing::{Fault, Keys, Raw, Way, url};
use onedoor_secrets::Secrets;
use onedoor_wire::bearer::BearerToken;

use super::*;
use crate::{ProviderRefusal, TokenB, world::World};

type Answer = Result<Obtained, NoTokenB>;

/// Names of tokens, in Redis.
const TOKEN: &str = ":token-b:";

/// Replicas with the same Redis.
struct Scene {
    keys: Keys,
    raw: Raw,
}

impl Scene {
    async fn new() -> Self {
        let keys = Keys::new();
        let raw = Raw::of(&keys).await;
        Self { keys, raw }
    }

    /// A replica with a ring of these keys.
    async fn replica(&self, ring: &[u8]) -> SharedCache {
        self.replica_by(&url(), ring).await
    }

    async fn replica_by(&self, url: &str, ring: &[u8]) -> SharedCache {
        let options = self.keys.options(url, ring);
        let redis = Redis::open(&options, &Secrets::default()).unwrap();
        in_time(redis.up()).await;
        SharedCache::new(redis)
    }

    /// Waits until this many tokens and no locks are there.
    async fn has(&mut self, tokens: usize) {
        in_time(async {
            loop {
                let names = self.raw.names().await;
                if names.len() == tokens && names.iter().all(|name| name.contains(TOKEN)) {
                    break;
                }
            }
        })
        .await;
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.unwrap()
}

/// Of Token A number so much.
fn subject(number: u8) -> Subject {
    static PERMIT: LazyLock<CallPermit> = LazyLock::new(|| World::default().permit());
    let token_a = [b'a' + number];
    let token_a = BearerToken::parse(&token_a).unwrap();
    Subject::of(
        token_a,
        Revision::from(onedoor_model::ids::Offset(0)),
        PERMIT.entitlement(),
    )
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A token that lives from 0 to 600; Token A to `token_a_expires`.
fn token_until(text: &str, token_a_expires: i64) -> Answer {
    Ok(Obtained {
        token: TokenB::bearer(text).unwrap(),
        at: at(0),
        expires: at(600),
        token_a_expires: at(token_a_expires),
    })
}

fn token(text: &str) -> Answer {
    token_until(text, 3_600)
}

/// What a replica gets at a time, where an exchange would bring `answer`.
async fn get_at(
    replica: &SharedCache,
    number: u8,
    second: i64,
    need: Need,
    answer: Answer,
) -> Result<String, NoTokenB> {
    let obtained = replica
        .obtain(&subject(number), need, at(second), |_| true, ready(answer))
        .await?;
    Ok(String::from_utf8(obtained.token.expose().to_vec()).unwrap())
}

async fn get(replica: &SharedCache, answer: Answer) -> String {
    get_at(replica, 0, 0, Need::Good, answer).await.unwrap()
}

fn counts(replica: &SharedCache) -> (u64, u64, u64) {
    let SharedCounts {
        hits,
        misses,
        unreadable,
    } = replica.counts();
    (hits, misses, unreadable)
}

#[tokio::test]
async fn what_one_replica_obtained_serves_the_others_while_it_is_good() {
    let mut scene = Scene::new().await;
    let (one, two) = (scene.replica(&[1]).await, scene.replica(&[1]).await);
    assert_eq!(get(&one, token("one")).await, "one");
    scene.has(1).await;
    assert_eq!(get(&two, token("two")).await, "one");
    assert_eq!((counts(&one), counts(&two)), ((0, 1, 0), (1, 0, 0)));
    let ended = get_at(&two, 0, 596, Need::Good, token("late")).await;
    assert_eq!(ended.unwrap(), "late");
}

#[tokio::test]
async fn a_renewal_takes_what_another_replica_renewed_and_no_older_one() {
    let mut scene = Scene::new().await;
    let (one, two) = (scene.replica(&[1]).await, scene.replica(&[1]).await);
    get(&one, token("old")).await;
    scene.has(1).await;
    let renewed = Obtained {
        at: at(500),
        expires: at(1_100),
        ..token("new").unwrap()
    };
    assert_eq!(
        get_at(&one, 0, 500, Need::Newer, Ok(renewed)).await.unwrap(),
        "new"
    );
    scene.has(1).await;
    assert_eq!(
        get_at(&two, 0, 500, Need::Newer, token("unasked")).await.unwrap(),
        "new"
    );
}

#[tokio::test]
async fn nothing_outlives_token_a() {
    let mut scene = Scene::new().await;
    let replica = scene.replica(&[1]).await;
    for (number, token_a_expires, most) in [(0, 3_600, 600_000), (1, 30, 30_000)] {
        let answer = token_until("t", token_a_expires);
        get_at(&replica, number, 0, Need::Good, answer).await.unwrap();
        scene.has(1).await;
        let name = scene.raw.name(TOKEN).await;
        let ttl = scene.raw.ttl_ms(&name).await;
        assert!((most - 20_000..=most).contains(&ttl), "{ttl}");
        scene.raw.flush().await;
    }
    let ended = token_until("t", 0);
    get_at(&replica, 2, 0, Need::Good, ended).await.unwrap();
    scene.has(0).await;
}

#[tokio::test]
async fn keys_are_rotated_without_losing_a_token() {
    for (writes, reads, shares) in [
        (&[1][..], &[1, 2][..], true),
        (&[1], &[2, 1], true),
        (&[2, 1], &[1, 2], true),
        (&[2, 1], &[2], true),
        (&[1], &[2], false),
        (&[1, 2], &[2], false),
    ] {
        let mut scene = Scene::new().await;
        get(&scene.replica(writes).await, token("one")).await;
        scene.has(1).await;
        let reader = scene.replica(reads).await;
        let got = get(&reader, token("two")).await;
        assert_eq!(got == "one", shares, "{writes:?} {reads:?}");
        assert_eq!(counts(&reader).2, 0);
    }
}

#[tokio::test]
async fn what_does_not_open_is_a_miss_that_is_counted() {
    let mut scene = Scene::new().await;
    let replica = scene.replica(&[1]).await;
    get_at(&replica, 0, 0, Need::Good, token("mine")).await.unwrap();
    scene.has(1).await;
    let name = scene.raw.name(TOKEN).await;
    let mine = scene.raw.get(&name).await;
    scene.raw.flush().await;
    get_at(&replica, 1, 0, Need::Good, token("anothers"))
        .await
        .unwrap();
    scene.has(1).await;
    let anothers = scene.raw.name(TOKEN).await;
    let anothers = scene.raw.get(&anothers).await;
    let foreign = scene.replica(&[9]).await.redis.clone();
    let foreign = foreign
        .ring()
        .seal(&foreign.ring().name(Kind::TokenB, b""), b"x")
        .unwrap();
    let not_an_entry = replica.redis.ring().name(Kind::TokenB, subject(0).as_bytes());
    let not_an_entry = replica.redis.ring().seal(&not_an_entry, b"mine").unwrap();
    let mut altered = mine.clone();
    *altered.last_mut().unwrap() ^= 1;
    for (what, value) in [
        ("another's", &anothers[..]),
        ("of a foreign key", &foreign),
        ("altered", &altered),
        ("cut short", &mine[..mine.len() - 1]),
        ("garbage", b"Bearer eyJhbGciOiJub25lIn0.e30."),
        ("nothing", b""),
        ("sealed, but no entry", &not_an_entry),
    ] {
        scene.raw.set(&name, value).await;
        let (_, misses, unreadable) = counts(&replica);
        assert_eq!(get(&replica, token("exchanged")).await, "exchanged", "{what}");
        // One look before the lock, one under it.
        assert_eq!(counts(&replica), (0, misses + 1, unreadable + 2), "{what}");
        scene.has(2).await;
    }
    scene.raw.set(&name, &mine).await;
    assert_eq!(
        get(&replica, token("exchanged")).await,
        "mine",
        "the value itself is good"
    );
}

#[tokio::test]
async fn what_is_not_the_callers_is_passed_over_and_replaced() {
    let mut scene = Scene::new().await;
    let replica = scene.replica(&[1]).await;
    get(&replica, token("anothers")).await;
    scene.has(1).await;
    let (subject, exchange) = (subject(0), ready(token("own")));
    let obtained = replica
        .obtain(&subject, Need::Good, at(0), |_| false, exchange)
        .await;
    assert_eq!(obtained.unwrap().token.expose(), b"own");
    assert_eq!(
        counts(&replica),
        (0, 2, 2),
        "looked at before the lock, and under it"
    );
    scene.has(1).await;
    assert_eq!(get(&replica, token("unasked")).await, "own");
}

#[tokio::test]
async fn what_the_provider_takes_back_is_gone_everywhere() {
    let mut scene = Scene::new().await;
    let (one, two) = (scene.replica(&[1]).await, scene.replica(&[1]).await);
    let refusal = || ProviderRefusal {
        status: http::StatusCode::BAD_REQUEST,
        code: None,
        correlation: None,
    };
    for (refused, stays) in [
        (NoTokenB::TokenARejected(refusal()), false),
        (NoTokenB::ExchangeRefused(refusal()), true),
    ] {
        get(&one, token("old")).await;
        scene.has(1).await;
        get_at(&one, 0, 500, Need::Newer, Err(refused)).await.unwrap_err();
        scene.has(usize::from(stays)).await;
        let got = get(&two, token("new")).await;
        assert_eq!(got == "old", stays);
        scene.has(1).await;
        scene.raw.flush().await;
    }
}

#[tokio::test]
async fn a_leader_that_fails_lets_others_try_at_once() {
    let mut scene = Scene::new().await;
    let (one, two) = (scene.replica(&[1]).await, scene.replica(&[1]).await);
    let begun = Instant::now();
    let unavailable = NoTokenB::from(crate::Unavailable::Busy);
    get_at(&one, 0, 0, Need::Good, Err(unavailable))
        .await
        .unwrap_err();
    scene.has(0).await;
    assert_eq!(get(&two, token("own")).await, "own");
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

/// Another replica's exchange under way: it ends when the task does.
async fn leader(
    scene: &mut Scene,
    answer: impl Future<Output = Answer> + Send + 'static,
) -> tokio::task::JoinHandle<Answer> {
    let leader = scene.replica(&[1]).await;
    let leading = tokio::spawn(async move {
        leader
            .obtain(&subject(0), Need::Good, at(0), |_| true, answer)
            .await
    });
    in_time(async { while scene.raw.names().await.is_empty() {} }).await;
    leading
}

#[tokio::test]
async fn a_follower_gets_what_the_leader_brings() {
    let mut scene = Scene::new().await;
    let (land, landed) = tokio::sync::oneshot::channel();
    let leading = leader(&mut scene, async move { landed.await.unwrap() }).await;
    let follower = scene.replica(&[1]).await;
    let following = tokio::spawn({
        let follower = follower.clone();
        async move { get(&follower, token("unasked")).await }
    });
    in_time(async {
        while follower.redis.counts().questions < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(land.send(token("led")).is_ok());
    assert_eq!(in_time(following).await.unwrap(), "led");
    assert_eq!(counts(&follower), (1, 0, 0));
    leading.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_follower_takes_over_from_a_leader_that_died_or_is_slow() {
    for dies in [true, false] {
        let mut scene = Scene::new().await;
        let leading = leader(&mut scene, pending()).await;
        if dies {
            leading.abort();
        }
        let follower = scene.replica(&[1]).await;
        let begun = Instant::now();
        assert_eq!(get(&follower, token("own")).await, "own");
        assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
        scene.raw.flush().await;
    }
}

#[tokio::test]
async fn without_redis_a_replica_exchanges_for_itself_and_soon() {
    for fault in [
        Fault::Down,
        Fault::Hangs,
        Fault::Slow(Duration::from_secs(60)),
        Fault::Garbage,
        Fault::DiesInAnswer,
    ] {
        let mut scene = Scene::new().await;
        let way = Way::to(&url()).await;
        let (replica, other) = (
            scene.replica_by(&way.url(), &[1]).await,
            scene.replica(&[1]).await,
        );
        get(&other, token("shared")).await;
        scene.has(1).await;
        way.fails(fault);
        for _ in 0..20 {
            let begun = Instant::now();
            assert_eq!(get(&replica, token("own")).await, "own", "{fault:?}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{fault:?}");
        }
        way.fails(Fault::None);
        in_time(replica.redis.up()).await;
        assert_eq!(get(&replica, token("own")).await, "shared", "{fault:?}");
        scene.raw.flush().await;
        assert_eq!(get(&replica, token("own")).await, "own", "{fault:?}: flushed");
    }
}
