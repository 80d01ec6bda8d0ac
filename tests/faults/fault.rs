//! What goes wrong, and how it is mended.

use std::time::Duration;

use onedoor_tests::{
    cluster::Cluster,
    proxy::Way,
    stack::{Stack, redis_says},
    wait,
};

/// The replica that things go wrong with.
pub(crate) const VICTIM: usize = 2;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The victim stands still (SIGSTOP).
    ReplicaPaused,
    /// Packets between the victim and all brokers are lost.
    KafkaStalled,
    /// The victim's connections to all brokers are closed.
    KafkaCut,
    /// The broker that leads a topic is killed.
    LeaderKilled(&'static str),
    /// The broker that leads a topic stands still.
    LeaderPaused(&'static str),
    /// No replica and no projector reaches PostgreSQL.
    PostgresDown,
    /// No replica reaches Redis.
    RedisDown,
    /// Redis answers after three seconds.
    RedisSlow,
    /// Redis forgets everything.
    RedisFlushed,
    /// Redis answers nonsense.
    RedisGarbled,
    /// The projector is killed.
    ProjectorDown,
}

/// A fault that goes on.
#[derive(Debug)]
pub(crate) struct Ongoing {
    fault: Fault,
    broker: usize,
}

impl Fault {
    /// It begins, and whoever depends on what fails has noticed.
    pub(crate) async fn begin(self, cluster: &mut Cluster) -> Ongoing {
        let mut broker = 0;
        if let Self::LeaderKilled(stream) | Self::LeaderPaused(stream) = self {
            broker = cluster.leader(stream, 0).await;
        }
        match self {
            Self::None => {}
            Self::ReplicaPaused => cluster.gateways[VICTIM].process.pause().await,
            Self::KafkaStalled => brokers(cluster).set(VICTIM, Way::Stalled),
            Self::KafkaCut => brokers(cluster).set(VICTIM, Way::Cut),
            Self::LeaderKilled(_) => brokers(cluster).kill(broker).await,
            Self::LeaderPaused(_) => brokers(cluster).pause(broker).await,
            Self::PostgresDown => postgres(cluster, Way::Cut).await,
            Self::RedisDown => cluster.redis(Way::Cut).await,
            Self::RedisSlow => cluster.redis(Way::Slow(Duration::from_secs(3))).await,
            Self::RedisFlushed => redis_says(&Stack::running().redis, "FLUSHALL").await,
            Self::RedisGarbled => cluster.redis(Way::Garbled).await,
            Self::ProjectorDown => cluster.projectors[0].process.kill().await,
        }
        Ongoing { fault: self, broker }
    }

    /// Whether calls may be written late, which the audit then says.
    pub(crate) const fn pauses(self) -> bool {
        matches!(self, Self::ReplicaPaused)
    }

    /// Whether a call that the victim was asked for can only wait while it goes on.
    pub(crate) const fn isolates_victim(self) -> bool {
        matches!(self, Self::ReplicaPaused | Self::KafkaStalled | Self::KafkaCut)
    }

    /// Whether `control` may take nothing for a while, so that any lease may run out.
    pub(crate) const fn stops_a_leader(self) -> bool {
        matches!(self, Self::LeaderKilled(_) | Self::LeaderPaused(_))
    }
}

impl Ongoing {
    /// It ends.
    pub(crate) async fn end(self, cluster: &mut Cluster) {
        match self.fault {
            Fault::None | Fault::RedisFlushed => {}
            Fault::ReplicaPaused => cluster.gateways[VICTIM].process.resume().await,
            Fault::KafkaStalled | Fault::KafkaCut => brokers(cluster).set(VICTIM, Way::Open),
            Fault::LeaderKilled(_) => brokers(cluster).restart(self.broker).await,
            Fault::LeaderPaused(_) => brokers(cluster).resume(self.broker).await,
            Fault::PostgresDown => postgres(cluster, Way::Open).await,
            Fault::RedisDown | Fault::RedisSlow | Fault::RedisGarbled => cluster.redis(Way::Open).await,
            Fault::ProjectorDown => cluster.projectors[0].process.restart(),
        }
    }
}

fn brokers(cluster: &mut Cluster) -> &mut onedoor_tests::stack::brokers::Brokers {
    cluster.brokers.as_mut().unwrap()
}

/// Changes all ways to PostgreSQL, and waits until every replica has noticed.
async fn postgres(cluster: &Cluster, way: Way) {
    let of_gateways = cluster.gateways.iter().map(|gateway| &gateway.postgres);
    let of_projectors = cluster.projectors.iter().map(|projector| &projector.postgres);
    of_gateways.chain(of_projectors).for_each(|proxy| proxy.set(way));
    let status = if way == Way::Open { 200 } else { 503 };
    for gateway in 0..cluster.gateways.len() {
        let admin = cluster.admin(gateway);
        wait::until("what a replica says of PostgreSQL", async || {
            let read = admin.get("/audit/calls?limit=1").await;
            (read.status == status).then_some(())
        })
        .await;
    }
}
