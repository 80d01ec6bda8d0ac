//! The SDKs' own clients, unmodified, each in a process that follows a script.

use std::process::Stdio;

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{binary, wait};

/// An SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// `PyPI` `mcp`.
    Python,
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// `PyPI` `mcp` of major version 1, which speaks the session revisions.
    Python1,
    /// npm `@modelcontextprotocol/sdk`, likewise.
    TypeScript1,
}

impl Sdk {
    /// Runs a script: `url`, `token`, `headers`, `steps`, and in sessions `answers`. Gives one answer for the connection, then one for each step.
    ///
    /// # Panics
    /// The client failed otherwise than by an error that the server sent.
    pub async fn run(self, script: &Value) -> Vec<Value> {
        let mut client = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let client = client
            .as_mut()
            .unwrap_or_else(|error| panic!("{self:?}: {error}; run scripts/setup-tests.sh"));
        let mut stdin = client.stdin.take().unwrap();
        stdin
            .write_all(&serde_json::to_vec(script).unwrap())
            .await
            .unwrap();
        drop(stdin);
        let (mut out, mut err) = (client.stdout.take().unwrap(), client.stderr.take().unwrap());
        let (mut answers, mut notes) = (String::new(), String::new());
        let status = wait::within("the end of an SDK's client", async {
            use tokio::io::AsyncReadExt as _;
            let (read, noted, status) = tokio::join!(
                out.read_to_string(&mut answers),
                err.read_to_string(&mut notes),
                client.wait()
            );
            read.and(noted).and(status).unwrap()
        })
        .await;
        assert!(
            status.success(),
            "{self:?} ended with {status}\n{answers}\n{notes}"
        );
        answers
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn command(self) -> Command {
        let (mut command, client) = match self {
            Self::Python => (python(".venv"), "clients/python/client.py"),
            Self::Python1 => (python(".venv-1"), "clients/python/session.py"),
            Self::TypeScript => (node("clients/ts"), "clients/ts/client.mjs"),
            Self::TypeScript1 => (node("clients/ts-1"), "clients/ts-1/client.mjs"),
        };
        command.arg(binary::here().join(client)).kill_on_drop(true);
        command
    }
}

/// The Python of an environment.
pub(crate) fn python(environment: &str) -> Command {
    Command::new(binary::here().join(environment).join("bin/python"))
}

/// The Node for a folder of packages: one that came with them, else the system's.
pub(crate) fn node(folder: &str) -> Command {
    let own = binary::here().join(folder).join("node_modules/.bin/node");
    Command::new(if own.exists() { own } else { "node".into() })
}
