//! A token shows up in requests and nowhere else.

use clap::CommandFactory;
use serde_json::json;
use tempfile::TempDir;

use super::{
    CommandLine, TOKEN, onedoor, server,
    stub::{Reply, Stub},
};

#[test]
fn no_option_takes_a_token() {
    fn options(command: &clap::Command, all: &mut Vec<String>) {
        all.extend(
            command
                .get_arguments()
                .map(|argument| argument.get_id().to_string()),
        );
        for verb in command.get_subcommands() {
            options(verb, all);
        }
    }
    let command = CommandLine::command();
    command.clone().debug_assert();
    let mut all = Vec::new();
    options(&command, &mut all);
    assert!(
        all.iter().any(|option| option == "if_match"),
        "the walk reaches the leaves"
    );
    assert!(!all.iter().any(|option| option.contains("token")), "{all:?}");
}

#[tokio::test]
async fn nothing_printed_holds_the_token() {
    let nowhere = TempDir::new().unwrap();
    let quoting = Reply::text(400, format!("you sent {}", &TOKEN[..6]));
    let stub = Stub::new([
        Reply::json(200, &server()),
        Reply::json(401, &json!({"detail": "expired"})),
        quoting,
        Reply::lost(),
        Reply::lost(),
        Reply::text(200, "not json"),
    ])
    .await;
    let asking = ["server", "show", "finance", "--url", &stub.url];
    let mut printed = Vec::new();
    for _ in 0..5 {
        printed.push(onedoor(&asking).await);
    }
    assert_eq!(stub.asked().len(), 6, "every answer of the script was given");
    printed.push(onedoor(&["--help"]).await);
    printed.push(onedoor(&["server", "show", "--help"]).await);
    printed.push(onedoor(&["server", "show", "finance", "--token", "x"]).await);
    printed.push(onedoor(&["server", "list", "--data", nowhere.path().to_str().unwrap()]).await);
    for ran in &printed {
        assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
    }
    // Negative control: the token was there to be printed.
    assert!(
        stub.seen()
            .iter()
            .all(|seen| seen.header("authorization").unwrap().contains(TOKEN))
    );
}
