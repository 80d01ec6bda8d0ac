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
}

impl Sdk {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Python, Self::TypeScript];

    /// Runs a script: `url`, `token`, `headers`, `steps`. Gives one answer for the connection, then one for each step.
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
        let here = binary::here();
        let mut command = match self {
            Self::Python => {
                let mut command = Command::new(here.join(".venv/bin/python"));
                command.arg(here.join("clients/python/client.py"));
                command
            }
            Self::TypeScript => {
                let own = here.join("clients/ts/node_modules/.bin/node");
                let mut command = Command::new(if own.exists() { own } else { "node".into() });
                command.arg(here.join("clients/ts/client.mjs"));
                command
            }
        };
        command.kill_on_drop(true);
        command
    }
}
