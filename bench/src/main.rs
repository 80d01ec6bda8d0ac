//! Measures the door. `README.md` says how to read what it prints.
#![expect(clippy::print_stdout, reason = "figures on the terminal are what it is for")]

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Parser;
use http::Uri;
use onedoor_bench::{
    client::{CallFailed, Target},
    door::{Door, Recorded, SLUG},
    load::{LoadError, Outcome, closed_loop, open_loop},
    message::{Case, WrongAnswer},
    probe::{Disk, load_average},
    report::{Quantiles, Round, Rounds},
    upstream::Upstream,
};

/// The CPU that sender and measured server share, and the door's own.
const CPUS: (usize, usize) = (0, 1);

/// How often the disk is timed in each round.
const FLUSHES: u32 = 50;

/// Connections at once where the rate is measured that can be had.
const CONNECTIONS: [usize; 4] = [1, 8, 32, 64];

/// How long everything is used before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measures calls straight to a server beside calls through the door.
#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure; else the one that lies beside this
    #[arg(long, value_name = "FILE")]
    onedoor: Option<PathBuf>,
    /// Where the door's state goes, for the time it runs; else beside this binary
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Calls a second at a fixed rate: at most half of what the door can do
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Rounds of each kind
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Length of each half of a round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections at a fixed rate
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Leave it to the system which CPU runs what
    #[arg(long)]
    unpinned: bool,
}

/// What is measured, and with what.
struct Bench {
    args: Args,
    upstream: Upstream,
    door: Door,
    direct: Target,
    through: Target,
    disk: Disk,
    /// Calls that were made through the door, and those of them that failed.
    made: u64,
    failed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if !args.unpinned {
        pin(CPUS.0)?;
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(args))
}

/// Keeps this process, and what it starts, on one CPU.
fn pin(cpu: usize) -> anyhow::Result<()> {
    let (cpu, pid) = (cpu.to_string(), std::process::id().to_string());
    let pinned = std::process::Command::new("taskset")
        .args(["--cpu-list", "--pid", &cpu, &pid])
        .stdout(std::process::Stdio::null())
        .status()
        .context("taskset (util-linux)")?;
    ensure!(pinned.success(), "cannot stay on CPU {cpu}: try --unpinned");
    Ok(())
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (rounds, length, rate) = (args.rounds, Duration::from_secs(args.seconds), args.rate);
    let mut bench = Bench::start(args).await?;
    bench.check().await?;
    bench.open(Case::ALL[0], WARM_UP).await?;

    for case in Case::ALL {
        println!(
            "\n{case}: {rate} calls/s offered, {rounds} rounds of {length:?} direct and {length:?} through the door"
        );
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push(bench.open(case, length).await?);
        }
        print!("{}", Rounds(&measured));
    }
    println!(
        "\nAs fast as it goes (closed loop), {}: median (range) of {rounds} rounds",
        Case::ALL[1]
    );
    for connections in CONNECTIONS {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push(bench.closed(Case::ALL[1], length, connections).await?);
        }
        let mut line = String::new();
        Rounds(&measured).write_rates(connections, &mut line)?;
        print!("{line}");
    }
    bench.finish().await
}

impl Bench {
    async fn start(args: Args) -> anyhow::Result<Self> {
        let beside = std::env::current_exe()?;
        let binary = args
            .onedoor
            .clone()
            .unwrap_or_else(|| beside.with_file_name("onedoor"));
        let state = args
            .state
            .clone()
            .or_else(|| beside.parent().map(PathBuf::from))
            .context("no folder")?;
        let upstream = Upstream::start()?;
        let door = Door::start(&binary, &state, (!args.unpinned).then_some(CPUS.1)).await?;
        door.register(upstream.address).await?;
        let direct = Target::new(upstream.address, Uri::from_static("/mcp"), None);
        let path: Uri = format!("/servers/{SLUG}/mcp").parse()?;
        let through = Target::new(door.address()?, path, Some(door.token_a().await?));
        door.process().cpu_at_rest().await?;
        println!("{}, load average {:.2}", binary.display(), load_average()?);
        println!(
            "Memory of the idle door: {} KiB resident",
            door.process().memory()?.resident
        );
        let disk = Disk::new()?;
        Ok(Self {
            args,
            upstream,
            door,
            direct,
            through,
            disk,
            made: 0,
            failed: 0,
        })
    }

    /// That all is as it should be before anything is measured: right answers of every kind, Token B, and no way around it.
    async fn check(&mut self) -> anyhow::Result<()> {
        for case in Case::ALL {
            self.direct
                .connection()
                .call(case)
                .await
                .with_context(|| format!("{case}, direct"))?;
            self.through
                .connection()
                .call(case)
                .await
                .with_context(|| format!("{case}, through the door"))?;
            self.made += 1;
        }
        ensure!(
            self.upstream.calls_through_the_door() == self.made,
            "not all calls came through the door"
        );
        let token_b = self
            .upstream
            .last_authorization()
            .context("a call came without Token B")?;
        ensure!(
            token_b != self.door.token_a().await?,
            "the caller's token came through"
        );
        let path: Uri = format!("/servers/{SLUG}/mcp").parse()?;
        let stranger = Target::new(self.door.address()?, path, None);
        let refused = stranger.connection().call(Case::ALL[0]).await;
        ensure!(
            matches!(refused, Err(CallFailed::Wrong(WrongAnswer::Status(401)))),
            "a call without a token got {refused:?}"
        );
        ensure!(
            self.upstream.calls_through_the_door() == self.made,
            "a call without a token came through"
        );
        println!(
            "Checked: answers are right, Token B is another token, no token is 401 and nothing comes through"
        );
        Ok(())
    }

    /// A round at the fixed rate.
    async fn open(&mut self, case: Case, length: Duration) -> anyhow::Result<Round> {
        let (rate, connections) = (self.args.rate, self.args.connections);
        self.round(async |target| open_loop(target, case, rate, length, connections).await)
            .await
    }

    /// A round as fast as it goes.
    async fn closed(&mut self, case: Case, length: Duration, connections: usize) -> anyhow::Result<Round> {
        self.round(async |target| closed_loop(target, case, length, connections).await)
            .await
    }

    async fn round(
        &mut self,
        load: impl AsyncFn(&Target) -> Result<Outcome, LoadError>,
    ) -> anyhow::Result<Round> {
        let load_average = load_average()?;
        self.disk.time(self.door.folder(), FLUSHES)?;
        let direct = load(&self.direct).await?;
        let before = self.door.process().cpu_at_rest().await?;
        let door = load(&self.through).await?;
        let cpu = self.door.process().cpu_at_rest().await? - before;
        self.made += door.answered() + door.failed();
        self.failed += door.failed();
        Ok(Round {
            load: load_average,
            direct,
            door,
            cpu,
        })
    }

    /// That the audit holds exactly the calls that were made, and what is left to say.
    async fn finish(self) -> anyhow::Result<()> {
        let memory = self.door.process().memory()?;
        println!(
            "\nMemory of the door after all calls: {} KiB resident, {} KiB at most",
            memory.resident, memory.peak
        );
        for (how, times) in [
            ("appended", &self.disk.appended),
            ("in place", &self.disk.in_place),
        ] {
            println!(
                "The disk: 4 KiB {how} and flushed (fdatasync) {} times, ms: {} {}, at most {:.2}",
                times.len(),
                Quantiles::NAMES.join(" "),
                Quantiles::of(times),
                times.max() as f64 / 1e3,
            );
        }
        let recorded = self.door.recorded(self.made - self.failed).await?;
        let seen = self.upstream.calls_through_the_door();
        let Recorded { calls, succeeded } = recorded;
        println!(
            "Calls through the door: {} made, {} failed; {seen} reached the server; the audit holds {calls}, {succeeded} succeeded",
            self.made, self.failed
        );
        println!("Load average at the end: {:.2}", load_average()?);
        self.door.stop().await?;
        ensure!(self.failed == 0, "calls failed");
        ensure!(
            calls == self.made && succeeded == self.made && seen == self.made,
            "the audit is not what was called"
        );
        Ok(())
    }
}
