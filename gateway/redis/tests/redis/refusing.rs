//! A Redis that answers, and does not do what is asked.

use std::time::Duration;

use onedoor_redis::{Away, Kind, Name, Redis};
use onedoor_redis_testing::Keys;
use onedoor_secrets::Secrets;
use redis::aio::MultiplexedConnection;

use crate::server::Server;

const SOON: Duration = Duration::from_secs(20);

/// Longer than it takes to connect anew.
const A_WHILE: Duration = Duration::from_millis(500);

/// The gateway's Redis, and its administrator.
struct Scene {
    redis: Redis,
    name: Name,
    admin: MultiplexedConnection,
    _server: Server,
    _keys: Keys,
}

impl Scene {
    async fn new() -> Self {
        let (keys, server) = (Keys::new(), Server::start("--port", &[]));
        let url = format!("redis://127.0.0.1:{}", server.port);
        let redis = Redis::open(&keys.options(&url, &[1]), &Secrets::default()).unwrap();
        in_time(redis.up()).await;
        let admin = redis::Client::open(url).unwrap();
        Self {
            name: redis.ring().name(Kind::TokenB, b"it"),
            redis,
            admin: admin.get_multiplexed_async_connection().await.unwrap(),
            _server: server,
            _keys: keys,
        }
    }

    async fn administer(&mut self, command: &str) {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>());
        command.exec_async(&mut self.admin).await.unwrap();
    }

    async fn ask(&self) -> Result<(), Away> {
        self.redis.put(&self.name, b"value", SOON).await?;
        self.redis.unlock(&self.name, b"another").await
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.unwrap()
}

/// So after a fail-over behind one name: the connection leads to what was the primary.
#[tokio::test]
async fn a_redis_that_refuses_is_away_until_it_does_what_is_asked() {
    for (breaks, mends) in [
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("ACL SETUSER default -set", "ACL SETUSER default +set"),
        ("ACL SETUSER default -evalsha", "ACL SETUSER default +evalsha"),
    ] {
        let mut scene = Scene::new().await;
        assert_eq!(scene.ask().await, Ok(()));
        scene.administer(breaks).await;
        assert_eq!(scene.ask().await, Err(Away), "{breaks}");
        assert!(!scene.redis.is_up(), "{breaks}");
        let back = tokio::time::timeout(A_WHILE, scene.redis.up()).await;
        assert!(back.is_err(), "{breaks}: a PING would have been answered");
        scene.administer(mends).await;
        in_time(scene.redis.up()).await;
        assert_eq!(scene.ask().await, Ok(()), "{breaks}");
    }
}
