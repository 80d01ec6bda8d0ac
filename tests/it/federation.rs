//! `/mcp`: all of the caller's tools under full names.

use onedoor_tests::{dev::Dev, mcp::Mcp, sdk::Sdk};
use serde_json::{Value, json};

use crate::door;

fn endpoint(dev: &Dev) -> String {
    format!("{}/mcp", dev.places.data_url)
}

async fn all(dev: &Dev, user: &str) -> Mcp {
    Mcp::new(&dev.http, &endpoint(dev), &dev.token(user).await)
}

#[tokio::test]
async fn the_list_is_what_the_caller_may_call_in_production() {
    let (dev, _upstream) = door().await;
    let tools = all(&dev, "analyst").await.tools().await;
    assert!(tools.is_sorted());
    let listed: Value = dev
        .http
        .get(format!("{}/tools", dev.places.data_url))
        .bearer_auth(dev.token("analyst").await.expose())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let expected: Vec<&str> = listed["tools"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tool| tool["stage"] == "production" && tool["method"].is_null())
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(tools, expected);
    assert!(
        tools.contains(&"edge__echo".to_owned()) && tools.contains(&"finance__get_balance".to_owned()),
        "{tools:?}"
    );
    assert!(!tools.iter().any(|tool| tool.starts_with("hr__")));
    // Who holds grants for QA alone sees nothing here.
    assert_eq!(all(&dev, "admin").await.tools().await, [""; 0]);
}

#[tokio::test]
async fn pages_hold_every_tool_once() {
    let (dev, _upstream) = door().await;
    let admin = dev.admin("admin").await;
    let whole = all(&dev, "analyst").await.tools().await;
    admin.set(|settings| settings["limits"]["page"] = json!(3)).await;
    let mcp = all(&dev, "analyst").await;
    assert_eq!(mcp.tools().await, whole);
    // A cursor of this list is good for no other.
    let cursor = mcp.request("tools/list", json!({})).await.result()["nextCursor"].clone();
    let params = json!({ "cursor": cursor });
    assert!(mcp.request("tools/list", params.clone()).await.is_answered());
    let other = dev.mcp("finance", "analyst").await;
    assert_eq!(
        other.request("tools/list", params.clone()).await.error().0,
        -32602
    );
    let stranger = all(&dev, "manager").await;
    assert_eq!(stranger.request("tools/list", params).await.error().0, -32602);
}

#[tokio::test]
async fn a_call_reaches_its_server_under_the_tools_own_name() {
    let (dev, upstream) = door().await;
    let answer = all(&dev, "analyst")
        .await
        .call("edge__echo", json!({ "text": "hi" }))
        .await;
    assert!(answer.is_answered(), "{}", answer.text);
    let seen = upstream.requests().pop().unwrap();
    assert_eq!((seen.tool(), seen.header("mcp-name")), ("echo", Some("echo")));
    let call = dev.settled_calls(1).await.pop().unwrap();
    assert_eq!(
        (&call["server"], &call["tool"], &call["outcome"], &call["call"]),
        (
            &json!("edge"),
            &json!("echo"),
            &json!("succeeded"),
            &json!(answer.call_id())
        )
    );
}

#[tokio::test]
async fn what_may_not_be_known_is_an_unknown_tool_word_for_word() {
    let (dev, upstream) = door().await;
    let mcp = all(&dev, "analyst").await;
    let mut told = Vec::new();
    for tool in [
        "hr__find_employee",
        "hr__nothing",
        "nowhere__tool",
        "nonsense",
        "edge__nothing",
        "Edge__echo",
        "__",
    ] {
        let error = mcp.call(tool, json!({})).await.last()["error"].clone();
        assert_eq!(error["message"], format!("Unknown tool: {tool}"));
        told.push((error["code"].clone(), error["data"]["reason"].clone()));
    }
    assert!(
        told.iter()
            .all(|one| *one == (json!(-32602), json!("unknown_tool"))),
        "{told:?}"
    );
    assert_eq!(upstream.requests().len(), 0);
    // The record has the true reasons.
    let calls = dev.settled_calls(7).await;
    let reasons: Vec<&str> = calls.iter().map(|call| call["cause"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "server_not_granted",
            "server_not_granted",
            "unknown_server",
            "unknown_tool",
            "unknown_tool",
            "unknown_server",
            "unknown_server"
        ]
    );
}

#[tokio::test]
async fn a_dead_server_delays_no_list_and_no_other_servers_call() {
    let (dev, upstream) = door().await;
    drop(upstream);
    let mcp = all(&dev, "analyst").await;
    assert!(mcp.tools().await.contains(&"edge__echo".to_owned()));
    assert!(
        mcp.call("finance__get_balance", json!({ "account": "reserve" }))
            .await
            .is_answered()
    );
    assert_eq!(
        mcp.call("edge__echo", json!({})).await.error().1,
        "upstream_unreachable"
    );
}

#[tokio::test]
async fn the_sdks_clients_list_and_call() {
    let dev = Dev::start().await;
    let token = dev.token("analyst").await;
    for sdk in [Sdk::Python, Sdk::TypeScript] {
        let answers = sdk
            .run(&json!({
                "url": endpoint(&dev),
                "token": token.expose(),
                "steps": [
                    { "op": "list" },
                    { "op": "call", "tool": "finance__get_balance", "arguments": { "account": "reserve" } },
                ],
            }))
            .await;
        assert_eq!(answers[0]["server"]["name"], "onedoor");
        assert!(
            answers[1]["tools"]
                .to_string()
                .contains("\"finance__get_balance\"")
        );
        assert_eq!(
            answers[2]["result"]["structuredContent"]["balanceCents"],
            500_000_000
        );
    }
}
