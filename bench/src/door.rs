//! A door of its own, with the measured server registered as any other: `onedoor dev` in a fresh folder, or a replica of the gateway on
//! the stack that `make stack` starts, with a projector beside it.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use http::HeaderValue;
use onedoor_tests::{
    cluster::{CALLERS, Cluster},
    idp::TENANT,
};
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
    places: Places,
    running: Running,
}

/// What the door runs as.
#[derive(Debug)]
enum Running {
    /// `onedoor dev`.
    Alone(Child),
    /// `onedoor gateway`, with Kafka, PostgreSQL, Redis and a projector.
    Replica(Box<Cluster>),
}

/// Where it is, and who may call.
#[derive(Debug)]
struct Places {
    data_url: String,
    tenant: String,
    issuer: String,
    group: String,
    pid: u32,
}

/// What `dev.json` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dev {
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
                break serde_json::from_slice::<Dev>(&text).context("dev.json")?;
            }
            if begin.elapsed() > PATIENCE {
                bail!("onedoor dev does not open");
            }
            tokio::time::sleep(LOOK).await;
        };
        Ok(Self {
            binary: binary.to_owned(),
            folder,
            places: Places {
                data_url: places.data_url,
                tenant: places.tenant,
                issuer: places.issuer,
                group: places.groups.finance,
                pid: places.pid,
            },
            running: Running::Alone(process),
        })
    }

    /// Starts a replica on the stack, of `binary`, which `ONEDOOR_BIN` must name; on one CPU alone, if one is named. Its files are in a folder below `state`.
    ///
    /// # Errors
    /// It cannot be kept on its CPU.
    ///
    /// # Panics
    /// There is no stack, or a process does not start: [`Cluster`] is made for tests.
    pub async fn replica(binary: &Path, state: &Path, cpu: Option<usize>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(state)?;
        ensure!(
            onedoor_tests::binary::onedoor() == binary,
            "set ONEDOOR_BIN to {}, which is to be measured",
            binary.display()
        );
        let cluster = Box::new(Cluster::start(1).await);
        let pid = cluster.gateways[0].process.pid();
        if let Some(cpu) = cpu {
            let pinned = Command::new("taskset")
                .args([
                    "--all-tasks",
                    "--cpu-list",
                    "--pid",
                    &cpu.to_string(),
                    &pid.to_string(),
                ])
                .stdout(Stdio::null())
                .status()
                .await?;
            ensure!(pinned.success(), "cannot keep the replica on CPU {cpu}");
        }
        Ok(Self {
            binary: binary.to_owned(),
            folder,
            places: Places {
                data_url: cluster.gateways[0].data_url.clone(),
                tenant: TENANT.to_owned(),
                issuer: cluster.idp.name.clone(),
                group: CALLERS.to_owned(),
                pid,
            },
            running: Running::Replica(cluster),
        })
    }

    /// The projector's process, where it is one of its own.
    #[must_use]
    pub fn projector(&self) -> Option<Process> {
        match &self.running {
            Running::Alone(_) => None,
            Running::Replica(cluster) => Some(Process(cluster.projectors[0].process.pid())),
        }
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
            group,
            ..
        } = &self.places;
        let grant = [
            "grant", "add", "--issuer", issuer, "--tenant", tenant, "--group", group,
        ];
        self.cli(
            grant
                .into_iter()
                .chain(["--server", slug, "--stage", "production"]),
        )
        .await?;
        Ok(())
    }

    /// `Authorization` with a token for the data plane, of somebody who may call.
    ///
    /// # Errors
    /// There is none.
    pub async fn token_a(&self) -> anyhow::Result<HeaderValue> {
        let token = match &self.running {
            Running::Alone(_) => String::from_utf8(self.cli(["token", "analyst"]).await?.stdout)?,
            Running::Replica(cluster) => cluster.token().expose().to_owned(),
        };
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
    pub async fn stop(self) -> anyhow::Result<()> {
        let status = match self.running {
            Running::Alone(mut process) => {
                let pid = self.places.pid.to_string();
                Command::new("kill").args(["-s", "TERM", &pid]).status().await?;
                tokio::time::timeout(PATIENCE, process.wait()).await??
            }
            Running::Replica(mut cluster) => cluster.gateways[0].process.stop().await,
        };
        if !status.success() {
            bail!("the door ended with {status}");
        }
        Ok(())
    }

    /// Runs the command line on this door.
    async fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        match &self.running {
            Running::Alone(_) => command
                .arg("--data")
                .arg(self.folder())
                .env_remove("ONEDOOR_TOKEN")
                .env_remove("ONEDOOR_ADMIN_URL"),
            Running::Replica(cluster) => command
                .env("ONEDOOR_TOKEN", cluster.admin_token().expose())
                .env("ONEDOOR_ADMIN_URL", &cluster.gateways[0].admin_url),
        };
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
