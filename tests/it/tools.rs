//! `GET /tools`.

use onedoor_tests::{dev::Dev, token::Token};
use reqwest::Response;
use serde_json::{Value, json};

use crate::door;

async fn get(dev: &Dev, query: &str, token: &Token, etag: Option<&str>) -> Response {
    let request = dev
        .http
        .get(format!("{}/tools{query}", dev.places.data_url))
        .bearer_auth(token.expose());
    let request = match etag {
        Some(etag) => request.header("If-None-Match", etag),
        None => request,
    };
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_callers_tools_are_listed_in_pages_and_in_order() {
    let (dev, _upstream) = door().await;
    let analyst = dev.token("analyst").await;
    let all: Value = get(&dev, "", &analyst, None).await.json().await.unwrap();
    let all = all["tools"].as_array().unwrap().clone();
    let names: Vec<&str> = all.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(
        names.is_sorted() && names.contains(&"edge__echo") && names.contains(&"finance__get_balance"),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.starts_with("hr__")));
    let balance = all
        .iter()
        .find(|tool| tool["name"] == "finance__get_balance")
        .unwrap();
    assert_eq!(balance["url"], dev.endpoint("finance"));
    assert_eq!(balance["inputSchema"]["type"], "object");
    assert_eq!(
        (&balance["server"], &balance["stage"]),
        (&json!("finance"), &json!("production"))
    );

    let (mut pages, mut query) = (Vec::new(), "?limit=4".to_owned());
    let cursor = loop {
        let page: Value = get(&dev, &query, &analyst, None).await.json().await.unwrap();
        pages.extend(page["tools"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("?limit=4&cursor={cursor}"),
            None => break query,
        }
    };
    assert_eq!(pages, all);
    // A cursor is its caller's own, and of its list.
    let manager = dev.token("manager").await;
    assert_eq!(get(&dev, &cursor, &manager, None).await.status(), 400);
    assert_eq!(
        get(&dev, &format!("{cursor}&server=finance"), &analyst, None)
            .await
            .status(),
        400
    );
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?cursor=x", "?page=2"] {
        let refused = get(&dev, query, &analyst, None).await;
        assert_eq!(refused.status(), 400, "{query}");
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let (dev, _upstream) = door().await;
    let analyst = dev.token("analyst").await;
    let first = get(&dev, "?server=edge", &analyst, None).await;
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(
        get(&dev, "?server=edge", &analyst, Some(&etag)).await.status(),
        304
    );
    dev.admin("admin").await.stop("edge", "tools/echo/disable").await;
    let changed = get(&dev, "?server=edge", &analyst, Some(&etag)).await;
    assert_eq!(changed.status(), 200);
    assert!(!changed.text().await.unwrap().contains("edge__echo"));
}

#[tokio::test]
async fn a_batch_job_without_user_calls_what_its_role_may() {
    let dev = Dev::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "a4f18b73-0e5c-4d92-87b6-2c9d5e6f01a8"),
        ("client_secret", "demo-batch-secret"),
        ("scope", "api://onedoor/.default"),
    ];
    let answer: Value = dev
        .http
        .post(&dev.places.token_url)
        .form(&form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let finance = dev.mcp_with("finance", &Token::new(answer["access_token"].as_str().unwrap()));
    assert_eq!(finance.tools().await, ["get_balance"]);
    assert!(finance.call("get_balance", json!({})).await.is_answered());
    assert_eq!(finance.call("slow_report", json!({})).await.error().0, -32602);
    let calls = dev.settled_calls(2).await;
    assert!(calls.iter().all(|call| call["user"].is_null()), "{calls:?}");
}
