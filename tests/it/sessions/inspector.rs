//! The MCP Inspector's command line, unmodified, in each of its eras.

use std::process::Output;

use onedoor_tests::{binary, dev::Dev, session_servers::SessionServer, wait};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::{all, door};

/// It has a tool called.
async fn call(dev: &Dev, url: &str, era: &str, tool: &str) -> Output {
    let here = binary::here().join("clients/oauth/node_modules/.bin");
    let home = TempDir::new().unwrap();
    let authorization = format!("Authorization: Bearer {}", dev.token("analyst").await.expose());
    let arguments = [
        "--cli",
        "--transport",
        "http",
        "--server-url",
        url,
        "--header",
        &authorization,
        "--protocol-era",
        era,
        "--stored-auth-only",
        "--method",
        "tools/call",
        "--tool-name",
        tool,
        "--format",
        "json",
    ];
    let run = Command::new(here.join("node"))
        .arg(here.join("mcp-inspector"))
        .args(arguments)
        .env("HOME", home.path())
        .env("MCP_INSPECTOR_SECRET_STORE", "memory")
        .kill_on_drop(true)
        .output();
    wait::within("the Inspector", run)
        .await
        .unwrap_or_else(|error| panic!("{error}; run scripts/setup-tests.sh"))
}

fn answer(output: &Output) -> Value {
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    serde_json::from_slice(out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(out)))
}

#[tokio::test]
async fn it_calls_a_server_of_both_eras_in_each() {
    let dev = Dev::start().await;
    for era in ["legacy", "auto", "modern"] {
        for (url, tool) in [
            (dev.endpoint("finance"), "get_balance"),
            (all(&dev), "finance__get_balance"),
        ] {
            let answer = answer(&call(&dev, &url, era, tool).await);
            assert!(
                answer["result"]["structuredContent"]["balanceCents"].is_u64(),
                "{era}: {answer}"
            );
        }
    }
    // A tool that it may not know.
    let unknown = call(&dev, &dev.endpoint("finance"), "legacy", "find_employee").await;
    assert_eq!(unknown.status.code(), Some(5), "{unknown:?}");
}

#[tokio::test]
async fn it_falls_back_where_there_are_only_sessions() {
    let server = SessionServer::resumable().await;
    let dev = door(&server.manifest).await;
    let url = dev.endpoint("resumable");
    for era in ["legacy", "auto"] {
        let answer = answer(&call(&dev, &url, era, "outlast").await);
        assert_eq!(
            answer["result"]["content"][0]["text"], "outlasted",
            "{era}: {answer}"
        );
    }
    let insists = call(&dev, &url, "modern", "outlast").await;
    assert!(!insists.status.success(), "{insists:?}");
}
