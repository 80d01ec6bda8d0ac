//! What is known of the replicas.

use std::time::Duration;

use onedoor_log::{Partition, Stream};
use onedoor_model::{
    ids::{BootId, Offset, ReplicaName, Revision},
    lease::{DEAD_AFTER, LEASE},
};
use tokio::time::timeout;

use crate::{Control, now};

/// How long the log may take to say where a stream ends.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A boot that ticked, as this replica sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// The replica.
    pub replica: ReplicaName,
    /// This run of it.
    pub boot: BootId,
    /// Whether it is the one that says so.
    pub is_this: bool,
    /// What it enforces, by its last tick.
    pub revision: Revision,
    /// How far it has read `control`, by its last tick.
    pub control: Offset,
    /// The oldest hold whose event it has not folded, by its last tick.
    pub oldest_hold: Option<Offset>,
    /// How long ago its last tick was read here.
    pub ticked: Duration,
    /// How much longer it may serve: of the replica that says so, its lease; of others, at most so long.
    pub lease: Duration,
    /// It was silent for so long that it is taken for dead.
    pub is_dead: bool,
}

impl Control {
    /// Every boot that ticked within the last hour, as far as this replica has read; those of a replica in the order of their runs, but for
    /// earlier ones that do not serve any more.
    #[must_use]
    pub fn replicas(&self) -> Vec<ReplicaView> {
        let rule = self.rule.lock();
        let Some(rule) = rule.as_ref() else {
            return Vec::new();
        };
        let now = now();
        let mut replicas: Vec<_> = rule
            .boots()
            .map(|seen| {
                let is_this = seen.boot == self.boot.id;
                ReplicaView {
                    replica: seen.replica.clone(),
                    boot: seen.boot,
                    is_this,
                    revision: seen.tick.revision,
                    control: seen.tick.control,
                    oldest_hold: seen.tick.oldest_hold,
                    ticked: now.since(seen.read),
                    lease: if is_this {
                        self.lease.left()
                    } else {
                        LEASE.saturating_sub(now.since(seen.read))
                    },
                    is_dead: rule.silence(seen.boot) >= DEAD_AFTER,
                }
            })
            .collect();
        replicas.sort_by(|a, b| (&b.replica, b.boot).cmp(&(&a.replica, a.boot)));
        replicas.dedup_by(|earlier, later| earlier.replica == later.replica && earlier.lease.is_zero());
        replicas.reverse();
        replicas
    }

    /// How many events the registry has; none where the log does not say so at once.
    pub async fn registry_end(&self) -> Option<Offset> {
        let bounds = self.log.bounds(Stream::Registry, Partition(0));
        let bounds = timeout(AT_ONCE, bounds).await.ok()?.ok()?;
        Some(bounds.end)
    }

    /// Since a tick of this replica was last read back; none before the first.
    #[must_use]
    pub fn tick_age(&self) -> Option<Duration> {
        let rule = self.rule.lock();
        let own = rule
            .as_ref()?
            .boots()
            .find(|seen| seen.boot == self.boot.id)
            .map(|seen| seen.read);
        own.map(|read| now().since(read))
    }

    /// Whether this boot is the eldest of those that are not dead: it does what one of them has to do.
    #[must_use]
    pub fn is_eldest(&self) -> bool {
        let replicas = self.replicas();
        let living = replicas.iter().filter(|replica| !replica.is_dead);
        living
            .min_by_key(|replica| replica.boot)
            .is_some_and(|eldest| eldest.is_this)
    }

    /// Whether a boot has not ticked for so long, while others did, that it is taken for dead; one that was never seen, too. It cannot
    /// come back: it stops as soon as it sees for how long it was silent.
    #[must_use]
    pub fn is_dead(&self, boot: BootId) -> bool {
        let rule = self.rule.lock();
        rule.as_ref().is_some_and(|rule| rule.silence(boot) >= DEAD_AFTER)
    }
}
