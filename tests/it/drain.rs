//! Stopping and starting again.

use onedoor_tests::{
    dev::Dev,
    log::{self, Stream},
    wait,
};
use serde_json::{Value, json};

use crate::door;

#[tokio::test]
async fn a_call_of_three_seconds_ends_with_its_answer_after_ctrl_c() {
    let mut dev = Dev::start().await;
    let finance = dev.mcp("finance", "analyst").await;
    let call = tokio::spawn(async move { finance.call("slow_report", json!({ "seconds": 3 })).await });
    let health = dev.places.finance_url.replace("/mcp", "/healthz");
    wait::until("the report at work", async || {
        let health: Value = dev.http.get(&health).send().await.unwrap().json().await.unwrap();
        (health["longRunning"]["running"] == 1).then_some(())
    })
    .await;
    dev.signal("INT").await;
    // No more calls are taken.
    wait::until("a closed door", async || {
        dev.http.get(&dev.places.data_url).send().await.err()
    })
    .await;
    assert_eq!(call.await.unwrap().result()["structuredContent"]["seconds"], 3);
    let status = dev.ended().await;
    assert_eq!(status.code(), Some(0));

    let audit = log::events(dev.folder(), Stream::Audit).await;
    let completed = log::of_type(&audit, "ToolCallCompleted");
    assert_eq!(
        (completed.len(), &completed[0]["data"]["outcome"]),
        (1, &json!("succeeded"))
    );
    let last = audit.last().unwrap();
    assert_eq!(
        (&last["type"], &last["data"]["how"]),
        (&json!("dev.onedoor.BootClosed.v1"), &json!("drained"))
    );
    assert_eq!(last["data"]["closed"], last["boot"]);
}

#[tokio::test]
async fn what_does_not_end_by_itself_is_cut_and_said_so() {
    let (mut dev, _upstream) = door().await;
    let edge = dev.mcp("edge", "analyst").await;
    let mut stream = edge.stream("endless", json!({})).await;
    stream.next().await.unwrap();
    dev.signal("TERM").await;
    let mut last = json!(null);
    while let Some(message) = stream.next().await {
        last = message;
    }
    assert_eq!(last["error"]["data"]["reason"], "draining", "{last}");
    assert_eq!(dev.ended().await.code(), Some(0));
    let dev = dev.restart().await;
    let calls = dev.settled_calls(1).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["cause"]),
        (&json!("cancelled"), &json!("drained"))
    );
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let (mut dev, _upstream) = door().await;
    let admin = dev.admin("admin").await;
    admin.stop("edge", "tools/fails/disable").await;
    // Even what the demonstration set up, and the user then changed.
    let grants = admin.get("/grants?server=finance").await.expect(200);
    let id = grants.body["grants"]
        .as_array()
        .unwrap()
        .iter()
        .find(|grant| grant["stage"] == "production")
        .unwrap();
    admin
        .delete(&format!("/grants/{}", id["id"].as_str().unwrap()))
        .await
        .expect(200);
    let analyst = dev.token("analyst").await;
    assert!(
        dev.mcp_with("edge", &analyst)
            .call("echo", json!({}))
            .await
            .is_answered()
    );
    let paths = [
        "/servers",
        "/grants",
        "/issuers",
        "/blocks",
        "/settings",
        "/servers/edge/history",
    ];
    let state = async |dev: &Dev| {
        let admin = dev.admin("admin").await;
        let mut state = Vec::new();
        for path in paths {
            let mut body = admin.get(path).await.expect(200).body;
            // How servers answer their probes is seen anew, not kept.
            for server in body["servers"].as_array_mut().into_iter().flatten() {
                server.as_object_mut().unwrap().remove("health");
            }
            state.push(body);
        }
        let keys = format!("{}/.well-known/jwks.json", dev.places.data_url);
        state.push(dev.http.get(keys).send().await.unwrap().json().await.unwrap());
        state.push(json!(dev.settled_calls(1).await));
        state
    };
    let before = state(&dev).await;
    assert_eq!(dev.stop().await.code(), Some(0));
    assert!(!dev.folder().join("dev.json").exists());

    let dev = dev.restart().await;
    assert_eq!(state(&dev).await, before);
    // A token of before is as good as it was.
    let edge = dev.mcp_with("edge", &analyst);
    assert!(edge.call("echo", json!({})).await.is_answered());
    assert_eq!(edge.call("fails", json!({})).await.error().1, "tool_disabled");
    assert_eq!(
        dev.mcp_with("finance", &analyst)
            .call("get_balance", json!({}))
            .await
            .error()
            .1,
        "unknown_server"
    );
}

#[tokio::test]
async fn a_second_door_on_the_same_folder_is_refused() {
    let dev = Dev::start().await;
    let output = std::process::Command::new(onedoor_tests::binary::onedoor())
        .args(["dev", "--free-ports", "--data"])
        .arg(dev.folder())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        dev.mcp("finance", "analyst")
            .await
            .call("get_balance", json!({}))
            .await
            .is_answered()
    );
}
