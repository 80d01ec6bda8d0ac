//! A running `onedoor dev`: the door, its demonstration identity provider and servers, on ports of its own.

use std::{
    ffi::OsStr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    task::JoinHandle,
};

use crate::{
    admin::{Admin, Holder},
    binary,
    mcp::Mcp,
    token::Token,
    wait,
};

/// What `dev.json` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "documented where it is written: src/dev/folder.rs")]
pub struct Places {
    pub data_url: String,
    pub admin_url: String,
    pub token_url: String,
    pub tenant: String,
    pub issuer: String,
    pub data_scope: String,
    pub admin_scope: String,
    pub client_id: String,
    pub rogue_client_id: String,
    pub finance_url: String,
    pub hr_url: String,
    pub groups: Groups,
    pub pid: u32,
}

/// Ids of the demonstration groups.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Groups {
    pub finance: String,
    pub hr: String,
    pub platform: String,
}

/// A door. Dropped, it is killed and its folder removed.
#[derive(Debug)]
pub struct Dev {
    /// Where everything is.
    pub places: Places,
    /// A client without proxies, for whoever needs one.
    pub http: reqwest::Client,
    folder: Arc<TempDir>,
    process: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: [JoinHandle<()>; 2],
}

/// What a command line command came to.
#[derive(Clone, Debug)]
pub struct CliOutput {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Dev {
    /// A fresh door.
    pub async fn start() -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), "info", &[]).await
    }

    /// A fresh door that trusts the authorities in this file alone.
    pub async fn start_trusting(authorities: &Path) -> Self {
        Self::start_with(&[("SSL_CERT_FILE", authorities.as_os_str())]).await
    }

    /// A fresh door with these in its environment.
    pub async fn start_with(environment: &[(&str, &OsStr)]) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), "info", environment).await
    }

    /// A fresh door that logs this (directives of `tracing`'s filter).
    pub async fn start_logging(log: &str) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), log, &[]).await
    }

    /// Another run with the state of this one, which must have ended.
    pub async fn restart(mut self) -> Self {
        assert!(self.process.try_wait().unwrap().is_some(), "still running");
        Self::start_in(Arc::clone(&self.folder), "info", &[]).await
    }

    async fn start_in(folder: Arc<TempDir>, log: &str, environment: &[(&str, &OsStr)]) -> Self {
        let mut process = Command::new(binary::onedoor())
            .envs(environment.iter().copied())
            .args([
                "dev",
                "--free-ports",
                "--log-format",
                "json",
                "--log",
                log,
                "--data",
            ])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = Arc::<Mutex<Vec<u8>>>::default();
        let readers = [
            collect(process.stdout.take().unwrap(), Arc::clone(&output)),
            collect(process.stderr.take().unwrap(), Arc::clone(&output)),
        ];
        let pid = process.id();
        let path = folder.path().join("dev.json");
        let places = wait::until("dev.json", async || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!(
                    "onedoor dev ended with {status}: {}",
                    String::from_utf8_lossy(&output.lock())
                );
            }
            // One of a run that was killed may still lie there.
            let places: Places = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
            (Some(places.pid) == pid).then_some(places)
        })
        .await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            places,
            http,
            folder,
            process,
            output,
            readers,
        }
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that the process has written so far.
    #[must_use]
    pub fn output(&self) -> Vec<u8> {
        self.output.lock().clone()
    }

    /// A token of a demonstration user for the data plane.
    pub async fn token(&self, user: &str) -> Token {
        self.token_for(user, &self.places.client_id, &self.places.data_scope)
            .await
    }

    /// A token of a demonstration user for the admin plane.
    pub async fn admin_token(&self, user: &str) -> Token {
        self.token_for(user, &self.places.client_id, &self.places.admin_scope)
            .await
    }

    /// A token of a demonstration user, asked for through a client app.
    pub async fn token_for(&self, user: &str, client: &str, scope: &str) -> Token {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("client_id", client),
            ("scope", scope),
        ];
        let answer = self
            .http
            .post(&self.places.token_url)
            .form(&form)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        Token::new(answer["access_token"].as_str().unwrap())
    }

    /// The admin API, as a demonstration user.
    pub async fn admin(&self, user: &str) -> Admin {
        Admin::new(&self.http, &self.places.admin_url, &self.admin_token(user).await)
    }

    /// A server's MCP endpoint, as a demonstration user.
    pub async fn mcp(&self, slug: &str, user: &str) -> Mcp {
        self.mcp_with(slug, &self.token(user).await)
    }

    /// A server's MCP endpoint, with a token.
    #[must_use]
    pub fn mcp_with(&self, slug: &str, token: &Token) -> Mcp {
        Mcp::new(&self.http, &self.endpoint(slug), token)
    }

    /// The URL of a server's MCP endpoint; `slug/qa` for its stage `qa`.
    #[must_use]
    pub fn endpoint(&self, slug: &str) -> String {
        format!("{}/servers/{slug}/mcp", self.places.data_url)
    }

    /// Host and port of the data plane.
    #[must_use]
    pub fn data_address(&self) -> &str {
        self.places.data_url.strip_prefix("http://").unwrap()
    }

    /// Runs the command line on this door.
    pub async fn cli(&self, arguments: &[&str]) -> CliOutput {
        let output = Command::new(binary::onedoor())
            .args(arguments)
            .arg("--data")
            .arg(self.folder())
            .env_remove("ONEDOOR_TOKEN")
            .env_remove("ONEDOOR_ADMIN_URL")
            .output()
            .await
            .unwrap();
        CliOutput {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The calls that `onedoor audit calls` lists, the oldest first.
    pub async fn calls(&self, filter: &[&str]) -> Vec<Value> {
        let output = self
            .cli(&[&["audit", "calls", "--all", "--format", "json"], filter].concat())
            .await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        let list: Value = serde_json::from_str(&output.stdout).unwrap();
        let mut calls = list["calls"].as_array().unwrap().clone();
        calls.reverse();
        calls
    }

    /// Waits until there are so many calls on the record, none of which is still open.
    pub async fn settled_calls(&self, number: usize) -> Vec<Value> {
        wait::until("the record of all calls", async || {
            let calls = self.calls(&[]).await;
            let settled = calls.iter().all(|call| call["outcome"] != "open");
            (settled && calls.len() >= number).then_some(calls)
        })
        .await
    }

    /// The demonstration group of `analyst`.
    #[must_use]
    pub fn analysts(&self) -> Holder {
        Holder {
            issuer: self.places.issuer.clone(),
            tenant: self.places.tenant.clone(),
            kind: "group",
            name: self.places.groups.finance.clone(),
        }
    }

    /// Asks the process to stop, with `TERM` or `INT`, and goes on.
    pub async fn signal(&self, signal: &str) {
        let pid = self.places.pid.to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process, and of all it had to say.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = wait::within("the end of onedoor dev", self.process.wait())
            .await
            .unwrap();
        for reader in &mut self.readers {
            wait::within("the end of its output", reader).await.unwrap();
        }
        status
    }

    /// Stops the process as an operator does.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Kills the process: `kill -9`.
    pub async fn kill(&mut self) {
        self.process.start_kill().unwrap();
        self.ended().await;
    }
}

fn collect(mut from: impl AsyncRead + Unpin + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            into.lock().extend_from_slice(&buffer[..read]);
        }
    })
}
