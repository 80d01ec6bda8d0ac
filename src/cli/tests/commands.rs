//! What commands send, and how often.

use clap::CommandFactory;
use serde_json::json;

use super::{
    CommandLine, Ran, onedoor, run, server,
    stub::{Reply, Stub},
};

fn shown() -> Reply {
    Reply::json(200, &server()).header("etag", "\"17\"")
}

fn done() -> Reply {
    Reply::json(200, &server()).header("onedoor-revision", "18")
}

#[tokio::test]
async fn a_command_on_a_version_looks_first_and_shows_what_it_acts_on() {
    let stub = Stub::new([shown(), done()]).await;
    let Ran { code, out, err } = onedoor(&[
        "server", "approve", "finance", "--reason", "reviewed", "--url", &stub.url,
    ])
    .await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        stub.asked(),
        [
            "GET /api/v1/servers/finance",
            "POST /api/v1/servers/finance/approve"
        ]
    );
    let command = &stub.seen()[1];
    assert_eq!(command.header("if-match"), Some("\"17\""));
    assert_eq!(command.header("content-type"), Some("application/json"));
    assert_eq!(command.json(), json!({"reason": "reviewed"}));
    // The tie shown is that of the version to be approved, not of the one in production.
    assert!(
        err.contains("version 2: owner finance-team, url http://127.0.0.1:9009/mcp, audience api://finance"),
        "{err}"
    );
    assert_eq!(
        out,
        "finance: live, latest version 2, version 1 in production, 1 of 2 tools disabled (revision 18)\n"
    );
}

#[tokio::test]
async fn each_verb_has_its_path_and_body() {
    let guarded: [(&[&str], &str, &str); 5] = [
        (
            &["server", "promote", "finance", "--version", "1"],
            "POST /api/v1/servers/finance/promote",
            r#"{"version":1}"#,
        ),
        (
            &["server", "enable", "finance"],
            "POST /api/v1/servers/finance/enable",
            "{}",
        ),
        (
            &["server", "retire", "finance", "--reason", "old"],
            "POST /api/v1/servers/finance/retire",
            r#"{"reason":"old"}"#,
        ),
        (
            &["tool", "enable", "finance", "book"],
            "POST /api/v1/servers/finance/tools/book/enable",
            "{}",
        ),
        (
            &["server", "approve", "finance"],
            "POST /api/v1/servers/finance/approve",
            "{}",
        ),
    ];
    for (args, asked, body) in guarded {
        let stub = Stub::new([done()]).await;
        let ran = onedoor(&[args, &["--url", &stub.url, "--if-match", "12"]].concat()).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(
            stub.asked(),
            [asked],
            "nothing is looked up where the version is given"
        );
        let command = &stub.seen()[0];
        assert_eq!(
            (command.header("if-match"), command.body.as_str()),
            (Some("\"12\""), body)
        );
    }
}

#[tokio::test]
async fn what_always_wins_asks_nothing_and_names_no_version() {
    let restrictive: [(&[&str], &str); 2] = [
        (
            &["server", "disable", "finance"],
            "POST /api/v1/servers/finance/disable",
        ),
        (
            &["tool", "disable", "finance", "book"],
            "POST /api/v1/servers/finance/tools/book/disable",
        ),
    ];
    for (args, asked) in restrictive {
        let stub = Stub::new([done()]).await;
        let ran = onedoor(&[args, &["--reason", "leaks", "--url", &stub.url]].concat()).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(stub.asked(), [asked]);
        assert_eq!(stub.seen()[0].header("if-match"), None);
        assert_eq!(stub.seen()[0].json(), json!({"reason": "leaks"}));
    }
}

#[tokio::test]
async fn a_manifest_is_sent_byte_for_byte() {
    let manifest = "{ \"any\":\r\n\t\"thing\u{e9}\" , }";
    let stub = Stub::new([Reply::json(201, &server()), shown(), done()]).await;
    let Ran { code, err, .. } = run(
        &["server", "register", "-", "--url", &stub.url],
        Some("t"),
        manifest,
    )
    .await;
    assert_eq!(code, 0, "{err}");
    assert!(
        err.contains("next: a Security.Admin approves where its tokens go: onedoor server approve finance"),
        "{err}"
    );
    let args = [
        "server", "update", "finance", "-", "--reason", "größer", "--url", &stub.url,
    ];
    assert_eq!(run(&args, Some("t"), manifest).await.code, 0);
    assert_eq!(
        stub.asked(),
        [
            "POST /api/v1/servers",
            "GET /api/v1/servers/finance",
            "PUT /api/v1/servers/finance"
        ]
    );
    let seen = stub.seen();
    assert_eq!(
        (seen[0].body.as_str(), seen[2].body.as_str()),
        (manifest, manifest)
    );
    assert_eq!(seen[0].header("if-match"), None);
    assert_eq!(seen[2].header("if-match"), Some("\"17\""));
    assert_eq!(seen[2].header("onedoor-reason"), Some("gr%C3%B6%C3%9Fer"));
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_with_the_same_key() {
    let unready = || Reply::text(503, "{}").header("retry-after", "0");
    for first in [Reply::lost(), unready()] {
        let stub = Stub::new([first, done().header("idempotent-replayed", "true")]).await;
        let ran = onedoor(&["server", "disable", "finance", "--url", &stub.url]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("an earlier try had done it already"), "{ran:?}");
        let seen = stub.seen();
        let keys: Vec<_> = seen
            .iter()
            .map(|seen| seen.header("idempotency-key").unwrap())
            .collect();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
        assert_eq!(seen[0].body, seen[1].body);
    }
    // Negative control: another command has another key.
    let stub = Stub::new([done(), done()]).await;
    for _ in 0..2 {
        onedoor(&["server", "disable", "finance", "--url", &stub.url]).await;
    }
    let seen = stub.seen();
    assert_ne!(
        seen[0].header("idempotency-key"),
        seen[1].header("idempotency-key")
    );
}

#[tokio::test]
async fn grants_are_added_and_removed() {
    let id = "0193a5c4-7b1e-7000-8000-000000000009";
    let grant = json!({"id": id, "issuer": "demo", "tenant": "t", "group": "g", "server": "finance", "stage": "qa", "version": 18,
        "changed": {"revision": 18, "time": "2026-11-24T07:00:18Z"}});
    let stub = Stub::new([
        Reply::json(201, &grant).header("onedoor-revision", "18"),
        Reply::json(
            200,
            &json!({"enforced": {"revision": 19, "confirmed": ["a"], "expired": [], "tookMs": 7}}),
        ),
    ])
    .await;
    let add = [
        "grant", "add", "--issuer", "demo", "--tenant", "t", "--group", "g", "--server", "finance",
        "--stage", "qa",
    ];
    let ran = onedoor(&[add.as_slice(), &["--url", &stub.url]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("group g") && ran.out.contains("(all)"),
        "{ran:?}"
    );
    let ran = onedoor(&["grant", "remove", id, "--reason", "left", "--url", &stub.url]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("after 7 ms: confirmed by a"), "{ran:?}");
    let seen = stub.seen();
    assert_eq!(
        seen[0].json(),
        json!({"issuer": "demo", "tenant": "t", "group": "g", "server": "finance", "stage": "qa"})
    );
    assert_eq!(stub.asked()[1], format!("DELETE /api/v1/grants/{id}"));
    assert_eq!(seen[1].header("onedoor-reason"), Some("left"));
    assert!(seen[1].header("idempotency-key").is_some());
}

#[tokio::test]
async fn blocks_are_of_a_user_or_of_a_client() {
    let block = |target: serde_json::Value| {
        let mut block =
            json!({"id": "b1", "version": 18, "changed": {"revision": 18, "time": "2026-11-24T07:00:18Z"}});
        block
            .as_object_mut()
            .unwrap()
            .extend(target.as_object().unwrap().clone());
        Reply::json(201, &block)
    };
    let user = json!({"user": {"issuer": "demo", "tenant": "t", "user": "u"}});
    let app = json!({"client": {"issuer": "demo", "client": "c"}});
    let stub = Stub::new([block(user.clone()), block(app.clone())]).await;
    let of_user = [
        "block", "add", "--issuer", "demo", "--tenant", "t", "--user", "u", "--url", &stub.url,
    ];
    let of_app = [
        "block", "add", "--issuer", "demo", "--client", "c", "--reason", "rogue", "--url", &stub.url,
    ];
    for args in [of_user.as_slice(), &of_app] {
        let ran = onedoor(args).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("(ever)"), "{ran:?}");
    }
    let seen = stub.seen();
    assert_eq!(seen[0].json(), user);
    assert_eq!(
        seen[1].json(),
        json!({"client": {"issuer": "demo", "client": "c"}, "reason": "rogue"})
    );
}

#[tokio::test]
async fn shown_settings_can_be_edited_and_given_back() {
    let settings = json!({"tokenBSeconds": 300, "version": 4, "changed": {"revision": 4, "time": "2026-11-24T07:00:04Z"}});
    let stub = Stub::new([
        Reply::json(200, &settings).header("etag", "\"4\""),
        Reply::json(200, &settings),
        Reply::json(200, &settings).header("etag", "\"4\""),
        Reply::json(200, &settings),
    ])
    .await;
    let shown = onedoor(&["settings", "show", "--format", "json", "--url", &stub.url]).await;
    let edited = shown.out.replace("300", "60");
    let set = ["settings", "set", "-", "--url", &stub.url];
    assert_eq!(run(&set, Some("t"), &edited).await.code, 0);
    let bare = "{ \"tokenBSeconds\": 60 }";
    let ran = run(&set, Some("t"), bare).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let path = "/api/v1/settings";
    assert_eq!(
        stub.asked(),
        ["GET", "PUT", "GET", "PUT"].map(|method| format!("{method} {path}"))
    );
    let seen = stub.seen();
    assert_eq!(seen[1].json(), json!({"tokenBSeconds": 60}));
    assert_eq!(
        (seen[1].header("if-match"), seen[3].header("if-match")),
        (Some("\"4\""), Some("\"4\""))
    );
    assert_eq!(seen[3].body, bare);
}

#[tokio::test]
async fn an_issuer_is_changed_as_it_was_last_seen() {
    let issuer = json!({"name": "demo", "urls": ["u"], "tenants": ["t"], "jwksUri": "k", "authorizationServer": "a",
        "algorithms": ["RS256"], "data": {"audiences": ["d"], "clients": ["c"]}, "version": 6,
        "changed": {"revision": 6, "time": "2026-11-24T07:00:06Z"}});
    let stub = Stub::new([
        Reply::json(200, &json!({"issuers": [issuer]})),
        Reply::json(200, &issuer).header("onedoor-revision", "7"),
        Reply::json(200, &issuer).header("onedoor-revision", "8"),
    ])
    .await;
    let update = ["issuer", "update", "demo", "-", "--url", &stub.url];
    let ran = run(&update, Some("t"), "{\"name\": \"demo\"}").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(stub.seen()[1].header("if-match"), Some("\"6\""));
    let mut edited = issuer.clone();
    edited["version"] = 5.into();
    assert_eq!(run(&update, Some("t"), &edited.to_string()).await.code, 0);
    let path = "/api/v1/issuers";
    assert_eq!(
        stub.asked(),
        [
            format!("GET {path}"),
            format!("PUT {path}/demo"),
            format!("PUT {path}/demo")
        ]
    );
    let given_back = &stub.seen()[2];
    assert_eq!(
        given_back.header("if-match"),
        Some("\"5\""),
        "what was edited counts, not what is there now"
    );
    assert!(given_back.json().get("changed").is_none());
}

#[tokio::test]
async fn wrong_usage_ends_with_two_and_asks_nothing() {
    let stub = Stub::new([]).await;
    let wrong: [&[&str]; 9] = [
        &["server", "show", "Not-A-Slug"],
        &["server", "enable", "finance", "--if-match", "W/x"],
        &["tool", "disable", "finance", ".."],
        &[
            "grant", "add", "--issuer", "demo", "--tenant", "t", "--server", "finance", "--stage", "qa",
        ],
        &[
            "grant", "add", "--issuer", "demo", "--tenant", "t", "--server", "f", "--stage", "qa", "--group",
            "g", "--role", "r",
        ],
        &["block", "add", "--issuer", "demo"],
        &["block", "add", "--issuer", "demo", "--user", "u"],
        &[
            "block", "add", "--issuer", "demo", "--user", "u", "--tenant", "t", "--client", "c",
        ],
        &["audit", "calls", "--all", "--limit", "5"],
    ];
    for args in wrong {
        let ran = onedoor(&[args, &["--url", &stub.url]].concat()).await;
        assert_eq!(ran.code, 2, "{args:?} {ran:?}");
    }
    assert!(stub.asked().is_empty());
}

/// clap takes two arguments of one id for the same, without a word: `--user` of an audit would be the user to act as.
#[test]
fn no_verb_has_an_option_with_the_id_of_one_it_inherits() {
    fn walk(command: &clap::Command, inherited: &[String]) {
        let mut globals = inherited.to_vec();
        for argument in command.get_arguments() {
            let id = argument.get_id().to_string();
            assert!(
                !inherited.contains(&id),
                "{} has another {id}",
                command.get_name()
            );
            globals.extend(argument.is_global_set().then_some(id));
        }
        for verb in command.get_subcommands() {
            walk(verb, &globals);
        }
    }
    walk(&CommandLine::command(), &[]);
}
