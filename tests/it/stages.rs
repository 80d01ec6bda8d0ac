//! From a new version to production: the stage `qa`, promotion, and what has to be approved anew.

use onedoor_tests::{dev::Dev, manifest::tool, upstream::Upstream};
use serde_json::json;

use crate::door;

async fn with_qa() -> (Dev, Upstream) {
    let (dev, upstream) = door().await;
    dev.admin("admin")
        .await
        .grant(&dev.analysts(), "edge", None, "qa")
        .await;
    (dev, upstream)
}

#[tokio::test]
async fn a_new_version_is_served_at_qa_until_it_is_promoted() {
    let (dev, upstream) = with_qa().await;
    let admin = dev.admin("admin").await;
    let analyst = dev.token("analyst").await;
    let (production, qa) = (dev.mcp_with("edge", &analyst), dev.mcp_with("edge/qa", &analyst));
    let new = |names: Vec<String>| names.contains(&"brand_new".to_owned());

    let mut next = upstream.manifest("edge");
    next.version = "2.0.0".to_owned();
    next.tools.push(tool("brand_new"));
    admin.update(&next).await;
    assert!(new(qa.tools().await) && !new(production.tools().await));
    assert!(qa.call("brand_new", json!({})).await.is_answered());
    assert_eq!(production.call("brand_new", json!({})).await.error().0, -32602);

    admin.act("edge", "promote").await.expect(200);
    assert!(new(production.tools().await));
    assert!(production.call("brand_new", json!({})).await.is_answered());
    let calls = dev.settled_calls(3).await;
    let served: Vec<_> = calls
        .iter()
        .filter(|call| call["outcome"] != "denied")
        .map(|call| (&call["stage"], &call["version"]))
        .collect();
    assert_eq!(served[0], (&json!("qa"), &json!(2)));
    assert_eq!(served[1], (&json!("production"), &json!(2)));
}

#[tokio::test]
async fn who_has_no_qa_grant_has_no_qa() {
    let (dev, _upstream) = door().await;
    let answer = dev.mcp("edge/qa", "analyst").await.call("echo", json!({})).await;
    assert_eq!(answer.error(), (4004, "unknown_server".to_owned()));
    assert!(
        dev.mcp("edge", "analyst")
            .await
            .call("echo", json!({}))
            .await
            .is_answered()
    );
}

/// Else an owner could send another tool's tokens to a host of his own.
#[tokio::test]
async fn another_audience_place_or_scope_is_served_only_once_approved() {
    let (dev, upstream) = with_qa().await;
    let (elsewhere, admin) = (Upstream::start().await, dev.admin("admin").await);
    let analyst = dev.token("analyst").await;
    let (production, qa) = (dev.mcp_with("edge", &analyst), dev.mcp_with("edge/qa", &analyst));

    let changes: [fn(&mut onedoor_tests::manifest::Manifest, &str); 4] = [
        |manifest, _| manifest.audience = "api://finance".to_owned(),
        |manifest, url| url.clone_into(&mut manifest.url),
        |manifest, _| manifest.required_scope = "all".to_owned(),
        |manifest, _| manifest.owner = "another team".to_owned(),
    ];
    for change in changes {
        let mut next = upstream.manifest("edge");
        change(&mut next, &elsewhere.url);
        let seen = elsewhere.requests().len();
        admin.update(&next).await;
        for method in ["server/discover", "tools/list"] {
            assert_eq!(
                qa.request(method, json!({})).await.error(),
                (4004, "unknown_server".to_owned())
            );
        }
        assert_eq!(
            qa.call("echo", json!({})).await.error(),
            (4004, "unknown_server".to_owned())
        );
        assert_eq!(elsewhere.requests().len(), seen);
        // What was approved goes on.
        assert!(production.call("echo", json!({})).await.is_answered());
        let refused = admin.act("edge", "promote").await.expect(409);
        assert!(refused.body.to_string().contains("approve"), "{}", refused.body);

        admin.act("edge", "approve").await.expect(200);
        assert!(qa.call("echo", json!({})).await.is_answered());
    }
    assert_eq!(elsewhere.requests().len(), 1);
    admin.act("edge", "promote").await.expect(200);
}

#[tokio::test]
async fn a_manifest_with_faults_is_told_all_of_them() {
    let (dev, upstream) = door().await;
    let admin = dev.admin("admin").await;
    let mut bad = upstream.manifest("faulty");
    bad.audience = "not a uri".to_owned();
    bad.required_scope = "two scopes".to_owned();
    bad.tools[0]["inputSchema"] = json!({ "type": "strnig" });
    let request = admin
        .request(reqwest::Method::POST, "/servers")
        .body(bad.to_string());
    let refused = onedoor_tests::admin::Reply::of(request).await.expect(422);
    let pointers: Vec<&str> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    for part in ["/audience", "/requiredScope", "/tools/0/inputSchema"] {
        assert!(
            pointers.iter().any(|pointer| pointer.contains(part)),
            "{part}: {pointers:?}"
        );
    }
    assert!(
        refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .all(|error| error["hint"].is_string())
    );
}
