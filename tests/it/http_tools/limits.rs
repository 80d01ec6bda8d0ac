//! Calling too often.

use http::StatusCode;
use serde_json::json;

use super::Plain;

#[tokio::test]
async fn a_call_too_many_is_told_when_to_come_back() {
    let plain = Plain::start().await;
    let admin = plain.dev.admin("admin").await;
    let once = json!({ "perServer": { "perMinute": 1, "burst": 1 } });
    admin.set(|settings| settings["rateLimits"] = once).await;
    assert_eq!(plain.get("/http/plain/items/1").await.status(), StatusCode::OK);
    let refused = plain.get("/http/plain/items/1").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds = refused.response.headers()["retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()), "{seconds}");
    let problem: serde_json::Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(
        (&problem["reason"], &problem["retry"]),
        (&json!("limited"), &json!(true))
    );
    assert_eq!(plain.targets().len(), 1, "nothing was sent");
}
