//! The tools, in both eras.

use jsonschema::Validator;
use onedoor_demo::work::{Activity, ActivityCounts};
use onedoor_demo::{finance, hr};
use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::gateway::{Gateway, claims};
use crate::mcp::{Client, MODERN, content_type, sse_messages};

async fn finance_client() -> (Client, Activity) {
    let gateway = Gateway::new();
    let config = gateway.config().await;
    let activity = config.activity.clone();
    let url = crate::serve(finance::router(config)).await;
    (
        Client {
            url,
            token: gateway.sign(&claims(finance::AUDIENCE, finance::REQUIRED_SCOPE)),
        },
        activity,
    )
}

async fn hr_client() -> (Client, Activity) {
    let gateway = Gateway::new();
    let config = gateway.config().await;
    let activity = config.activity.clone();
    let url = crate::serve(hr::router(config)).await;
    (
        Client {
            url,
            token: gateway.sign(&claims(hr::AUDIENCE, hr::REQUIRED_SCOPE)),
        },
        activity,
    )
}

fn acted_for() -> Value {
    json!({ "user": "user-1", "name": "Ana Lyst", "client": "client-1" })
}

/// Calls a tool that succeeds: arguments and structured content hold to the tool's schemas.
async fn checked(client: &Client, tools: &[Tool], name: &str, arguments: Value) -> Value {
    let tool = tools.iter().find(|tool| tool.name == name).unwrap();
    let input: Validator = jsonschema::validator_for(&json!(tool.input_schema)).unwrap();
    input.validate(&arguments).unwrap();
    let result = client.tool(name, arguments).await;
    assert_eq!(result["isError"], false, "{result}");
    let content = result["structuredContent"].clone();
    jsonschema::validator_for(&json!(tool.output_schema))
        .unwrap()
        .validate(&content)
        .unwrap();
    content
}

#[tokio::test]
async fn discovery_offers_the_revision_and_tools_alone() {
    for (client, name) in [(finance_client().await.0, "finance"), (hr_client().await.0, "hr")] {
        let result = client.result("server/discover", json!({})).await;
        assert!(
            result["supportedVersions"]
                .as_array()
                .unwrap()
                .contains(&json!(MODERN)),
            "{result}"
        );
        let capabilities = result["capabilities"].as_object().unwrap();
        assert_eq!(capabilities.keys().collect::<Vec<_>>(), ["tools"]);
        assert_eq!(
            result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
            name
        );
    }
}

#[tokio::test]
async fn every_tool_is_described() {
    for tool in finance::tools().into_iter().chain(hr::tools()) {
        let json = json!(tool);
        for text in ["title", "description"] {
            assert!(json[text].as_str().is_some_and(|text| text.len() > 5), "{json}");
        }
        assert_eq!(json["inputSchema"]["additionalProperties"], false, "{json}");
        for (property, schema) in json["inputSchema"]["properties"].as_object().unwrap() {
            assert!(
                schema["description"].is_string(),
                "{} {property}: {schema}",
                tool.name
            );
        }
        assert!(json["annotations"]["readOnlyHint"].is_boolean(), "{json}");
    }
    let destructive = |tools: Vec<Tool>| -> Vec<String> {
        let hinted = |tool: &Tool| json!(tool)["annotations"]["destructiveHint"] == true;
        tools
            .iter()
            .filter(|tool| hinted(tool))
            .map(|tool| tool.name.to_string())
            .collect()
    };
    assert_eq!(destructive(finance::tools()), ["post_payment"]);
    assert_eq!(destructive(hr::tools()), ["fire_employee"]);
}

#[tokio::test]
async fn finance_answers() {
    let (client, _) = finance_client().await;
    let tools = finance::tools();
    assert_eq!(
        checked(&client, &tools, "get_balance", json!({})).await,
        json!({ "account": "operating", "balanceCents": 123_456_789, "currency": "EUR", "actedFor": acted_for() })
    );
    let payroll = checked(&client, &tools, "get_balance", json!({ "account": "payroll" })).await;
    assert_eq!(payroll["balanceCents"], 48_000_000);
    let order = json!({ "amountCents": 10_000, "from": "USD", "to": "EUR", "rounding": "down" });
    let converted = checked(&client, &tools, "convert_currency", order).await;
    assert_eq!(
        (&converted["amountCents"], &converted["currency"]),
        (&json!(9_216), &json!("EUR"))
    );
    let report = checked(&client, &tools, "slow_report", json!({ "seconds": 0 })).await;
    assert_eq!(report["seconds"], 0);
    let ledger = json!({ "entries": 2, "pauseMs": 0 });
    assert_eq!(
        checked(&client, &tools, "reconcile_ledger", ledger).await["entries"],
        2
    );
}

#[tokio::test]
async fn hr_answers() {
    let (client, _) = hr_client().await;
    let tools = hr::tools();
    assert_eq!(
        checked(&client, &tools, "find_employee", json!({ "query": "ana" })).await,
        json!({
            "employees": [{ "id": "E-1001", "name": "Ana Lyst", "team": "Finance" }],
            "actedFor": acted_for(),
        })
    );
    let vacation = checked(
        &client,
        &tools,
        "vacation_days",
        json!({ "employeeId": "E-1001" }),
    )
    .await;
    assert_eq!(
        (&vacation["entitled"], &vacation["left"]),
        (&json!(28), &json!(16))
    );
    let export = checked(&client, &tools, "slow_export", json!({ "seconds": 0 })).await;
    assert_eq!(export["employees"], 6);
    let sheets = json!({ "sheets": 2, "pauseMs": 0 });
    assert_eq!(
        checked(&client, &tools, "import_timesheets", sheets).await["sheets"],
        2
    );
}

#[tokio::test]
async fn failures_are_tool_errors_that_say_why() {
    let (finance, _) = finance_client().await;
    let (hr, _) = hr_client().await;
    let payment = json!({ "payee": "ACME", "amountCents": 1_205, "currency": "EUR" });
    for (client, tool, arguments, says) in [
        (
            &finance,
            "post_payment",
            payment,
            "Payment of EUR 12.05 to ACME refused",
        ),
        (
            &hr,
            "fire_employee",
            json!({ "employeeId": "E-1001", "reason": "late" }),
            "keeps the job",
        ),
        (
            &hr,
            "vacation_days",
            json!({ "employeeId": "E-9" }),
            "there is no employee E-9",
        ),
        (
            &finance,
            "slow_report",
            json!({ "seconds": 241 }),
            "241 is not between 0 and 240",
        ),
        (
            &finance,
            "get_balance",
            json!({ "account": "secret" }),
            "unknown variant `secret`",
        ),
        (
            &finance,
            "get_balance",
            json!({ "accounts": "payroll" }),
            "unknown field `accounts`",
        ),
    ] {
        let result = client.tool(tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(says), "{tool}: {text}");
    }
}

#[tokio::test]
async fn progress_streams_before_the_result() {
    let (finance, _) = finance_client().await;
    let (hr, _) = hr_client().await;
    for (client, tool, arguments) in [
        (finance, "reconcile_ledger", json!({ "entries": 3, "pauseMs": 1 })),
        (hr, "import_timesheets", json!({ "sheets": 3, "pauseMs": 1 })),
    ] {
        let asked = client.call(tool, arguments, json!({ "progressToken": "p-1" }));
        let response = asked.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), content_type(&response)),
            (200, "text/event-stream")
        );
        let messages = sse_messages(&response.text().await.unwrap());
        let (result, progress) = messages.split_last().unwrap();
        assert_eq!(
            (&result["id"], &result["result"]["isError"]),
            (&json!(7), &json!(false)),
            "{result}"
        );
        assert_eq!(progress.len(), 3, "{messages:?}");
        for (step, message) in (1..).zip(progress) {
            assert_eq!(message["method"], "notifications/progress");
            let params = &message["params"];
            assert_eq!(params["progressToken"], "p-1");
            assert_eq!(
                (params["progress"].as_f64(), params["total"].as_f64()),
                (Some(f64::from(step)), Some(3.0))
            );
            assert!(
                params["message"]
                    .as_str()
                    .unwrap()
                    .ends_with(&format!("{step} of 3"))
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_tool() {
    let (finance, finance_activity) = finance_client().await;
    let (hr, hr_activity) = hr_client().await;
    for (client, activity, tool) in [
        (&finance, &finance_activity, "slow_report"),
        (&hr, &hr_activity, "slow_export"),
    ] {
        let call = client.call(tool, json!({ "seconds": 240 }), json!({}));
        let waiting = tokio::spawn(call.send());
        crate::until("the tool runs", async || activity.counts().running == 1).await;
        waiting.abort();
        crate::until("the tool is cancelled", async || {
            activity.counts()
                == ActivityCounts {
                    running: 0,
                    finished: 0,
                    cancelled: 1,
                }
        })
        .await;
    }
}

#[tokio::test]
async fn hanging_up_in_the_middle_of_a_stream_cancels_too() {
    let (client, activity) = finance_client().await;
    let endless = json!({ "entries": 1000, "pauseMs": 100 });
    let call = client.call("reconcile_ledger", endless, json!({ "progressToken": 1 }));
    let mut response = call.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!(activity.counts().running, 1);
    drop(response);
    crate::until("the tool is cancelled", async || {
        activity.counts()
            == ActivityCounts {
                running: 0,
                finished: 0,
                cancelled: 1,
            }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_ends_is_not_cancelled() {
    let (client, activity) = finance_client().await;
    client.tool("slow_report", json!({ "seconds": 0 })).await;
    assert_eq!(
        activity.counts(),
        ActivityCounts {
            running: 0,
            finished: 1,
            cancelled: 0
        }
    );
    let health = crate::http()
        .get(client.url.join("/healthz").unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        health.json::<Value>().await.unwrap(),
        json!({ "status": "ok", "longRunning": { "running": 0, "finished": 1, "cancelled": 0 } })
    );
}

#[tokio::test]
async fn shutting_down_stops_what_runs() {
    let gateway = Gateway::new();
    let config = gateway.config().await;
    let (activity, shutdown) = (config.activity.clone(), config.shutdown.clone());
    let url = crate::serve(finance::router(config)).await;
    let client = Client {
        url,
        token: gateway.sign(&claims(finance::AUDIENCE, finance::REQUIRED_SCOPE)),
    };
    let call = tokio::spawn(
        client
            .call("slow_report", json!({ "seconds": 240 }), json!({}))
            .send(),
    );
    crate::until("the tool runs", async || activity.counts().running == 1).await;
    shutdown.cancel();
    crate::until("the tool is cancelled", async || activity.counts().cancelled == 1).await;
    assert!(call.await.unwrap().unwrap().status().is_server_error());
}

#[tokio::test]
async fn unknown_tools_and_removed_methods_are_errors() {
    let (client, _) = finance_client().await;
    let unknown = client
        .call("fire_employee", json!({}), json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 200);
    assert_eq!(unknown.json::<Value>().await.unwrap()["error"]["code"], -32602);
    let ping = client.modern("ping", json!({}), json!({})).send().await.unwrap();
    assert_eq!(ping.status(), 404);
    assert_eq!(ping.json::<Value>().await.unwrap()["error"]["code"], -32601);
}

#[tokio::test]
async fn the_session_era_is_served_without_sessions() {
    let (client, _) = finance_client().await;
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        },
    });
    let response = client.post(&hello).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("mcp-session-id"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");

    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(client.post(&initialized).send().await.unwrap().status(), 202);

    let call =
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "get_balance" } });
    let response = client
        .post(&call)
        .header("mcp-protocol-version", "2025-11-25")
        .send()
        .await
        .unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer["result"]["structuredContent"]["actedFor"],
        acted_for(),
        "{answer}"
    );
}
