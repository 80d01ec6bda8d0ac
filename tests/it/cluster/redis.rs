//! What replicas share in Redis, and doing without it.

use std::time::{Duration, Instant};

use onedoor_tests::{cluster::Cluster, proxy::Way};
use serde_json::json;

/// Far longer than Redis is waited for, also on a busy machine, and far shorter than a call may take.
const LONG: Duration = Duration::from_secs(10);

/// Calls through both replicas in turn, until each has refused one: how many were answered. None takes long.
async fn until_limited(cluster: &Cluster) -> usize {
    let mut answered = 0;
    let mut serving = vec![cluster.mcp(0), cluster.mcp(1)];
    while let Some(replica) = serving.pop() {
        let begun = Instant::now();
        let answer = replica.call("echo", json!({})).await;
        assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
        if answer.is_answered() {
            answered += 1;
            serving.insert(0, replica);
        } else {
            assert_eq!(answer.error(), (4029, "limited".to_owned()), "{}", answer.text);
        }
    }
    answered
}

/// Limits each user to so many calls at once. Another limit than before, which begins anew.
async fn limit(cluster: &Cluster, burst: usize) {
    let rate = json!({ "perUser": { "perMinute": 1, "burst": burst } });
    let admin = cluster.admin(0);
    admin.set(|settings| settings["rateLimits"] = rate).await;
    cluster.agreed().await;
}

#[tokio::test]
async fn replicas_share_a_limit_and_hold_to_it_alone_while_redis_is_away() {
    let cluster = Cluster::start(2).await;
    limit(&cluster, 1).await;
    cluster.redis(Way::Open).await;
    limit(&cluster, 5).await;
    assert_eq!(until_limited(&cluster).await, 5);
    for (way, burst) in [(Way::Cut, 6), (Way::Stalled, 8), (Way::Garbled, 10)] {
        cluster.redis(way).await;
        limit(&cluster, burst).await;
        assert_eq!(
            until_limited(&cluster).await,
            2 * burst,
            "{way:?}: each by itself"
        );
        cluster.redis(Way::Open).await;
        limit(&cluster, burst + 1).await;
        assert_eq!(until_limited(&cluster).await, burst + 1, "{way:?}: shared again");
    }
}
