//! The command line as a person has it, against an admin API that answers by script.

mod access;
mod audit;
mod commands;
mod failures;
mod reads;
mod secrets;
mod stub;

use clap::Parser;
use serde_json::{Value, json};

use super::{Command, conclude, process::Process, screen::Screen, token::Token};

/// A token that must show up nowhere but in requests.
const TOKEN: &str = "header.payload-4711.signature";

#[derive(Debug, Parser)]
#[command(name = "onedoor")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

/// Runs a command with a token in its environment.
async fn onedoor(args: &[&str]) -> Ran {
    run(args, Some(TOKEN), "").await
}

async fn run(args: &[&str], token: Option<&str>, input: &str) -> Ran {
    let parsed = CommandLine::try_parse_from(["onedoor"].iter().chain(args));
    let command = match parsed {
        Ok(CommandLine { command }) => command,
        Err(error) => {
            let text = error.render().to_string();
            let code = u8::try_from(error.exit_code()).unwrap();
            let (out, err) = if error.use_stderr() {
                (String::new(), text)
            } else {
                (text, String::new())
            };
            return Ran { code, out, err };
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut process = Process {
        input: &mut input.as_bytes(),
        out: Screen::new(&mut out, None),
        notes: Screen::new(&mut err, None),
        token: token.and_then(Token::new),
    };
    let result = super::run(command, &mut process).await;
    let code = conclude(result, &mut process);
    Ran {
        code,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// A server with an approved version in production and a later one, whose tokens go elsewhere, that waits for approval.
fn server() -> Value {
    let touch = |revision: u64, who: &str| {
        json!({"revision": revision, "time": format!("2026-11-24T07:00:{revision:02}Z"), "actor":
            {"kind": "caller", "issuer": "demo", "tenant": "t", "user": format!("id-{who}"), "client": "cli", "displayName": who}})
    };
    let tie = |url: &str| {
        json!({"owner": "finance-team", "url": url, "audience": "api://finance", "strategy": "gateway-issued",
            "requiredScope": "finance.call"})
    };
    json!({
        "id": "0193a5c4-7b1e-7000-8000-000000000001", "slug": "finance", "name": "com.example/finance", "title": "Finance",
        "description": "Books and converts amounts", "owner": "finance-team", "url": "http://127.0.0.1:9001/mcp",
        "audience": "api://finance", "requiredScope": "finance.call", "strategy": "gateway-issued", "version": 17,
        "status": "live", "latest": 2, "production": 1,
        "versions": [
            {"number": 1, "version": "1.0.0", "digest": "aa11", "approved": true, "approvedBy": touch(3, "Sam"),
             "submitted": touch(2, "Otto"), "tools": 2, "tie": tie("http://127.0.0.1:9001/mcp")},
            {"number": 2, "version": "1.1.0", "digest": "bb22", "approved": false, "submitted": touch(16, "Otto"), "tools": 2,
             "tie": tie("http://127.0.0.1:9009/mcp")},
        ],
        "tools": [
            {"name": "convert", "title": "Convert", "description": "Converts an amount", "disabled": false, "digest": "cc"},
            {"name": "book", "description": "Books an amount", "disabled": true, "digest": "dd"},
        ],
        "registered": touch(2, "Otto"), "changed": touch(17, "Sam"),
    })
}
