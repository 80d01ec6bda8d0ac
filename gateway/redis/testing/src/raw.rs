//! What really stands in Redis, as whoever administers it sees it.

use redis::{AsyncCommands as _, aio::MultiplexedConnection};

use crate::{Keys, url};

/// The names that begin with a prefix, and what stands there. They are deleted when the test asks for it.
#[derive(Debug)]
pub struct Raw {
    connection: MultiplexedConnection,
    prefix: String,
}

impl Raw {
    /// What was put there with options of these keys.
    pub async fn of(keys: &Keys) -> Self {
        let client = redis::Client::open(url()).unwrap();
        Self {
            connection: client.get_multiplexed_async_connection().await.unwrap(),
            prefix: keys.prefix(),
        }
    }

    /// All names, in order.
    pub async fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> = self.connection.keys(format!("{}*", self.prefix)).await.unwrap();
        names.sort();
        names
    }

    /// The one name of this kind.
    pub async fn name(&mut self, kind: &str) -> String {
        let mut names = self.names().await;
        names.retain(|name| name.contains(kind));
        assert_eq!(names.len(), 1, "{names:?}");
        names.remove(0)
    }

    /// The value under a name.
    pub async fn get(&mut self, name: &str) -> Vec<u8> {
        self.connection.get(name).await.unwrap()
    }

    /// Puts a value there, for ever.
    pub async fn set(&mut self, name: &str, value: &[u8]) {
        let () = self.connection.set(name, value).await.unwrap();
    }

    /// Puts there what is no value.
    pub async fn set_list(&mut self, name: &str) {
        self.flush().await;
        let () = self.connection.lpush(name, "1").await.unwrap();
    }

    /// For how long it stays, in milliseconds.
    pub async fn ttl_ms(&mut self, name: &str) -> i64 {
        self.connection.pttl(name).await.unwrap()
    }

    /// Deletes everything.
    pub async fn flush(&mut self) {
        let names = self.names().await;
        if !names.is_empty() {
            let () = self.connection.del(names).await.unwrap();
        }
    }
}
