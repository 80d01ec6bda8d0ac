//! How it ends when it does not end well.

use std::io;

use serde_json::json;
use tokio::net::TcpListener;

use super::{
    Ran, onedoor, run, server,
    stub::{Reply, Stub},
};
use crate::cli::{conclude, failure::Failure, process::Process, screen::Screen};

fn problem(status: u16, reason: &str, detail: &str, more: &serde_json::Value) -> Reply {
    let mut problem = json!({"type": format!("https://onedoor.dev/problems/{reason}"), "title": "Sorry", "status": status,
        "detail": detail, "reason": reason});
    problem
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Reply::json(status, &problem).header("content-type", "application/problem+json")
}

#[tokio::test]
async fn what_won_is_told_in_words() {
    let won = json!({"currentVersion": 21, "won": {"revision": 21, "what": "ServerDisabled", "time": "2026-11-24T07:00:21Z", "reason": "leaked key",
        "actor": {"kind": "caller", "issuer": "demo", "tenant": "t", "user": "5c07", "client": "cli", "displayName": "Addie Min"}}});
    let stub = Stub::new([
        Reply::json(200, &server()).header("etag", "\"17\""),
        problem(409, "version_passed", "the server was disabled", &won),
    ])
    .await;
    let Ran { code, out, err } = onedoor(&["server", "promote", "finance", "--url", &stub.url]).await;
    assert_eq!((code, out.as_str()), (3, ""));
    let told = err.split_once("error: ").unwrap().1;
    assert_eq!(
        told,
        "Sorry: the server was disabled (409 version_passed)\n  \
         the command was for revision 17 of it, there is revision 21 now\n  \
         revision 21 (ServerDisabled) won, by Addie Min (5c07) at 2026-11-24T07:00:21.000Z: leaked key\n\
         hint: look at what is there now, then decide anew\n"
    );
}

#[tokio::test]
async fn only_what_was_overtaken_is_to_be_looked_at_again() {
    let stub = Stub::new([problem(
        409,
        "not_approved",
        "version 1 is not approved",
        &json!({}),
    )])
    .await;
    let ran = onedoor(&[
        "server",
        "promote",
        "finance",
        "--if-match",
        "17",
        "--url",
        &stub.url,
    ])
    .await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (3, "error: Sorry: version 1 is not approved (409 not_approved)\n")
    );
}

#[tokio::test]
async fn every_fault_of_the_input_is_told() {
    let faults = json!({"errors": [
        {"pointer": "/_meta/dev.onedoor~1server/slug", "message": "is missing", "hint": "add a slug"},
        {"pointer": "", "message": "has \u{1b}[2J", "hint": ""},
    ]});
    let stub = Stub::new([problem(
        422,
        "manifest_invalid",
        "the manifest is not valid",
        &faults,
    )])
    .await;
    let ran = run(&["server", "register", "-", "--url", &stub.url], Some("t"), "{}").await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "error: Sorry: the manifest is not valid (422 manifest_invalid)\n\
         POINTER                          PROBLEM        HINT\n\
         /_meta/dev.onedoor~1server/slug  is missing     add a slug\n\
         (the document)                   has \\u{1b}[2J\n"
    );
}

#[tokio::test]
async fn a_status_has_its_exit_code() {
    let expected: [(u16, u8, &str); 8] = [
        (400, 1, "400"),
        (
            401,
            4,
            "the token must be for the admin plane and not yet expired",
        ),
        (403, 4, "this needs Security.Admin"),
        (404, 5, "404"),
        (410, 5, "410"),
        (409, 3, "409"),
        (428, 1, "428"),
        (500, 1, "500"),
    ];
    for (status, code, words) in expected {
        let stub = Stub::new([problem(
            status,
            "some_reason",
            "this needs Security.Admin",
            &json!({}),
        )])
        .await;
        let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
        assert_eq!(ran.code, code, "{status}: {ran:?}");
        assert!(ran.err.contains(words), "{status}: {ran:?}");
        assert_eq!(stub.asked().len(), 1, "{status} is not tried again");
    }
}

#[tokio::test]
async fn not_ready_twice_is_told() {
    let behind =
        || problem(503, "behind", "revision 9 has not come here yet", &json!({})).header("retry-after", "0");
    let stub = Stub::new([behind(), behind()]).await;
    let ran = onedoor(&["server", "list", "--url", &stub.url]).await;
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.err.contains("503 behind"), "{ran:?}");
    assert_eq!(stub.asked().len(), 2);
}

#[tokio::test]
async fn nobody_there_is_told() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    for args in [["server", "show", "finance"], ["server", "disable", "finance"]] {
        let ran = onedoor(&[args.as_slice(), &["--url", &url]].concat()).await;
        assert_eq!(ran.code, 6);
        let expected =
            format!("error: cannot reach {url}: is Onedoor running? (Connection refused (os error 111))\n");
        assert_eq!(
            ran.err, expected,
            "nothing was sent, so nothing can have been done"
        );
    }
}

#[tokio::test]
async fn a_command_that_may_have_been_done_says_so() {
    let lost = || [Reply::lost(), Reply::lost()];
    let stub = Stub::new(lost()).await;
    let ran = onedoor(&["server", "disable", "finance", "--url", &stub.url]).await;
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(
        ran.err
            .contains("whether the command was carried out is not known"),
        "{ran:?}"
    );
    assert_eq!(stub.asked().len(), 2);
    let stub = Stub::new(lost()).await;
    let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(
        !ran.err.contains("carried out"),
        "a read changes nothing: {ran:?}"
    );
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    for (kind, code) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut process = Process {
            input: &mut io::empty(),
            out: Screen::new(&mut out, None),
            notes: Screen::new(&mut err, None),
            token: None,
        };
        assert_eq!(conclude(Err(Failure::Output(kind.into())), &mut process), code);
        assert_eq!(err.is_empty(), code == 0);
    }
}

#[tokio::test]
async fn what_is_no_admin_plane_is_told() {
    let login = Reply::text(200, "<html>\u{1b}]0;owned\u{7}</html>");
    let gateway = Reply::text(502, "bad gateway\u{1b}[2J\n");
    let stub = Stub::new([login, gateway]).await;
    let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is this the admin plane"), "{ran:?}");
    let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (1, "error: bad gateway\\u{1b}[2J (502)\n")
    );
}

#[tokio::test]
async fn a_token_follows_no_redirect() {
    let elsewhere = Stub::new([Reply::json(200, &server())]).await;
    let stub = Stub::new([Reply::text(307, "").header("location", &format!("{}/x", elsewhere.url))]).await;
    let ran = onedoor(&["server", "show", "finance", "--url", &stub.url]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_wrong_usage() {
    for url in [
        "https://me:secret@door.example",
        "ftp://door.example",
        "http://me:secret@door.example",
    ] {
        let ran = onedoor(&["server", "list", "--url", url]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.err.contains("cannot be used") && !ran.err.contains("secret"),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn a_manifest_is_checked_without_a_door() {
    let ran = run(&["manifest", "check", "-"], None, "{\"name\": 1}").await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("POINTER"), "{ran:?}");
    assert!(ran.out.contains("/name"), "{ran:?}");
    let faults = ran.out.lines().count() - 1;
    assert!(faults > 1, "{ran:?}");
    assert_eq!(
        ran.err,
        format!("error: the manifest is not valid: {faults} faults\n")
    );

    let ran = run(
        &["manifest", "check", "-", "--format", "json"],
        None,
        "{\"name\": 1}",
    )
    .await;
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &told["valid"]), (1, &json!(false)));
    assert_eq!(told["errors"].as_array().unwrap().len(), faults);

    let valid = json!({"$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "com.example/finance", "description": "Books amounts", "version": "1.0.0",
        "remotes": [{"type": "streamable-http", "url": "https://finance.example.com/mcp"}],
        "_meta": {"dev.onedoor/server": {"slug": "finance", "owner": "finance-team", "audience": "api://finance",
            "requiredScope": "finance.call", "strategy": "gateway-issued",
            "tools": [{"name": "book", "description": "Books", "inputSchema": {"type": "object"}}]}}});
    let ran = run(&["manifest", "check", "-"], None, &valid.to_string()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        "finance is valid: 1 tool (book); tokens for api://finance, scope finance.call, at https://finance.example.com/mcp\n"
    );

    let ran = run(&["manifest", "check", "/nonexistent/manifest.json"], None, "").await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .starts_with("error: cannot read /nonexistent/manifest.json: No such file"),
        "{ran:?}"
    );
}
