//! What a call costs: straight to a server beside through the door, in both eras.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use http::Uri;
use onedoor_bench::{
    client::{CallFailed, Target},
    door::{Door, Recorded, SLUG},
    load::{LoadError, Outcome, closed_loop, open_loop},
    message::{Case, Era, WrongAnswer},
    probe::{Disk, load_average},
    report::{Quantiles, Round, Rounds},
    upstream::Upstream,
};

use crate::Machine;

/// How often the disk is timed in each round.
const FLUSHES: u32 = 50;

/// Connections at once where the rate is measured that can be had.
const CONNECTIONS: [usize; 4] = [1, 8, 32, 64];

/// How long everything is used before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// How much is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Cost {
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
}

/// What is measured, and with what.
struct Bench {
    args: Cost,
    upstream: Upstream,
    door: Door,
    disk: Disk,
    /// Calls that were made through the door, and those of them that failed.
    made: u64,
    failed: u64,
}

/// The same calls on both ways.
struct Ways {
    direct: Target,
    through: Target,
}

/// Measures, and prints what came of it.
pub(crate) async fn run(args: Cost, machine: &Machine) -> anyhow::Result<()> {
    let (rounds, length, rate) = (args.rounds, Duration::from_secs(args.seconds), args.rate);
    let mut bench = Bench::start(args, machine).await?;
    for era in Era::ALL {
        let ways = bench.ways(era).await?;
        bench.check(&ways).await?;
        bench.open(&ways, Case::ALL[0], WARM_UP).await?;
        for case in Case::ALL {
            println!(
                "\n{era}, {case}: {rate} calls/s offered, {rounds} rounds of {length:?} direct and {length:?} through the door"
            );
            let mut measured = Vec::new();
            for _ in 0..rounds {
                measured.push(bench.open(&ways, case, length).await?);
            }
            print!("{}", Rounds(&measured));
        }
        println!(
            "\nAs fast as it goes (closed loop), {era}, {}: median (range) of {rounds} rounds",
            Case::ALL[1]
        );
        for connections in CONNECTIONS {
            let mut measured = Vec::new();
            for _ in 0..rounds {
                measured.push(bench.closed(&ways, Case::ALL[1], length, connections).await?);
            }
            let mut line = String::new();
            Rounds(&measured).write_rates(connections, &mut line)?;
            print!("{line}");
        }
    }
    bench.finish().await
}

impl Bench {
    async fn start(args: Cost, machine: &Machine) -> anyhow::Result<Self> {
        let upstream = Upstream::start()?;
        let door = machine.door().await?;
        door.register(SLUG, upstream.address).await?;
        door.process().cpu_at_rest().await?;
        println!(
            "{}, load average {:.2}",
            machine.binary.display(),
            load_average()?
        );
        println!(
            "Memory of the idle door: {} KiB resident",
            door.process().memory()?.resident
        );
        Ok(Self {
            args,
            upstream,
            door,
            disk: Disk::new()?,
            made: 0,
            failed: 0,
        })
    }

    /// Both ways in one era, with a session where there are any.
    async fn ways(&self, era: Era) -> anyhow::Result<Ways> {
        let mut direct = Target::new(self.upstream.address, Uri::from_static("/mcp"), era, None);
        let path: Uri = format!("/servers/{SLUG}/mcp").parse()?;
        let token = self.door.token_a().await?;
        let mut through = Target::new(self.door.address()?, path, era, Some(token));
        if era == Era::Session {
            direct.open_session().await.context("a session, direct")?;
            through
                .open_session()
                .await
                .context("a session, through the door")?;
        }
        Ok(Ways { direct, through })
    }

    /// That all is as it should be before anything is measured: right answers of every kind, Token B, and no way around it.
    async fn check(&mut self, ways: &Ways) -> anyhow::Result<()> {
        for case in Case::ALL {
            ways.direct
                .connection()
                .call(case)
                .await
                .with_context(|| format!("{case}, direct"))?;
            ways.through
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
        let stranger = Target::new(self.door.address()?, path, Era::Stateless, None);
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
    async fn open(&mut self, ways: &Ways, case: Case, length: Duration) -> anyhow::Result<Round> {
        let (rate, connections) = (self.args.rate, self.args.connections);
        self.round(ways, async |target| {
            open_loop(target, case, rate, length, connections).await
        })
        .await
    }

    /// A round as fast as it goes.
    async fn closed(
        &mut self,
        ways: &Ways,
        case: Case,
        length: Duration,
        connections: usize,
    ) -> anyhow::Result<Round> {
        self.round(ways, async |target| {
            closed_loop(target, case, length, connections).await
        })
        .await
    }

    async fn round(
        &mut self,
        ways: &Ways,
        load: impl AsyncFn(&Target) -> Result<Outcome, LoadError>,
    ) -> anyhow::Result<Round> {
        let load_average = load_average()?;
        self.disk.time(self.door.folder(), FLUSHES)?;
        let direct = load(&ways.direct).await?;
        let before = self.door.process().cpu_at_rest().await?;
        let door = load(&ways.through).await?;
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
        if let Some(projector) = self.door.projector() {
            let memory = projector.memory()?;
            println!(
                "Memory of the projector: {} KiB resident, {} KiB at most",
                memory.resident, memory.peak
            );
        }
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
        let recorded = self.door.recorded(SLUG, self.made - self.failed).await?;
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
