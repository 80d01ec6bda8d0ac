//! Targets: none leads out of the service, or to another tool than the one that was decided on.

use onedoor_tests::{mcp::Mcp, raw::RawAnswer};
use serde_json::json;

use super::Plain;

#[tokio::test]
async fn no_target_leads_out_of_the_service() {
    let plain = Plain::start().await;
    let unknown = plain.send_raw(&plain.raw("GET /http/plain/nothing")).await;
    assert_eq!(unknown.status, 404);
    for path in [
        "/http/plain/../items/1",
        "/http/plain/files/../../other",
        "/http/plain/files/%2e%2e/%2e%2e/other",
        "/http/plain/files/%2E./x",
        "/http/plain/files/.%2e/x",
        "/http/plain/files/./x",
        "/http/plain/files/%2e",
        "/http/plain/files/..%2f..%2fother",
        "/http/plain/files/a%2Fb",
        "/http/plain/files/..%5c..%5cother",
        "/http/plain/files/%252e%252e/other",
        "/http/plain/files/%25252e%25252e/other",
        "/http/plain/files/a%252fb",
        "/http/plain/files/%c0%ae%c0%ae/other",
        "/http/plain/files/%ff",
        "/http/plain/files/..;/other",
        "/http/plain/files/a;b",
        "/http/plain/files/a%3bb",
        "/http/plain/files//other",
        "/http/plain//files/other",
        "/http/plain/files/other/",
        "/http/plain/files/%00",
        "/http/plain/files/a%0d%0aX-Injected:1",
        "/http/plain/files/%",
        "/http/plain/files/%zz",
        "/http/plain/files/%u002e%u002e/other",
        "/http/plain/files/",
        "/http/plain/",
        "/http/plain",
        "/http/%70lain/files/x",
        "/http/PLAIN/files/x",
        "/http//plain/files/x",
        "/http/../http/plain/files/x",
        "/servers/plain/qa/http/files/x",
    ] {
        let answer = plain.send_raw(&plain.raw(&format!("GET {path}"))).await;
        assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{path}");
    }
    // What the HTTP library takes for no target at all.
    for path in ["/http/plain/files/a b", "/http/plain/files/\u{1}"] {
        let answer = plain.send_raw(&plain.raw(&format!("GET {path}"))).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    for path in [
        "/http/plain/files/..\\..\\other",
        "/http/plain/files/a|b",
        "/http/plain/files/{a}",
    ] {
        let answer = plain.send_raw(&plain.raw(&format!("GET {path}"))).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    assert_eq!(plain.targets(), [""; 0]);
}

#[tokio::test]
async fn a_good_target_is_sent_on_in_its_one_form() {
    let plain = Plain::start().await;
    for (method, path, sent) in [
        ("GET", "/http/plain/items/7", "/base/items/7"),
        ("DELETE", "/http/plain/items/7?force", "/base/items/7?force"),
        (
            "GET",
            "/http/plain/items/%7e%61%2D?q=%7e%zz&a[]=/../",
            "/base/items/~a-?q=%7e%zz&a[]=/../",
        ),
        (
            "GET",
            "/http/plain/files/a/b%20c/caf%c3%a9",
            "/base/files/a/b%20c/caf%C3%A9",
        ),
        ("GET", "/http/plain/files/..a/b..", "/base/files/..a/b.."),
        ("GET", "/http/plain/items/100%25", "/base/items/100%25"),
    ] {
        let answer = plain.send_raw(&plain.raw(&format!("{method} {path}"))).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert_eq!(
            plain.targets().last().unwrap(),
            &format!("{method} {sent}"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_target_in_absolute_form_names_the_door() {
    let plain = Plain::start().await;
    let address = plain.dev.data_address();
    let own = plain
        .send_raw(&plain.raw(&format!("GET http://{address}/http/plain/items/7")))
        .await;
    assert_eq!(own.status, 200);
    for start in [
        "GET http://evil.example/http/plain/items/7",
        "GET http://127.0.0.1:1/http/plain/items/7",
        "GET https://evil.example/http/plain/items/7",
    ] {
        assert_eq!(plain.send_raw(&plain.raw(start)).await.status, 421, "{start}");
    }
    let user = format!("GET http://user@{address}/http/plain/items/7");
    assert!(matches!(
        plain.send_raw(&plain.raw(&user)).await.status,
        400 | 421
    ));
    for (start, statuses) in [
        (format!("CONNECT {address}"), [400, 404]),
        ("OPTIONS *".to_owned(), [404, 405]),
        ("TRACE /http/plain/items/7".to_owned(), [405, 405]),
        ("OPTIONS /http/plain/items/7".to_owned(), [405, 405]),
        ("PROPFIND /http/plain/items/7".to_owned(), [405, 405]),
        ("get /http/plain/items/7".to_owned(), [405, 405]),
    ] {
        let status = plain.send_raw(&plain.raw(&start)).await.status;
        assert!(statuses.contains(&status), "{start}: {status}");
    }
    assert_eq!(plain.targets(), ["GET /base/items/7"]);
}

/// What of a head does not differ from call to call.
fn told(answer: &RawAnswer) -> (u16, Vec<String>, String) {
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    let varying = |line: &String| line.starts_with("onedoor-call-id:") || line.starts_with("date:");
    let head = lines.filter(|line| !varying(line)).collect();
    (answer.status, head, answer.body.clone())
}

#[tokio::test]
async fn what_a_caller_may_not_know_of_is_not_there() {
    let plain = Plain::start().await;
    let unknown = told(&plain.send_raw(&plain.raw("GET /http/nothing/items/7")).await);
    assert_eq!(unknown.0, 404);
    for start in [
        // Its literal route is another tool's.
        "GET /http/plain/items/secret",
        "GET /http/plain/items/%73ecret",
        "POST /http/plain/items/7",
        "GET /http/plain/nothing",
        "GET /http/plain/files/../x",
        // An MCP server, and one that exists at another stage only.
        "POST /http/finance/mcp",
        "GET /servers/plain/qa/http/items/7",
        "GET /http/hr/items/7",
    ] {
        assert_eq!(told(&plain.send_raw(&plain.raw(start)).await), unknown, "{start}");
    }
    // And in MCP it is not there either.
    for slug in ["plain", "nothing"] {
        let mcp = plain.dev.mcp_with(slug, &plain.token);
        let list = mcp.request("tools/list", json!({})).await;
        let call = mcp.call("item", json!({})).await;
        let unknown = (4004, "unknown_server".to_owned());
        assert_eq!((list.error(), call.error()), (unknown.clone(), unknown), "{slug}");
    }
    assert_eq!(plain.targets(), [""; 0]);
    // The control.
    let known = plain.send_raw(&plain.raw("GET /http/plain/items/public")).await;
    assert_eq!(known.status, 200);
}

#[tokio::test]
async fn each_stage_has_its_own_url() {
    let plain = Plain::start().await;
    let target = "/servers/plain/qa/http/answer?status=302&h-location=/base/items/9";
    assert_eq!(plain.get(target).await.status(), 404);
    let admin = plain.dev.admin("admin").await;
    admin.grant(&plain.dev.analysts(), "plain", None, "qa").await;
    let answer = plain.get(target).await;
    assert_eq!(answer.status(), 302);
    let through = format!("{}/servers/plain/qa/http/items/9", plain.dev.places.data_url);
    assert_eq!(answer.header("location"), Some(through.as_str()));
    let call = plain.dev.settled_calls(2).await.pop().unwrap();
    assert_eq!((&call["stage"], &call["tool"]), (&json!("qa"), &json!("answer")));
}

#[tokio::test]
async fn tools_are_listed_with_their_urls_and_not_in_mcp() {
    let plain = Plain::start().await;
    let url = format!("{}/tools?server=plain", plain.dev.places.data_url);
    let request = plain.dev.http.get(url).bearer_auth(plain.token.expose());
    let page: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let tools = page["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 11);
    let item = tools.iter().find(|tool| tool["tool"] == "item").unwrap();
    assert_eq!(item["method"], "GET");
    assert_eq!(
        item["url"],
        format!("{}/http/plain/items/{{id}}", plain.dev.places.data_url)
    );
    let all = format!("{}/mcp", plain.dev.places.data_url);
    let names = Mcp::new(&plain.dev.http, &all, &plain.token).tools().await;
    assert!(names.iter().any(|name| name.starts_with("finance__")));
    assert!(!names.iter().any(|name| name.starts_with("plain__")));
}
