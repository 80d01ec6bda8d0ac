//! Measures the door. `README.md` says how to read what it prints.
#![expect(clippy::print_stdout, reason = "figures on the terminal are what it is for")]

mod cost;
mod neighbours;
mod soak;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand};
use onedoor_bench::door::Door;

/// The CPU that sender and measured server share, and the door's own.
const CPUS: (usize, usize) = (0, 1);

/// Measures the door.
#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure; else the one that lies beside this
    #[arg(long, global = true, value_name = "FILE")]
    onedoor: Option<PathBuf>,
    /// Where the door's state goes, for the time it runs; else beside this binary
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Leave it to the system which CPU runs what
    #[arg(long, global = true)]
    unpinned: bool,
    /// Measure a replica of the gateway on the stack that runs (`make stack`), instead of `onedoor dev`
    #[arg(long, global = true)]
    stack: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Calls straight to a server beside calls through the door
    Cost(cost::Cost),
    /// Many idle streams beside calls: whether memory stays flat, and nothing fails
    Soak(soak::Soak),
    /// One of ten servers hangs: what the others' callers notice
    Neighbours(neighbours::Neighbours),
}

/// What is measured, and where.
struct Machine {
    binary: PathBuf,
    state: PathBuf,
    /// The door's CPU, if it has one of its own.
    cpu: Option<usize>,
    /// Whether the door is a replica on the stack.
    stack: bool,
}

impl Machine {
    /// A door of its own, in a fresh folder.
    async fn door(&self) -> anyhow::Result<Door> {
        if self.stack {
            Door::replica(&self.binary, &self.state, self.cpu).await
        } else {
            Door::start(&self.binary, &self.state, self.cpu).await
        }
    }
}

fn main() -> anyhow::Result<()> {
    let Args {
        onedoor,
        state,
        unpinned,
        stack,
        what,
    } = Args::parse();
    if !unpinned {
        pin(CPUS.0)?;
    }
    let beside = std::env::current_exe()?;
    let machine = Machine {
        binary: onedoor.unwrap_or_else(|| beside.with_file_name("onedoor")),
        state: state
            .or_else(|| beside.parent().map(PathBuf::from))
            .context("no folder")?,
        cpu: (!unpinned).then_some(CPUS.1),
        stack,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match what {
                What::Cost(cost) => cost::run(cost, &machine).await,
                What::Soak(soak) => soak::run(&soak, &machine).await,
                What::Neighbours(neighbours) => neighbours::run(&neighbours, &machine).await,
            }
        })
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
