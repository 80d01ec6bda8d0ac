//! What the record says of plain HTTP calls.

use onedoor_tests::wait;

use super::Plain;

#[tokio::test]
async fn every_call_and_every_denial_is_on_the_record() {
    let plain = Plain::start().await;
    for (target, outcome) in [
        ("/http/plain/items/4711?q=private", "succeeded"),
        ("/http/plain/answer?status=404", "tool_error"),
        ("/http/plain/answer?status=500", "upstream_error"),
        ("/http/plain/answer?status=401", "upstream_error"),
    ] {
        plain.get(target).await.text().await.unwrap();
        let calls = plain.dev.settled_calls(plain.targets().len()).await;
        assert_eq!(calls.last().unwrap()["outcome"], outcome, "{target}");
    }
    let calls = plain.dev.calls(&["--server", "plain", "--tool", "item"]).await;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["argumentsSize"], "/items/4711?q=private".len());
    assert_eq!(calls[0]["operation"], "GET /items/{id}");

    for (target, tool, reason) in [
        (
            "/http/plain/items/secret?q=private",
            Some("secret"),
            "tool_not_granted",
        ),
        ("/http/plain/4711", None, "unknown_tool"),
        ("/http/plain/files/../4711", None, "unknown_tool"),
        ("/http/finance/4711", None, "wrong_kind"),
        ("/http/nothing/4711", None, "unknown_server"),
    ] {
        let answer = plain.send_raw(&plain.raw(&format!("GET {target}"))).await;
        assert_eq!(answer.status, 404, "{target}");
        let denied = wait::until("the record of a denial", async || {
            let calls = plain.dev.calls(&["--outcome", "denied"]).await;
            calls
                .into_iter()
                .find(|call| call["cause"] == reason && call["tool"].as_str() == tool)
        })
        .await;
        let operation = if tool.is_some() {
            "GET /items/secret"
        } else {
            "GET"
        };
        assert_eq!(denied["operation"], operation, "{target}");
    }
    // Arguments are nowhere, neither in the record nor in what the door says of itself.
    let all = plain.dev.calls(&[]).await;
    let output = String::from_utf8_lossy(&plain.dev.output()).into_owned();
    for private in ["4711", "private"] {
        assert!(!output.contains(private), "{private}");
        assert!(
            !all.iter().any(|call| call.to_string().contains(private)),
            "{private}"
        );
    }
}
