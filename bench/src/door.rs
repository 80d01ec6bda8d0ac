//! A door of its own: `onedoor dev` in a fresh folder, with the measured server registered as any other.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{message::TOOL, probe::Process};

/// The measured server's slug.
pub const SLUG: &str = "bench";

/// How long the door may take to open, to stop, or to bring its projection up to date.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// A running door. Dropped, it is killed.
#[derive(Debug)]
pub struct Door {
    binary: PathBuf,
    folder: TempDir,
    process: Child,
    places: Places,
}

/// What `dev.json` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Places {
    data_url: String,
    tenant: String,
    issuer: String,
    groups: Groups,
    pid: u32,
}

#[derive(Debug, Deserialize)]
struct Groups {
    finance: String,
}

/// What the audit holds of the measured server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// All calls.
    pub calls: u64,
    /// Those that succeeded.
    pub succeeded: u64,
}

impl Door {
    /// Starts `binary`, its state in a fresh folder below `state`; on one CPU alone, if one is named.
    ///
    /// # Errors
    /// It does not open.
    pub async fn start(binary: &Path, state: &Path, cpu: Option<usize>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(state)?;
        let mut command = match cpu {
            None => Command::new(binary),
            Some(cpu) => {
                // It becomes the door: the process id stays.
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", &cpu.to_string()]).arg(binary);
                command
            }
        };
        let mut process = command
            .args(["dev", "--free-ports", "--log", "warn", "--data"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let begin = Instant::now();
        let places = loop {
            if let Some(status) = process.try_wait()? {
                bail!("onedoor dev ended with {status}");
            }
            if let Ok(text) = std::fs::read(folder.path().join("dev.json")) {
                break serde_json::from_slice(&text).context("dev.json")?;
            }
            if begin.elapsed() > PATIENCE {
                bail!("onedoor dev does not open");
            }
            tokio::time::sleep(LOOK).await;
        };
        Ok(Self {
            binary: binary.to_owned(),
            folder,
            process,
            places,
        })
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        Process(self.places.pid)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its data plane listens.
    ///
    /// # Errors
    /// `dev.json` says something else than an address.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        let url = &self.places.data_url;
        url.strip_prefix("http://")
            .and_then(|address| address.parse().ok())
            .with_context(|| url.clone())
    }

    /// Registers, approves and promotes a server at `upstream`, and lets the group of `analyst` call it.
    ///
    /// # Errors
    /// A command was refused.
    pub async fn register(&self, slug: &str, upstream: SocketAddr) -> anyhow::Result<()> {
        let manifest = self.folder().join(format!("{slug}.json"));
        std::fs::write(&manifest, manifest_of(slug, upstream))?;
        self.cli([OsStr::new("server"), OsStr::new("register"), manifest.as_os_str()])
            .await?;
        self.cli(["server", "approve", slug]).await?;
        self.cli(["server", "promote", slug]).await?;
        let Places {
            issuer,
            tenant,
            groups,
            ..
        } = &self.places;
        let grant = [
            "grant",
            "add",
            "--issuer",
            issuer,
            "--tenant",
            tenant,
            "--group",
            &groups.finance,
        ];
        self.cli(
            grant
                .into_iter()
                .chain(["--server", slug, "--stage", "production"]),
        )
        .await?;
        Ok(())
    }

    /// `Authorization` with a token of `analyst` for the data plane.
    ///
    /// # Errors
    /// There is none.
    pub async fn token_a(&self) -> anyhow::Result<HeaderValue> {
        let token = String::from_utf8(self.cli(["token", "analyst"]).await?.stdout)?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.trim()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// What the audit holds, once that is at least `expected` calls with their outcomes, or patience has run out.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn recorded(&self, slug: &str, expected: u64) -> anyhow::Result<Recorded> {
        let begin = Instant::now();
        loop {
            let calls = ["audit", "calls", "--server", slug, "--all", "--format", "csv"];
            let recorded = Recorded::of(&String::from_utf8(self.cli(calls).await?.stdout)?);
            if recorded.succeeded >= expected || begin.elapsed() > PATIENCE {
                return Ok(recorded);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops the door as an operator does.
    ///
    /// # Errors
    /// It does not stop, or not well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.places.pid.to_string();
        Command::new("kill").args(["-s", "TERM", &pid]).status().await?;
        let status = tokio::time::timeout(PATIENCE, self.process.wait()).await??;
        if !status.success() {
            bail!("onedoor dev ended with {status}");
        }
        Ok(())
    }

    /// Runs the command line on this door.
    async fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .arg("--data")
            .arg(self.folder())
            .env_remove("ONEDOOR_TOKEN")
            .env_remove("ONEDOOR_ADMIN_URL")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!(
                "{:?} failed: {said}",
                command.as_std().get_args().collect::<Vec<_>>()
            );
        }
        Ok(output)
    }
}

impl Recorded {
    /// Reads what `onedoor audit calls --format csv` writes: a header, then a line for each call. No value there has line ends.
    fn of(csv: &str) -> Self {
        let calls = csv.lines().skip(1);
        let succeeded = calls
            .clone()
            .filter(|call| call.split(',').any(|value| value == "succeeded"));
        Self {
            calls: calls.count() as u64,
            succeeded: succeeded.count() as u64,
        }
    }
}

fn manifest_of(slug: &str, upstream: SocketAddr) -> String {
    json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": format!("dev.onedoor.bench/{slug}"),
        "description": "A server that answers at once",
        "version": "1.0.0",
        "remotes": [{ "type": "streamable-http", "url": format!("http://{upstream}/mcp") }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug,
            "owner": "bench",
            "audience": format!("api://{slug}"),
            "requiredScope": "bench.use",
            "strategy": "gateway-issued",
            "timeouts": { "connectMs": 2_000, "firstByteMs": 30_000, "totalMs": 60_000 },
            "tools": [{
                "name": TOOL,
                "description": "Tells how many bytes its arguments have",
                "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } } },
            }],
        }},
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_calls_are_counted_by_outcome() {
        let csv = "time,outcome,tool\n1,succeeded,a\n2,tool_error,succeeded_not\n3,succeeded,b\n";
        assert_eq!(
            Recorded::of(csv),
            Recorded {
                calls: 3,
                succeeded: 2
            }
        );
        assert_eq!(
            Recorded::of("time,outcome,tool\n"),
            Recorded {
                calls: 0,
                succeeded: 0
            }
        );
    }
}
