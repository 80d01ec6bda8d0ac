//! Real clients of the session revisions, with real servers of theirs.

use onedoor_tests::{dev::Dev, sdk::Sdk, session_servers::SessionServer};
use serde_json::{Value, json};

const SDKS: [Sdk; 2] = [Sdk::Python1, Sdk::TypeScript1];

/// A door in front of this server, all tools of which `analyst` may call.
async fn door(server: &SessionServer) -> Dev {
    let dev = Dev::start().await;
    let admin = dev.admin("admin").await;
    let slug = &server.manifest.slug;
    admin.open(&server.manifest).await;
    admin.grant(&dev.analysts(), slug, None, "production").await;
    dev
}

async fn run(sdk: Sdk, dev: &Dev, url: &str, steps: Value) -> Vec<Value> {
    let token = dev.token("analyst").await;
    let answers = json!({ "elicitation": { "name": "Ada" }, "sampling": "short" });
    sdk.run(&json!({ "url": url, "token": token.expose(), "answers": answers, "steps": steps }))
        .await
}

fn text(step: &Value) -> &str {
    step["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{step}"))
}

#[tokio::test]
async fn they_use_the_reference_server() {
    let server = SessionServer::everything().await;
    let dev = door(&server).await;
    let url = dev.endpoint("everything");
    for sdk in SDKS {
        let steps = json!([
            { "op": "list" },
            { "op": "ping" },
            { "op": "call", "tool": "echo", "arguments": { "message": "hi" } },
            { "op": "call", "tool": "trigger-long-running-operation", "arguments": { "duration": 1, "steps": 4 }, "progress": true },
            { "op": "setLevel", "level": "error" },
            { "op": "call", "tool": "nothing" },
        ]);
        let answers = run(sdk, &dev, &url, steps).await;
        let [connect, list, ping, echo, long, level, unknown] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        assert_eq!(connect["protocolVersion"], "2025-11-25");
        assert_eq!(connect["server"]["name"], "everything");
        assert_eq!(
            connect["capabilities"],
            json!({ "logging": {}, "tools": { "listChanged": true } })
        );
        let (listed, declared) = (list["tools"].as_array().unwrap(), &server.manifest.tools);
        assert_eq!(listed.len(), declared.len());
        assert!(
            ping["error"].is_null() && level["error"].is_null(),
            "{ping} {level}"
        );
        assert_eq!(text(echo), "Echo: hi");
        assert_eq!(long["progress"].as_array().unwrap().len(), 4, "{sdk:?} {long}");
        assert_eq!(unknown["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn they_are_asked_by_the_python_server() {
    let server = SessionServer::interview().await;
    let dev = door(&server).await;
    let url = dev.endpoint("interview");
    for sdk in SDKS {
        let steps = json!([
            { "op": "call", "tool": "greet" },
            { "op": "call", "tool": "summarize", "arguments": { "text": "long" } },
            { "op": "call", "tool": "count", "arguments": { "steps": 3 }, "progress": true },
        ]);
        let answers = run(sdk, &dev, &url, steps).await;
        assert_eq!(text(&answers[1]), "Hello Ada");
        assert_eq!(text(&answers[2]), "Summary: short");
        assert_eq!(answers[3]["progress"][2]["message"], "step 3");
        assert_eq!(answers[3]["logs"], json!(["counted 1", "counted 2", "counted 3"]));
    }
    let calls = dev.settled_calls(6).await;
    assert!(
        calls
            .iter()
            .all(|call| call["outcome"] == "succeeded" && call["server"] == "interview"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn they_come_back_to_a_stream_that_broke_off() {
    let server = SessionServer::resumable().await;
    let dev = door(&server).await;
    let url = dev.endpoint("resumable");
    for sdk in SDKS {
        let answers = run(sdk, &dev, &url, json!([{ "op": "call", "tool": "relay" }])).await;
        assert_eq!(text(&answers[1]), "relayed", "{sdk:?}");
        assert_eq!(answers[1]["logs"], json!(["before", "meanwhile"]), "{sdk:?}");
    }
    let calls = dev.settled_calls(2).await;
    let outcomes: Vec<&Value> = calls.iter().map(|call| &call["outcome"]).collect();
    assert_eq!(outcomes, ["succeeded", "succeeded"]);
}

#[tokio::test]
async fn they_use_all_servers_at_once() {
    let server = SessionServer::interview().await;
    let dev = door(&server).await;
    let url = format!("{}/mcp", dev.places.data_url);
    for sdk in SDKS {
        let steps = json!([
            { "op": "list" },
            { "op": "call", "tool": "interview__greet" },
            { "op": "call", "tool": "finance__get_balance", "arguments": { "account": "reserve" } },
            { "op": "call", "tool": "interview__summarize", "arguments": { "text": "long" } },
        ]);
        let answers = run(sdk, &dev, &url, steps).await;
        assert_eq!(answers[0]["server"]["name"], "onedoor");
        let names: Vec<&str> = answers[1]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap())
            .collect();
        assert!(
            names.contains(&"interview__greet") && names.contains(&"finance__get_balance"),
            "{names:?}"
        );
        assert_eq!(text(&answers[2]), "Hello Ada");
        assert_eq!(
            answers[3]["result"]["structuredContent"]["balanceCents"],
            500_000_000
        );
        assert_eq!(text(&answers[4]), "Summary: short");
    }
}
