//! Where commands go, and as whom.

use serde_json::json;
use tempfile::TempDir;

use super::{
    TOKEN, run,
    stub::{Reply, Stub},
};

fn no_servers() -> Reply {
    Reply::json(200, &json!({"servers": []}))
}

fn granted() -> Reply {
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "access_token": TOKEN, "expires_in": 3600}),
    )
}

/// A data folder as `onedoor dev` leaves it.
fn data(admin: &str, provider: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = json!({"dataUrl": "http://127.0.0.1:1", "adminUrl": admin, "tokenUrl": format!("{provider}/tenant/oauth2/v2.0/token"),
        "dataScope": "api://onedoor/.default", "adminScope": "api://onedoor-admin/.default", "clientId": "7d30",
        "users": ["analyst", "admin", "auditor"], "pid": 1});
    std::fs::write(folder.path().join("dev.json"), text.to_string()).unwrap();
    folder
}

#[tokio::test]
async fn a_development_door_is_found_and_signed_in_to() {
    let expected = [
        (vec!["server", "list"], "admin"),
        (vec!["audit", "calls", "--format", "json"], "auditor"),
        (vec!["server", "list", "--as", "owner"], "owner"),
    ];
    for (args, user) in expected {
        let provider = Stub::new([granted()]).await;
        let door = Stub::new([Reply::json(200, &json!({"servers": [], "calls": []}))]).await;
        let folder = data(&door.url, &provider.url);
        let ran = run(
            &[args, vec!["--data", folder.path().to_str().unwrap()]].concat(),
            None,
            "",
        )
        .await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let asked = &provider.seen()[0];
        assert_eq!(
            (asked.method.as_str(), asked.target.as_str()),
            ("POST", "/tenant/oauth2/v2.0/token")
        );
        assert_eq!(
            asked.body,
            format!(
                "grant_type=password&username={user}&client_id=7d30&scope=api%3A%2F%2Fonedoor-admin%2F.default"
            )
        );
        assert_eq!(
            door.seen()[0].header("authorization"),
            Some(&*format!("Bearer {TOKEN}"))
        );
    }
}

#[tokio::test]
async fn a_token_in_the_environment_goes_before_development_and_after_as() {
    let provider = Stub::new([granted()]).await;
    let door = Stub::new([no_servers(), no_servers()]).await;
    let folder = data(&door.url, &provider.url);
    let list = ["server", "list", "--data", folder.path().to_str().unwrap()];
    assert_eq!(run(&list, Some("own-token"), "").await.code, 0);
    assert!(provider.asked().is_empty());
    assert_eq!(
        run(
            &[list.as_slice(), &["--as", "admin"]].concat(),
            Some("own-token"),
            ""
        )
        .await
        .code,
        0
    );
    let tokens: Vec<_> = door
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer own-token".to_owned(), format!("Bearer {TOKEN}")]);
}

#[tokio::test]
async fn a_user_who_may_not_is_told_who_may() {
    let refused = Reply::json(
        403,
        &json!({"title": "No", "detail": "this needs Auditor", "reason": "forbidden"}),
    );
    let provider = Stub::new([granted()]).await;
    let door = Stub::new([refused]).await;
    let folder = data(&door.url, &provider.url);
    let args = [
        "audit",
        "calls",
        "--as",
        "analyst",
        "--data",
        folder.path().to_str().unwrap(),
    ];
    let ran = run(&args, None, "").await;
    assert_eq!(ran.code, 4);
    assert_eq!(
        ran.err,
        "error: No: this needs Auditor (403 forbidden)\nhint: in development, --as auditor may do this\n"
    );
}

#[tokio::test]
async fn a_token_is_printed_on_demand() {
    for (plane, scope) in [
        ("data", "onedoor%2F.default"),
        ("admin", "onedoor-admin%2F.default"),
    ] {
        let provider = Stub::new([granted()]).await;
        let folder = data("http://127.0.0.1:1", &provider.url);
        let args = [
            "token",
            "analyst",
            "--plane",
            plane,
            "--data",
            folder.path().to_str().unwrap(),
        ];
        let ran = run(&args, None, "").await;
        assert_eq!((ran.code, ran.out), (0, format!("{TOKEN}\n")));
        assert!(provider.seen()[0].body.ends_with(scope));
    }
}

#[tokio::test]
async fn a_user_nobody_knows_is_told_who_there_is() {
    let refused = json!({"error": "invalid_grant", "error_description": "AADSTS50034: The user account 'bob' does not exist.\r\nTrace ID: 1"});
    let provider = Stub::new([Reply::json(400, &refused)]).await;
    let folder = data("http://127.0.0.1:1", &provider.url);
    let ran = run(
        &["token", "bob", "--data", folder.path().to_str().unwrap()],
        None,
        "",
    )
    .await;
    assert_eq!(ran.code, 4);
    assert_eq!(
        ran.err,
        "error: no token for \"bob\": AADSTS50034: The user account 'bob' does not exist. (users: analyst, admin, auditor)\n"
    );
}

#[tokio::test]
async fn without_a_door_the_way_out_is_told() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    for args in [["server", "list"], ["token", "analyst"]] {
        let ran = run(&[args.as_slice(), &["--data", folder]].concat(), None, "").await;
        assert_eq!(ran.code, 6, "{ran:?}");
        assert!(
            ran.err
                .contains("dev.json: is `onedoor dev` running?: No such file"),
            "{ran:?}"
        );
        assert!(ran.err.contains("hint: start `onedoor dev`"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_development_token_goes_to_no_other_door() {
    let provider = Stub::new([granted()]).await;
    let door = Stub::new([no_servers()]).await;
    let folder = data("http://127.0.0.1:1", &provider.url);
    for more in [&[][..], &["--as", "admin"]] {
        let args = [
            &[
                "server",
                "list",
                "--url",
                &door.url,
                "--data",
                folder.path().to_str().unwrap(),
            ],
            more,
        ]
        .concat();
        let ran = run(&args, None, "").await;
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains("hint: set ONEDOOR_TOKEN"), "{ran:?}");
    }
    assert!(provider.asked().is_empty() && door.asked().is_empty());
}

#[tokio::test]
async fn a_folder_from_elsewhere_sends_no_token_abroad() {
    let door = Stub::new([no_servers()]).await;
    for folder in [
        data("http://door.example", &door.url),
        data(&door.url, "http://provider.example"),
    ] {
        let ran = run(
            &["server", "list", "--data", folder.path().to_str().unwrap()],
            Some(TOKEN),
            "",
        )
        .await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("not on this machine"), "{ran:?}");
    }
    assert!(door.asked().is_empty());
}
