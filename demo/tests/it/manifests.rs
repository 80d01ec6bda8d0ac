//! The manifests against the rules of `server.json` and against the live servers.

use axum::Router;
use onedoor_demo::server::DemoServerConfig;
use onedoor_demo::{finance, hr, manifests};
use serde_json::{Value, json};
use url::Url;

use crate::gateway::{Gateway, claims};
use crate::mcp::Client;

struct Demo {
    manifest: fn(&Url) -> String,
    router: fn(DemoServerConfig) -> Router,
    slug: &'static str,
    audience: &'static str,
    scope: &'static str,
}

const DEMOS: [Demo; 2] = [
    Demo {
        manifest: manifests::finance,
        router: finance::router,
        slug: "finance",
        audience: "api://finance",
        scope: "finance.read",
    },
    Demo {
        manifest: manifests::hr,
        router: hr::router,
        slug: "hr",
        audience: "api://hr",
        scope: "hr.read",
    },
];

#[tokio::test]
async fn a_manifest_lists_what_the_live_server_lists() {
    for demo in DEMOS {
        let gateway = Gateway::new();
        let base = crate::serve((demo.router)(gateway.config().await)).await;
        let url = base.join("/mcp").unwrap();
        let manifest: Value = serde_json::from_str(&(demo.manifest)(&url)).unwrap();
        assert_eq!(
            manifest["remotes"],
            json!([{ "type": "streamable-http", "url": url }])
        );

        // The manifest's own audience and scope make the token.
        let onedoor = &manifest["_meta"]["dev.onedoor/server"];
        let text = |key: &str| onedoor[key].as_str().unwrap();
        let token = gateway.sign(&claims(text("audience"), text("requiredScope")));
        let live = Client {
            url: base.clone(),
            token,
        }
        .result("tools/list", json!({}))
        .await;
        assert_eq!(onedoor["tools"], live["tools"], "{}", demo.slug);
        assert_eq!(live["tools"].as_array().unwrap().len(), 5);

        let health = base.join(text("healthPath")).unwrap();
        assert_eq!(crate::http().get(health).send().await.unwrap().status(), 200);
    }
}

#[test]
fn a_manifest_is_a_server_json_with_our_part() {
    let url = "http://127.0.0.1:9101/mcp".parse().unwrap();
    for demo in DEMOS {
        let manifest: Value = serde_json::from_str(&(demo.manifest)(&url)).unwrap();
        assert!(manifest["$schema"].as_str().unwrap().contains("/2025-12-11/"));
        assert_eq!(manifest["name"], format!("dev.onedoor.demo/{}", demo.slug));
        assert!((1..=100).contains(&manifest["description"].as_str().unwrap().len()));
        assert!((1..=100).contains(&manifest["title"].as_str().unwrap().len()));
        assert!(
            manifest["version"]
                .as_str()
                .is_some_and(|version| !version.is_empty())
        );
        let mut onedoor = manifest["_meta"]["dev.onedoor/server"].clone();
        onedoor.as_object_mut().unwrap().remove("tools");
        assert_eq!(
            onedoor,
            json!({
                "slug": demo.slug, "owner": "demo-owner", "audience": demo.audience, "requiredScope": demo.scope,
                "strategy": "gateway-issued", "healthPath": "/healthz",
                "timeouts": { "connectMs": 2000, "firstByteMs": 30000, "totalMs": 300000 },
            })
        );
    }
}
