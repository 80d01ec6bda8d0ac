//! Many idle streams beside calls at a fixed rate: memory must stay flat, and nothing may fail.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::future::join_all;
use http::Uri;
use http_body_util::BodyExt as _;
use onedoor_bench::{
    client::Target,
    door::{Door, SLUG},
    load::{Outcome, open_loop},
    message::{Case, Era},
    report::Quantiles,
    upstream::Upstream,
};
use tokio::task::JoinSet;

use crate::Machine;

/// Parts of the time after each of which memory is looked at.
const PARTS: u32 = 8;

/// How much more memory the door may hold at the end than once it was warm, in hundredths.
const GROWTH_PERCENT: u64 = 10;

/// How much is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Soak {
    /// Idle streams, each of a session of its own
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Calls a second, half of them in each era
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How long
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Connections for the calls of each era
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

/// Measures, and prints what came of it.
pub(crate) async fn run(args: &Soak, machine: &Machine) -> anyhow::Result<()> {
    let upstream = Upstream::start()?;
    let door = machine.door().await?;
    door.register(SLUG, upstream.address).await?;
    let stateless = target(&door, Era::Stateless).await?;
    let mut session = target(&door, Era::Session).await?;
    session.open_session().await.context("a session")?;

    let idle = door.process().memory()?.resident;
    let mut streams = open_streams(&door, args.streams).await?;
    let opened = door.process().memory()?.resident;
    println!(
        "{} idle streams: {idle} KiB resident before, {opened} after: {} KiB a stream",
        args.streams,
        opened.saturating_sub(idle) / args.streams.max(1) as u64
    );

    let part = Duration::from_secs(args.seconds) / PARTS;
    let load =
        async |target: &Target, case| open_loop(target, case, args.rate / 2, part, args.connections).await;
    let (mut made, mut failed, mut memory) = (0, 0, Vec::new());
    for number in 1..=PARTS {
        let both = join_all([load(&stateless, Case::ALL[1]), load(&session, Case::ALL[3])]).await;
        let both: Vec<Outcome> = both.into_iter().collect::<Result<_, _>>()?;
        let resident = door.process().memory()?.resident;
        memory.push(resident);
        print!("part {number}: {resident} KiB resident");
        for (era, outcome) in Era::ALL.iter().zip(&both) {
            made += outcome.answered();
            failed += outcome.failed();
            print!(
                "; {era}: {:.0} calls/s, ms {} {}",
                outcome.rate,
                Quantiles::NAMES.join(" "),
                Quantiles::of(&outcome.latency)
            );
            for (error, times) in &outcome.errors {
                print!("; {times} times {error}");
            }
        }
        println!();
    }
    let ended = streams.try_join_next().is_some();
    println!(
        "{made} calls answered, {failed} failed; {} of {} streams open at the end",
        streams.len(),
        args.streams
    );
    streams.shutdown().await;
    door.stop().await?;
    ensure!(failed == 0, "calls failed");
    ensure!(!ended, "a stream ended");
    // The first part warms caches and buffers up.
    let (warm, last) = (memory[1], memory[memory.len() - 1]);
    ensure!(
        last <= warm + warm * GROWTH_PERCENT / 100,
        "memory grew from {warm} to {last} KiB"
    );
    Ok(())
}

async fn target(door: &Door, era: Era) -> anyhow::Result<Target> {
    let path: Uri = format!("/servers/{SLUG}/mcp").parse()?;
    Ok(Target::new(
        door.address()?,
        path,
        era,
        Some(door.token_a().await?),
    ))
}

/// Opens so many sessions, each with its stream; a task that ends is a stream that ended.
async fn open_streams(door: &Door, number: usize) -> anyhow::Result<JoinSet<()>> {
    let token = door.token_a().await?;
    let path: Uri = format!("/servers/{SLUG}/mcp").parse()?;
    let mut streams = JoinSet::new();
    for _ in 0..number {
        let mut target = Target::new(door.address()?, path.clone(), Era::Session, Some(token.clone()));
        target.open_session().await?;
        let mut body = target.open_stream().await?.into_body();
        streams.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
    Ok(streams)
}
