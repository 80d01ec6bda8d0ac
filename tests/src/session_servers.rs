//! Upstreams of the session revisions, made with SDKs, each in a process of its own.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    binary,
    manifest::Manifest,
    sdk::{node, python},
    session::Session,
    stack::ports,
    wait,
};

const PACKAGES: &str = "upstreams/ts-1";

/// A running server. Its manifest declares the tools that it lists itself.
#[derive(Debug)]
pub struct SessionServer {
    /// Its manifest.
    pub manifest: Manifest,
    command: Command,
    process: Child,
}

impl SessionServer {
    /// Made with the Python SDK, it asks its clients (`upstreams/interview.py`).
    pub async fn interview() -> Self {
        let mut command = python(".venv-1");
        command.arg(binary::here().join("upstreams/interview.py"));
        Self::start("interview", command, None).await
    }

    /// Made with the TypeScript SDK, it keeps its events (`upstreams/ts-1/resumable.mjs`).
    pub async fn resumable() -> Self {
        let mut command = node(PACKAGES);
        command.arg(binary::here().join(PACKAGES).join("resumable.mjs"));
        Self::start("resumable", command, None).await
    }

    /// npm `@modelcontextprotocol/server-everything`, unmodified.
    pub async fn everything() -> Self {
        let port = ports::free();
        let main = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        let mut command = node(PACKAGES);
        command
            .arg(binary::here().join(PACKAGES).join(main))
            .arg("streamableHttp")
            .env("PORT", port.to_string());
        Self::start("everything", command, Some(port)).await
    }

    /// Starts one, which says its port, or was given one.
    async fn start(slug: &str, mut command: Command, port: Option<u16>) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; run scripts/setup-tests.sh"));
        let port = match port {
            Some(port) => port,
            None => {
                let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
                let ready = wait::within(slug, lines.next_line()).await.unwrap();
                let ready: Value = serde_json::from_str(&ready.unwrap()).unwrap();
                u16::try_from(ready["port"].as_u64().unwrap()).unwrap()
            }
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}/mcp");
        wait::until(slug, async || http.get(&url).send().await.ok().map(drop)).await;
        let direct = Session::at(&http, &url, None).begun(serde_json::json!({})).await;
        let mut manifest = Manifest::new(slug, &url, []);
        manifest.protocol_versions = None;
        manifest.tools = direct.tools().await.into_iter().map(declared).collect();
        command.env("PORT", port.to_string());
        Self {
            manifest,
            command,
            process,
        }
    }

    /// Kills one made with the TypeScript SDK, and starts it anew where it was: it has forgotten all sessions.
    pub async fn restart(&mut self) {
        self.process.kill().await.unwrap();
        self.process = self.command.spawn().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = &self.manifest.url;
        wait::until("a server again", async || {
            http.get(url).send().await.ok().map(drop)
        })
        .await;
    }
}

/// A tool as its owner declares it in a manifest: without what only tasks need, and schemas in the one dialect that manifests have.
fn declared(mut tool: Value) -> Value {
    tool.as_object_mut().unwrap().remove("execution");
    for schema in ["inputSchema", "outputSchema"] {
        if let Some(schema) = tool.get_mut(schema).and_then(Value::as_object_mut) {
            schema.remove("$schema");
        }
    }
    tool
}
