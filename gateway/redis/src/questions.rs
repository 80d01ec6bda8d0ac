//! What is asked of Redis.

use std::{sync::LazyLock, time::Duration};

use redis::{Cmd, FromRedisValue, RedisResult, Script, ScriptInvocation, aio::MultiplexedConnection, cmd};

use crate::{Away, Name, Redis, link::AsyncQuestion};

/// Deletes a lock that is still its owner's. Whatever else stands there is not.
static UNLOCK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});

/// Puts something under a name that is nobody's, and deletes it by a script: a replica does not, nor does a Redis that is full or lets the
/// gateway only read.
pub(crate) async fn try_out(over: &mut MultiplexedConnection, name: &Name) -> RedisResult<()> {
    cmd("SET")
        .arg(name)
        .arg("")
        .arg("PX")
        .arg(1_000)
        .exec_async(over)
        .await?;
    UNLOCK.key(name).arg("").invoke_async(over).await
}

impl Redis {
    /// The values under these names, in their order, each as it stands there.
    ///
    /// # Errors
    /// [`Away`]
    pub async fn get(&self, names: &[Name]) -> Result<Vec<Option<Vec<u8>>>, Away> {
        self.ask(cmd("MGET").arg(names)).await
    }

    /// Keeps a value for so long, which must be at least a millisecond.
    ///
    /// # Errors
    /// [`Away`]: it may be kept all the same.
    pub async fn put(&self, name: &Name, value: &[u8], ttl: Duration) -> Result<(), Away> {
        self.ask(cmd("SET").arg(name).arg(value).arg("PX").arg(millis(ttl)))
            .await
    }

    /// Deletes what stands under these names.
    ///
    /// # Errors
    /// [`Away`]: it may be deleted all the same.
    pub async fn delete(&self, names: &[Name]) -> Result<(), Away> {
        self.ask(cmd("DEL").arg(names)).await
    }

    /// Takes a lock for so long, unless another owner has it.
    ///
    /// # Errors
    /// [`Away`]: it may be taken all the same.
    pub async fn lock(&self, name: &Name, owner: &[u8], ttl: Duration) -> Result<bool, Away> {
        let taken: Option<String> = self
            .ask(
                cmd("SET")
                    .arg(name)
                    .arg(owner)
                    .arg("NX")
                    .arg("PX")
                    .arg(millis(ttl)),
            )
            .await?;
        Ok(taken.is_some())
    }

    /// Gives a lock back, if it is still this owner's.
    ///
    /// # Errors
    /// [`Away`]: it may be given back all the same; at the latest it ends by itself.
    pub async fn unlock(&self, name: &Name, owner: &[u8]) -> Result<(), Away> {
        let mut unlock = UNLOCK.key(name);
        unlock.arg(owner);
        self.ask(&unlock).await
    }

    /// Runs a script on these names.
    ///
    /// # Errors
    /// [`Away`]: it may have run all the same.
    pub async fn run<T: FromRedisValue + Send>(
        &self,
        script: &Script,
        names: &[Name],
        arguments: &[u64],
    ) -> Result<T, Away> {
        let mut invocation = script.prepare_invoke();
        for name in names {
            invocation.key(name);
        }
        for argument in arguments {
            invocation.arg(argument);
        }
        self.ask(&invocation).await
    }
}

impl<T: FromRedisValue + Send> AsyncQuestion<T> for &mut Cmd {
    async fn put(&self, mut over: MultiplexedConnection) -> RedisResult<T> {
        self.query_async(&mut over).await
    }
}

impl<T: FromRedisValue + Send> AsyncQuestion<T> for &ScriptInvocation<'_> {
    async fn put(&self, mut over: MultiplexedConnection) -> RedisResult<T> {
        self.invoke_async(&mut over).await
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
