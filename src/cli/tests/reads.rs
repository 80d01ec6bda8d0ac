//! What reads show.

use serde_json::{Value, json};

use super::{
    onedoor, server,
    stub::{Reply, Stub},
};

#[tokio::test]
async fn json_passes_through_what_the_api_gives() {
    let stub = Stub::new([Reply::json(200, &server())]).await;
    let ran = onedoor(&[
        "server", "show", "finance", "--format", "json", "--url", &stub.url,
    ])
    .await;
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), server());
}

#[tokio::test]
async fn no_answer_steers_a_terminal() {
    let mut evil = server();
    evil["description"] = "\u{9b}2J\u{202e}\u{1b}c".into();
    for format in ["json", "table"] {
        let stub = Stub::new([Reply::json(200, &evil)]).await;
        let ran = onedoor(&[
            "server", "show", "finance", "--format", format, "--url", &stub.url,
        ])
        .await;
        assert!(
            !ran.out.contains(['\u{9b}', '\u{202e}', '\u{1b}']),
            "{:?}",
            ran.out
        );
        assert!(
            ran.out.contains("9b") && ran.out.contains("202e"),
            "shown as escapes: {:?}",
            ran.out
        );
    }
}

#[tokio::test]
async fn a_server_is_shown_readably() {
    let stub = Stub::new([Reply::json(200, &server())]).await;
    let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
    let expected = "\
SERVER       finance
status       live
name         com.example/finance
title        Finance
description  Books and converts amounts
owner        finance-team
url          http://127.0.0.1:9001/mcp
registered   by Otto (id-Otto) at 2026-11-24T07:00:02.000Z
changed      at revision 17, by Sam (id-Sam) at 2026-11-24T07:00:17.000Z

VERSION  OF THE OWNER  STAGE       APPROVED                                     SUBMITTED                                      TOOLS  DIGEST
1        1.0.0         production  by Sam (id-Sam) at 2026-11-24T07:00:03.000Z  by Otto (id-Otto) at 2026-11-24T07:00:02.000Z  2      aa11
2        1.1.0         qa          no                                           by Otto (id-Otto) at 2026-11-24T07:00:16.000Z  2      bb22

VERSION  OWNER         URL                        AUDIENCE       SCOPE         STRATEGY
1        finance-team  http://127.0.0.1:9001/mcp  api://finance  finance.call  gateway-issued
2        finance-team  http://127.0.0.1:9009/mcp  api://finance  finance.call  gateway-issued

SERVER   TOOL     STATE     DESCRIPTION
finance  convert  enabled   Convert: Converts an amount
finance  book     disabled  Books an amount
";
    assert_eq!(ran.out, expected, "{}", ran.out);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let page = |slug: &str, next: Option<&str>| {
        let mut server = server();
        server["slug"] = slug.into();
        Reply::json(200, &json!({"servers": [server], "nextCursor": next}))
    };
    let pages = || [page("finance", Some("a/b+c")), page("hr", None)];
    let stub = Stub::new(pages()).await;
    let ran = onedoor(&["server", "list", "--status", "live", "--url", &stub.url]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        "SLUG     STATUS  LATEST  PRODUCTION  TOOLS  OWNER         URL\n\
         finance  live    2       1           2      finance-team  http://127.0.0.1:9001/mcp\n\
         hr       live    2       1           2      finance-team  http://127.0.0.1:9001/mcp\n"
    );
    assert_eq!(
        stub.asked(),
        [
            "GET /api/v1/servers?status=live",
            "GET /api/v1/servers?status=live&cursor=a%2Fb%2Bc"
        ]
    );
    let stub = Stub::new(pages()).await;
    let ran = onedoor(&["server", "list", "--format", "json", "--url", &stub.url]).await;
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&list["servers"][0]["slug"], &list["servers"][1]["slug"]),
        (&json!("finance"), &json!("hr"))
    );
    assert_eq!(ran.out.lines().count(), 4, "one server a line: {}", ran.out);
}

#[tokio::test]
async fn tools_are_listed_with_their_state() {
    let listed = "SERVER   TOOL     STATE     DESCRIPTION\n\
                  finance  convert  enabled   Convert: Converts an amount\n\
                  finance  book     disabled  Books an amount\n";
    let stub = Stub::new([
        Reply::json(200, &server()),
        Reply::json(200, &json!({"servers": [server()]})),
        Reply::json(200, &server()),
    ])
    .await;
    assert_eq!(
        onedoor(&["tool", "list", "finance", "--url", &stub.url])
            .await
            .out,
        listed
    );
    assert_eq!(onedoor(&["tool", "list", "--url", &stub.url]).await.out, listed);
    let ran = onedoor(&["tool", "list", "finance", "--format", "json", "--url", &stub.url]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&ran.out).unwrap(),
        json!({"tools": server()["tools"]})
    );
}

#[tokio::test]
async fn a_history_can_wait_for_a_revision() {
    let events = json!({"events": [{"revision": 9, "time": "2026-11-24T07:00:09.000Z", "type": "dev.onedoor.ServerDisabled.v1",
        "change": {"server": "01"}, "verdict": "effective"}]});
    let stub = Stub::new([Reply::json(200, &events)]).await;
    let ran = onedoor(&[
        "server",
        "history",
        "finance",
        "--at-least",
        "9",
        "--url",
        &stub.url,
    ])
    .await;
    assert_eq!(stub.asked(), ["GET /api/v1/servers/finance/history?at_least=9"]);
    assert!(ran.out.contains("ServerDisabled"), "{ran:?}");
}

#[tokio::test]
async fn issuers_and_blocks_are_listed() {
    let touch = json!({"revision": 1, "time": "2026-11-24T07:00:01Z", "actor": {"kind": "system", "name": "bootstrap"}});
    let plane = json!({"audiences": ["a1", "a2"], "clients": ["c1"], "requiredScope": "mcp.access"});
    let issuer = json!({"name": "demo", "urls": ["http://idp/v2.0"], "tenants": ["t"], "jwksUri": "http://idp/keys",
        "authorizationServer": "http://idp", "algorithms": ["RS256"], "data": plane, "version": 1, "changed": touch});
    let stub = Stub::new([
        Reply::json(200, &json!({"issuers": [issuer]})),
        Reply::json(200, &json!({"issuers": [], "nextCursor": "c"})),
        Reply::json(200, &json!({"issuers": [issuer]})),
        Reply::json(200, &json!({"issuers": [issuer]})),
        Reply::json(200, &json!({"blocks": []})),
    ])
    .await;
    let ran = onedoor(&["issuer", "list", "--url", &stub.url]).await;
    assert!(
        ran.out
            .contains("demo  http://idp/v2.0  t        RS256       data    2026-11-24T07:00:01.000Z"),
        "{ran:?}"
    );
    let ran = onedoor(&["issuer", "show", "demo", "--url", &stub.url]).await;
    assert!(
        ran.out
            .contains("audiences a1 a2; client apps c1; scope mcp.access"),
        "{ran:?}"
    );
    assert!(ran.out.contains("its tokens are no good there"), "{ran:?}");
    let ran = onedoor(&["issuer", "show", "other", "--url", &stub.url]).await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (5, "error: there is no issuer other\n")
    );
    let ran = onedoor(&["block", "list", "--url", &stub.url]).await;
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{ran:?}");
}
