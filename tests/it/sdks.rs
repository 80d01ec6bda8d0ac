//! The SDKs' clients through the door, to servers made with the Rust and the Python SDK; and what the record says of it.

use onedoor_tests::{admin::Holder, dev::Dev, ledger::Ledger, sdk::Sdk};
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn the_python_client_uses_the_rust_servers() {
    uses_finance(Sdk::Python).await;
}

#[tokio::test]
async fn the_typescript_client_uses_the_rust_servers() {
    uses_finance(Sdk::TypeScript).await;
}

#[tokio::test]
async fn the_python_client_uses_the_python_server() {
    uses_the_ledger(Sdk::Python).await;
}

#[tokio::test]
async fn the_typescript_client_uses_the_python_server() {
    uses_the_ledger(Sdk::TypeScript).await;
}

async fn uses_finance(sdk: Sdk) {
    let dev = Dev::start().await;
    let token = dev.token("analyst").await;
    let answers = sdk
        .run(&json!({
            "url": dev.endpoint("finance"),
            "token": token.expose(),
            "steps": [
                { "op": "list" },
                { "op": "call", "tool": "get_balance", "arguments": { "account": "reserve" } },
                { "op": "call", "tool": "reconcile_ledger", "arguments": { "entries": 3, "pauseMs": 10 }, "progress": true },
                { "op": "call", "tool": "post_payment",
                  "arguments": { "payee": "Eve", "amountCents": 1, "currency": "EUR" } },
                { "op": "call", "tool": "find_employee", "arguments": { "query": "a" } },
                { "op": "call", "tool": "reconcile_ledger", "arguments": { "entries": 500, "pauseMs": 20 },
                  "progress": true, "cancelAfterProgress": 2 },
            ],
        }))
        .await;
    let [connect, list, balance, reconcile, payment, unknown, cancelled] = answers.as_slice() else {
        panic!("{answers:?}")
    };

    assert_eq!(connect["protocolVersion"], "2026-07-28");
    assert_eq!(connect["server"]["name"], "finance");
    assert_eq!(
        connect["capabilities"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["tools"]
    );
    assert_eq!(
        names(list),
        [
            "convert_currency",
            "get_balance",
            "post_payment",
            "reconcile_ledger",
            "slow_report"
        ]
    );
    let balance = &balance["result"]["structuredContent"];
    assert_eq!(balance["balanceCents"], 500_000_000);
    let user = &token.claims()["oid"];
    assert_eq!(&balance["actedFor"]["user"], user);
    assert_eq!(balance["actedFor"]["client"], dev.places.client_id.as_str());
    assert_eq!(reconcile["progress"].as_array().unwrap().len(), 3);
    assert_eq!(reconcile["progress"][2]["message"], "entry 3 of 3");
    assert_eq!(reconcile["result"]["structuredContent"]["entries"], 3);
    assert_eq!(payment["result"]["isError"], true);
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(cancelled["cancelled"], true, "{cancelled}");

    // The tool was told, and the record says so.
    let outcomes = [
        ("get_balance", "succeeded"),
        ("reconcile_ledger", "succeeded"),
        ("post_payment", "tool_error"),
        ("reconcile_ledger", "cancelled"),
        ("find_employee", "denied"),
    ];
    let calls = dev.settled_calls(outcomes.len()).await;
    assert_eq!(summary(&calls), outcomes);
    for call in &calls {
        assert_eq!((&call["user"], &call["server"]), (user, &json!("finance")));
        assert_eq!(call["client"], dev.places.client_id.as_str());
        assert_eq!(call["userName"], "Ana Lyst");
        assert_eq!(call["traceId"].as_str().unwrap().len(), 32);
    }
    let health = dev.places.finance_url.replace("/mcp", "/healthz");
    let health: Value = dev.http.get(health).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (
            &health["longRunning"]["cancelled"],
            &health["longRunning"]["running"]
        ),
        (&json!(1), &json!(0))
    );
}

async fn uses_the_ledger(sdk: Sdk) {
    let dev = Dev::start().await;
    let ledger = Ledger::start(&dev.places.data_url).await;
    let admin = dev.admin("admin").await;
    admin.open(&ledger.manifest).await;
    let analysts: Holder = dev.analysts();
    for tool in ["whoami", "count", "fail"] {
        admin.grant(&analysts, "ledger", Some(tool), "production").await;
    }
    let token = dev.token("analyst").await;
    let script = |headers: Value, steps: Value| json!({ "url": dev.endpoint("ledger"), "token": token.expose(), "headers": headers, "steps": steps });
    // The trace context of the client: in HTTP headers, as W3C has it, and then in `_meta`, as MCP has it.
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let by_header = script(
        json!({ "traceparent": parent }),
        json!([
            { "op": "list" },
            { "op": "call", "tool": "whoami" },
            { "op": "call", "tool": "count", "arguments": { "steps": 4 }, "progress": true },
        ]),
    );
    let by_header = sdk.run(&by_header).await;
    let by_meta = script(
        json!({}),
        json!([
            { "op": "call", "tool": "fail", "arguments": { "text": "on purpose" }, "meta": { "traceparent": parent } },
            { "op": "call", "tool": "echo", "arguments": { "text": "not granted" }, "meta": { "traceparent": parent } },
            { "op": "call", "tool": "ohce", "arguments": { "text": "not there" }, "meta": { "traceparent": parent } },
        ]),
    );
    let by_meta = sdk.run(&by_meta).await;

    assert_eq!(names(&by_header[1]), ["count", "fail", "whoami"]);
    let claims = &by_header[2]["result"]["structuredContent"];
    assert_eq!(claims["iss"], dev.places.data_url.as_str());
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!("api://ledger"), &json!("ledger.use"))
    );
    assert_eq!(claims["sub"], token.claims()["oid"]);
    assert_eq!(claims["client_id"], dev.places.client_id.as_str());
    assert_eq!(by_header[3]["progress"].as_array().unwrap().len(), 4);
    assert_eq!(by_header[3]["result"]["structuredContent"]["result"], 4);
    assert_eq!(by_meta[1]["result"]["isError"], true);
    // Word for word the same, but for the name asked for.
    let (hidden, missing) = (&by_meta[2]["error"], &by_meta[3]["error"]);
    assert_eq!(hidden["code"], -32602);
    let told = |error: &Value, name: &str| {
        let mut error = error.clone();
        error["data"]["callId"] = Value::Null;
        error.to_string().replace(name, "NAME")
    };
    assert_eq!(told(hidden, "echo"), told(missing, "ohce"));

    let calls = dev.settled_calls(5).await;
    let outcomes = [
        ("whoami", "succeeded"),
        ("count", "succeeded"),
        ("fail", "tool_error"),
        ("echo", "denied"),
        ("ohce", "denied"),
    ];
    assert_eq!(summary(&calls), outcomes);
    assert!(calls.iter().all(|call| call["traceId"] == TRACE), "{calls:?}");

    // The upstream saw the three calls that were let through, each with its own Token B and in the same trace.
    // What else it saw is the door's question what it speaks.
    let mut requests = ledger.requests();
    requests.retain(|request| {
        request["body"]
            .as_str()
            .is_some_and(|body| body.contains("tools/call"))
    });
    assert_eq!(requests.len(), 3, "{requests:?}");
    for request in requests {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        let parent = body["params"]["_meta"]["traceparent"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(parent.contains(TRACE), "{parent}");
        let header = |name: &str| {
            let headers = request["headers"].as_array().unwrap();
            headers
                .iter()
                .find(|header| header[0] == name)
                .map(|header| header[1].as_str().unwrap().to_owned())
        };
        assert_eq!(header("traceparent").as_deref(), Some(parent.as_str()));
        assert_ne!(
            header("authorization").unwrap(),
            format!("Bearer {}", token.expose())
        );
    }
    assert!(!ledger.journal().contains(token.signature()));
}

fn names(list: &Value) -> Vec<&str> {
    list["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

/// Tool and outcome of each call. A refusal does not wait for its record, so those come among the others when they come.
fn summary(calls: &[Value]) -> Vec<(&str, &str)> {
    let is_denied = |call: &&Value| call["outcome"] == "denied";
    let (denied, made): (Vec<&Value>, Vec<&Value>) = calls.iter().partition(is_denied);
    made.into_iter()
        .chain(denied)
        .map(|call| (call["tool"].as_str().unwrap(), call["outcome"].as_str().unwrap()))
        .collect()
}
