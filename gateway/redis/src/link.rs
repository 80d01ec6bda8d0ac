//! The connection to Redis, and doing without it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use onedoor_secrets::Secrets;
use redis::{AsyncConnectionConfig, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Away, Kind, Name, Options, OptionsError, Ring, options::Target, pause::Pause, questions::try_out,
};

/// Questions that may wait for their turn on the connection.
const QUEUE: usize = 1_024;

/// A Redis that replicas share, and the keys for what is in it. Clones share the connection.
///
/// The first question that Redis does not answer in time, or refuses, ends the connection. From then on nobody waits: questions are
/// [`Away`] at once, until the one task that connects anew has found that Redis does what is asked of it.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    link: Arc<Link>,
    ring: Ring,
    /// Connects anew until the last clone is gone.
    _keeper: AbortOnDropHandle<()>,
}

struct Link {
    /// None while Redis is away.
    connection: watch::Sender<Option<Arc<MultiplexedConnection>>>,
    questions: AtomicU64,
    failures: AtomicU64,
}

/// What was asked since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Questions that were sent.
    pub questions: u64,
    /// Those that were not answered in time, or not usefully.
    pub failures: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum NoConnection {
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
}

impl Redis {
    /// Begins to connect, and waits for nothing. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`OptionsError`]: the options are wrong. That Redis cannot be reached is no error.
    pub fn open(options: &Options, secrets: &Secrets) -> Result<Self, OptionsError> {
        // The TLS library asks for one where several could be meant; whoever set one before has the say.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let target = Target::new(options, secrets)?;
        let ring = options.ring(secrets)?;
        let link = Arc::new(Link {
            connection: watch::Sender::default(),
            questions: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let nobodys = ring.name(Kind::Exchanging, b"");
        let keeper = tokio::spawn(keep(Arc::clone(&link), target, nobodys));
        Ok(Self(Arc::new(Shared {
            link,
            ring,
            _keeper: AbortOnDropHandle::new(keeper),
        })))
    }

    /// The keys for what is kept in it.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.0.ring
    }

    /// Whether it answered of late.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.link.connection.borrow().is_some()
    }

    /// Waits until it answers, for as long as that takes.
    pub async fn up(&self) {
        let mut connection = self.0.link.connection.subscribe();
        // The sender lives as long as `self`.
        let _ = connection.wait_for(Option::is_some).await;
    }

    /// How questions went.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            questions: self.0.link.questions.load(Ordering::Relaxed),
            failures: self.0.link.failures.load(Ordering::Relaxed),
        }
    }

    /// Asks over the connection, if there is one.
    pub(crate) async fn ask<T>(&self, question: impl AsyncQuestion<T>) -> Result<T, Away> {
        let link = &self.0.link;
        let connection = link.connection.borrow().clone().ok_or(Away)?;
        link.questions.fetch_add(1, Ordering::Relaxed);
        let answer = question.put(MultiplexedConnection::clone(&connection)).await;
        answer.map_err(|error| link.failed(&connection, &error))
    }
}

/// A question that can be put over a connection.
pub(crate) trait AsyncQuestion<T> {
    /// Puts it, once.
    fn put(&self, over: MultiplexedConnection) -> impl Future<Output = RedisResult<T>> + Send;
}

impl Link {
    /// Ends the connection, over which Redis said nothing in time, nothing that can be read, or that it will not: one that is full, or was
    /// made a replica, would go on to say so. The next connection finds out whether it still does.
    fn failed(&self, used: &Arc<MultiplexedConnection>, error: &RedisError) -> Away {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let ended = self.connection.send_if_modified(|connection| {
            let is_current = connection.as_ref().is_some_and(|it| Arc::ptr_eq(it, used));
            if is_current {
                *connection = None;
            }
            is_current
        });
        if ended {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "Redis does not do what is asked; calls go on without it");
        }
        Away
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("is_up", &self.is_up())
            .finish_non_exhaustive()
    }
}

/// Connects, and connects anew whenever the connection has ended.
async fn keep(link: Arc<Link>, target: Target, nobodys: Name) {
    let mut pause = Pause::default();
    let mut connection = link.connection.subscribe();
    let mut is_told = false;
    loop {
        let wait = match connect(&target, &nobodys).await {
            Ok(new) => {
                tracing::info!(redis = target.options().url, "Redis answers");
                let since = Instant::now();
                link.connection.send_replace(Some(Arc::new(new)));
                is_told = true;
                if connection.wait_for(Option::is_none).await.is_err() {
                    return;
                }
                pause.after_loss(since.elapsed())
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                if is_told {
                    tracing::debug!(error, "Redis is still away");
                } else {
                    tracing::warn!(error, "Redis is away; calls go on without it");
                    is_told = true;
                }
                pause.after_failure()
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// A connection over which Redis does what is asked of it.
async fn connect(target: &Target, nobodys: &Name) -> Result<MultiplexedConnection, NoConnection> {
    let options = target.options();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(options.command_timeout))
        .set_pipeline_buffer_size(QUEUE);
    let client = target.client()?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    try_out(&mut connection, nobodys).await?;
    Ok(connection)
}
