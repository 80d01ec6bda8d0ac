//! What a newcomer does first: the commands that `onedoor dev` prints, and the question an auditor asks.

use onedoor_tests::{binary, dev::Dev, wait};
use serde_json::json;
use tokio::process::Command;

use crate::door;

#[tokio::test]
async fn the_commands_that_are_printed_do_what_they_say() {
    let dev = Dev::start().await;
    let greeting = wait::until("the greeting", async || {
        let output = String::from_utf8(dev.output()).unwrap();
        output.contains("Ctrl-C stops").then_some(output)
    })
    .await;
    let begin = greeting.find("Get a token").unwrap();
    // Commands are indented; what follows a backslash belongs to the line before. The last one asks the audit.
    let mut commands: Vec<String> = greeting[begin..]
        .lines()
        .filter(|line| line.starts_with("  "))
        .map(|line| line.replace("./onedoor", binary::onedoor().to_str().unwrap()))
        .collect();
    let audit = commands.pop().unwrap();
    assert!(audit.contains("audit calls"), "{audit}");
    let said = shell(&commands.join("\n")).await;
    for expected in [
        "\"finance__get_balance\"",
        "\"balanceCents\"",
        "Ana Lyst",
        "EUR/USD",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    // An answer does not wait for its outcome to be recorded and projected: that takes a moment.
    wait::until("the call on the record", async || {
        let said = shell(&audit).await;
        (said.contains("Ana Lyst") && said.contains("get_balance") && said.contains("succeeded"))
            .then_some(())
    })
    .await;
}

/// What a script says that must succeed.
async fn shell(script: &str) -> String {
    let shell = Command::new("sh").args(["-e", "-c", script]).output();
    let output = wait::within("the commands", shell).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{said}\n{errors}");
    said
}

#[tokio::test]
async fn the_auditor_learns_who_called_a_tool_last_week() {
    let (dev, _upstream) = door().await;
    let token = dev.token("analyst").await;
    let user = token.claims()["oid"].as_str().unwrap().to_owned();
    assert!(
        dev.mcp_with("edge", &token)
            .call("echo", json!({}))
            .await
            .is_answered()
    );
    assert!(
        dev.mcp_with("finance", &token)
            .call("get_balance", json!({}))
            .await
            .is_answered()
    );
    assert!(
        dev.mcp("hr", "manager")
            .await
            .call("find_employee", json!({ "query": "a" }))
            .await
            .is_answered()
    );
    dev.settled_calls(3).await;

    let ask = ["--server", "finance", "--tool", "get_balance", "--since", "7d"];
    let [call] = dev.calls(&ask).await.try_into().unwrap();
    assert_eq!(
        (&call["user"], &call["client"]),
        (&json!(user), &json!(dev.places.client_id))
    );
    for (filter, number) in [
        (["--user", user.as_str()], 2),
        (["--user", "Max Nager"], 1),
        (["--client", dev.places.client_id.as_str()], 3),
        (["--outcome", "tool_error"], 0),
        (["--until", "1h"], 0),
    ] {
        assert_eq!(dev.calls(&filter).await.len(), number, "{filter:?}");
    }
    for format in ["table", "csv"] {
        let output = dev
            .cli(&[&["audit", "calls", "--format", format], &ask[..]].concat())
            .await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        for expected in [
            "get_balance",
            "Ana Lyst",
            "succeeded",
            call["traceId"].as_str().unwrap(),
        ] {
            assert!(
                output.stdout.contains(expected),
                "{expected} in {}",
                output.stdout
            );
        }
        assert!(!output.stdout.contains("echo"), "{}", output.stdout);
    }
    // Those who may call tools may not read of others.
    let refused = dev.cli(&["audit", "calls", "--as", "analyst"]).await;
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (4, ""),
        "{}",
        refused.stderr
    );
}
