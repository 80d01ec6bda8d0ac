//! Clients sign in by themselves: the OAuth clients of the SDKs and the Inspector, unmodified, from a first request without a token to a call.

mod client;
mod document;
mod door;

use onedoor_tests::dev::Dev;
use serde_json::{Value, json};

use client::Client;
use document::Document;

#[tokio::test]
async fn python_2_signs_in() {
    signs_in(Client::Python2).await;
}

#[tokio::test]
async fn python_1_signs_in() {
    signs_in(Client::Python1).await;
}

#[tokio::test]
async fn typescript_2_signs_in() {
    signs_in(Client::TypeScript2).await;
}

#[tokio::test]
async fn typescript_1_signs_in() {
    signs_in(Client::TypeScript1).await;
}

/// Once as a client that registers, once as one that has a document.
async fn signs_in(client: Client) {
    let document = Document::start().await;
    let dev = Dev::start_trusting(document.authority()).await;
    let registered = client.run(&script(&dev)).await;
    check(&registered);
    let mut script = script(&dev);
    script["clientMetadataUrl"] = json!(document.url());
    let described = client.run(&script).await;
    check(&described);
    assert_eq!(described["clientId"], document.url());

    let calls = dev.settled_calls(2).await;
    for (call, signed_in) in calls.iter().zip([&registered, &described]) {
        assert_eq!(
            (&call["client"], &call["userName"]),
            (&signed_in["clientId"], &json!("Ana Lyst"))
        );
        assert_eq!(call["outcome"], "succeeded");
    }
}

#[tokio::test]
async fn the_inspector_signs_in() {
    let dev = Dev::start().await;
    let mut script = script(&dev);
    for era in ["modern", "legacy"] {
        script["era"] = json!(era);
        let answer = Client::Inspector.run(&script).await;
        let acted_for = &answer["result"]["structuredContent"]["actedFor"];
        assert_eq!(acted_for["name"], "Ana Lyst", "{era}: {answer}");
    }
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser() {
    let dev = Dev::start().await;
    let mut script = script(&dev);
    script["chromium"] = json!(true);
    check(&Client::TypeScript2.run(&script).await);
}

fn script(dev: &Dev) -> Value {
    json!({ "url": dev.endpoint("finance"), "user": "analyst", "tool": "get_balance" })
}

/// The client listed what its user may call, called it in their name and its own, and renewed its token in between.
fn check(signed_in: &Value) {
    let tools = signed_in["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("get_balance")), "{signed_in}");
    let acted_for = &signed_in["result"]["actedFor"];
    assert_eq!(
        (&acted_for["name"], &acted_for["client"]),
        (&json!("Ana Lyst"), &signed_in["clientId"])
    );
    assert_eq!(signed_in["renewed"], true, "{signed_in}");
}
