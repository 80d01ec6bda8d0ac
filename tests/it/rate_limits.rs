//! Calling too often.

use onedoor_tests::{dev::Dev, wait};
use serde_json::{Value, json};

use crate::door;

async fn limit(dev: &Dev, limits: Value) {
    let admin = dev.admin("admin").await;
    admin.set(|settings| settings["rateLimits"] = limits).await;
}

#[tokio::test]
async fn a_call_too_many_is_refused_and_the_record_says_why() {
    let (dev, upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    for (kind, reason) in [
        ("perUser", "limited_per_user"),
        ("perClient", "limited_per_client"),
        ("perServer", "limited_per_server"),
    ] {
        limit(&dev, json!({ kind: { "perMinute": 1, "burst": 3 } })).await;
        let before = upstream.requests().len();
        for _ in 0..3 {
            assert!(edge.call("echo", json!({})).await.is_answered(), "{kind}");
        }
        let refused = edge.call("echo", json!({})).await;
        assert_eq!(refused.error(), (4029, "limited".to_owned()), "{}", refused.text);
        assert_eq!(refused.status, 200);
        let data = &refused.last()["error"]["data"];
        let wait_ms = data["retryAfterMs"].as_u64().unwrap();
        assert!((1..=60_001).contains(&wait_ms) && data["retry"] == true, "{data}");
        let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(upstream.requests().len(), before + 3, "nothing was sent");
        assert!(!edge.tools().await.is_empty(), "lists do not count");
        let call = refused.call_id();
        let denied = wait::until("the record of the denial", async || {
            let denied = dev.calls(&["--outcome", "denied"]).await;
            denied.into_iter().find(|denied| denied["call"] == call.as_str())
        })
        .await;
        assert_eq!(denied["cause"], reason);
        assert_eq!(
            (&denied["server"], &denied["tool"]),
            (&json!("edge"), &json!("echo"))
        );
    }
    limit(&dev, json!({})).await;
    assert!(edge.call("echo", json!({})).await.is_answered());
}
