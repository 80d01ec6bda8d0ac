//! The OAuth clients of the SDKs and the Inspector, each in a process that signs in, lists and calls.

use std::process::Stdio;

use onedoor_tests::{binary, wait};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// An SDK, by its major version, or the Inspector.
#[derive(Clone, Copy, Debug)]
pub(super) enum Client {
    /// `PyPI` `mcp` 1: the session revisions.
    Python1,
    /// `PyPI` `mcp` 2.
    Python2,
    /// npm `@modelcontextprotocol/sdk` 1: the session revisions.
    TypeScript1,
    /// npm `@modelcontextprotocol/client` 2.
    TypeScript2,
    /// npm `@modelcontextprotocol/inspector` 2, its command line.
    Inspector,
}

impl Client {
    /// Runs a script: `url`, `user`, `tool`, where need be `clientMetadataUrl`, `chromium` or `era`. Gives what came of it.
    pub(super) async fn run(self, script: &Value) -> Value {
        let mut client = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?}: {error}; run scripts/setup-tests.sh"));
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(script.to_string().as_bytes()).await.unwrap();
        drop(stdin);
        let output = wait::within("the end of an SDK's client", client.wait_with_output())
            .await
            .unwrap();
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{self:?} ended with {}\n{notes}",
            output.status
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{self:?}: {error}\n{notes}"))
    }

    fn command(self) -> Command {
        let here = binary::here();
        let node = here.join("clients/oauth/node_modules/.bin/node");
        let (program, script) = match self {
            Self::Python1 => (here.join(".venv-1/bin/python"), "python1.py"),
            Self::Python2 => (here.join(".venv/bin/python"), "python2.py"),
            Self::TypeScript1 => (node, "typescript1.mjs"),
            Self::TypeScript2 => (node, "typescript2.mjs"),
            Self::Inspector => (node, "inspector.mjs"),
        };
        let mut command = Command::new(program);
        command.arg(here.join("clients/oauth").join(script));
        command
    }
}
