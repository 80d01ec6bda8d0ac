//! What replicas share in Redis, and doing without it.

use std::time::{Duration, Instant};

use onedoor_tests::{cluster::Cluster, proxy::Way, wait};
use serde_json::json;

/// Calls through both replicas in turn, until each has refused one: how many were answered. None takes long.
async fn until_limited(cluster: &Cluster) -> usize {
    let mut answered = 0;
    let mut serving = vec![cluster.mcp(0), cluster.mcp(1)];
    while let Some(replica) = serving.pop() {
        let begun = Instant::now();
        let answer = replica.call("echo", json!({})).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
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

/// Changes both replicas' ways to Redis, and waits until they answer without it, or have it again.
async fn redis(cluster: &Cluster, way: Way) {
    for gateway in &cluster.gateways {
        gateway.redis.set(way);
    }
    let told = format!("onedoor_redis_up {}", u8::from(way == Way::Open));
    for number in 0..cluster.gateways.len() {
        wait::until("what a replica says of Redis", async || {
            // A question, so that it finds out.
            cluster.mcp(number).call("echo", json!({})).await;
            let url = format!("{}/metrics", cluster.gateways[number].admin_url);
            let page = cluster.http.get(url).send().await.unwrap().text().await.unwrap();
            page.contains(&told).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn replicas_share_a_limit_and_hold_to_it_alone_while_redis_is_away() {
    let cluster = Cluster::start(2).await;
    limit(&cluster, 1).await;
    redis(&cluster, Way::Open).await;
    limit(&cluster, 5).await;
    assert_eq!(until_limited(&cluster).await, 5);
    for (way, burst) in [(Way::Cut, 6), (Way::Stalled, 8), (Way::Garbled, 10)] {
        redis(&cluster, way).await;
        limit(&cluster, burst).await;
        assert_eq!(
            until_limited(&cluster).await,
            2 * burst,
            "{way:?}: each by itself"
        );
        redis(&cluster, Way::Open).await;
        limit(&cluster, burst + 1).await;
        assert_eq!(until_limited(&cluster).await, burst + 1, "{way:?}: shared again");
    }
}
