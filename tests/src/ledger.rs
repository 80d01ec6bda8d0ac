//! The upstream made with the Python SDK (`upstreams/ledger.py`).

use std::process::Stdio;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{binary, manifest::Manifest, mcp, session, wait};

/// A running ledger.
#[derive(Debug)]
pub struct Ledger {
    /// Its manifest, with the tools it has.
    pub manifest: Manifest,
    journal: NamedTempFile,
    _process: Child,
}

impl Ledger {
    /// Starts one behind this gateway.
    pub async fn start(gateway: &str) -> Self {
        let mut manifest = Manifest::new("ledger", "", []);
        manifest.protocol_versions = Some(vec![session::REVISION.to_owned(), mcp::REVISION.to_owned()]);
        let journal = NamedTempFile::new().unwrap();
        let here = binary::here();
        let mut process = Command::new(here.join(".venv/bin/python"))
            .arg(here.join("upstreams/ledger.py"))
            .args([gateway, &manifest.audience, &manifest.required_scope])
            .arg(journal.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; run scripts/setup-tests.sh"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = wait::within("the ledger", lines.next_line())
            .await
            .unwrap()
            .unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        manifest.url = format!("http://127.0.0.1:{}/mcp", ready["port"]);
        manifest.tools = ready["tools"].as_array().unwrap().clone();
        Self {
            manifest,
            journal,
            _process: process,
        }
    }

    /// What it has received, as text.
    #[must_use]
    pub fn journal(&self) -> String {
        std::fs::read_to_string(self.journal.path()).unwrap()
    }

    /// Its requests: method, path, headers, body.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.journal()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
