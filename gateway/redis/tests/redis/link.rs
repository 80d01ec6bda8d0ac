//! The connection to a real Redis, over a way that fails.

use std::time::{Duration, Instant};

use onedoor_redis::{Away, Kind, Name, Redis, Script};
use onedoor_redis_testing::{Fault, Keys, Way, url};
use onedoor_secrets::Secrets;

const SOON: Duration = Duration::from_secs(20);

struct Scene {
    way: Way,
    redis: Redis,
    name: Name,
    _keys: Keys,
}

impl Scene {
    /// A Redis that answers, and must do so within 200 ms.
    async fn new() -> Self {
        let (keys, way) = (Keys::new(), Way::to(&url()).await);
        let mut options = keys.options(&way.url(), &[1]);
        options.command_timeout = Duration::from_millis(200);
        let redis = Redis::open(&options, &Secrets::default()).unwrap();
        let name = redis.ring().name(Kind::TokenB, b"it");
        let scene = Self {
            way,
            redis,
            name,
            _keys: keys,
        };
        scene.up().await;
        scene
    }

    async fn up(&self) {
        tokio::time::timeout(SOON, self.redis.up()).await.unwrap();
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Away> {
        let values = self.redis.get(std::slice::from_ref(&self.name)).await?;
        Ok(values.into_iter().next().unwrap())
    }
}

#[tokio::test]
async fn what_is_put_is_there_until_it_ends_or_is_deleted() {
    let Scene { redis, name, .. } = &Scene::new().await;
    let names = [name.clone(), redis.ring().name(Kind::TokenB, b"another")];
    redis
        .put(name, b"\x00value\r\n", Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        redis.get(&names).await.unwrap(),
        [Some(b"\x00value\r\n".to_vec()), None]
    );
    redis.delete(&names).await.unwrap();
    assert_eq!(redis.get(&names).await.unwrap(), [None, None]);
    redis.put(name, b"short", Duration::from_millis(1)).await.unwrap();
    let ended = async { while redis.get(&names).await.unwrap()[0].is_some() {} };
    tokio::time::timeout(SOON, ended).await.unwrap();
}

#[tokio::test]
async fn a_lock_is_its_owners_until_it_is_given_back_or_ends() {
    let Scene { redis, name, .. } = &Scene::new().await;
    let long = Duration::from_secs(60);
    assert!(redis.lock(name, b"mine", long).await.unwrap());
    assert!(!redis.lock(name, b"yours", long).await.unwrap());
    redis.unlock(name, b"yours").await.unwrap();
    assert!(
        !redis.lock(name, b"yours", long).await.unwrap(),
        "it was not theirs to give back"
    );
    redis.unlock(name, b"mine").await.unwrap();
    assert!(
        redis
            .lock(name, b"yours", Duration::from_millis(1))
            .await
            .unwrap()
    );
    let ended = async { while !redis.lock(name, b"mine", long).await.unwrap() {} };
    tokio::time::timeout(SOON, ended).await.unwrap();
    redis.delete(std::slice::from_ref(name)).await.unwrap();
}

#[tokio::test]
async fn whatever_fails_costs_one_time_out_and_passes() {
    let faults = [
        Fault::Down,
        Fault::Hangs,
        Fault::Slow(Duration::from_secs(60)),
        Fault::Garbage,
        Fault::DiesInAnswer,
    ];
    for fault in faults {
        let scene = Scene::new().await;
        scene.redis.put(&scene.name, b"kept", SOON).await.unwrap();
        scene.way.fails(fault);
        let begun = Instant::now();
        assert_eq!(scene.get().await, Err(Away), "{fault:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{fault:?}");
        assert!(!scene.redis.is_up(), "{fault:?}");
        let (before, begun) = (scene.redis.counts(), Instant::now());
        for _ in 0..100 {
            assert_eq!(scene.get().await, Err(Away), "{fault:?}");
        }
        assert!(
            begun.elapsed() < Duration::from_millis(100),
            "{fault:?}: nobody waits for what is away"
        );
        assert_eq!(scene.redis.counts(), before);
        scene.way.fails(Fault::None);
        scene.up().await;
        assert_eq!(scene.get().await, Ok(Some(b"kept".to_vec())), "{fault:?}");
        scene
            .redis
            .delete(std::slice::from_ref(&scene.name))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn questions_under_way_end_together() {
    let scene = Scene::new().await;
    scene.way.fails(Fault::Hangs);
    let begun = Instant::now();
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (redis, names) = (scene.redis.clone(), [scene.name.clone()]);
            tokio::spawn(async move { redis.get(&names).await })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Err(Away));
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn whatever_stands_there_is_no_failure() {
    let Scene { redis, name, .. } = &Scene::new().await;
    let names = std::slice::from_ref(name);
    let list = Script::new("return redis.call('LPUSH', KEYS[1], '1')");
    assert_eq!(redis.run(&list, names, &[]).await, Ok(1));
    assert_eq!(redis.get(names).await.unwrap(), [None], "a list is no value");
    redis.unlock(name, b"mine").await.unwrap();
    assert!(!redis.lock(name, b"mine", SOON).await.unwrap());
    redis.put(name, b"value", SOON).await.unwrap();
    assert_eq!(redis.get(names).await.unwrap(), [Some(b"value".to_vec())]);
    redis.delete(names).await.unwrap();
    assert_eq!(redis.counts().failures, 0);
}

#[tokio::test]
async fn a_redis_that_comes_late_is_found() {
    let (keys, way) = (Keys::new(), Way::to(&url()).await);
    way.fails(Fault::Down);
    let redis = Redis::open(&keys.options(&way.url(), &[1]), &Secrets::default()).unwrap();
    let name = redis.ring().name(Kind::TokenB, b"it");
    assert_eq!(redis.get(std::slice::from_ref(&name)).await, Err(Away));
    way.fails(Fault::None);
    tokio::time::timeout(SOON, redis.up()).await.unwrap();
    assert_eq!(redis.get(&[name]).await, Ok(vec![None]));
}
