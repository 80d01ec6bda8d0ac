//! One of ten servers hangs: what callers of the others notice, in paired rounds of the same run.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use futures_util::future::join_all;
use http::Uri;
use onedoor_bench::{
    client::Target,
    load::{Outcome, open_loop},
    message::{Case, Era},
    report::{Quantiles, Spread},
    upstream::Upstream,
};

use crate::Machine;

/// Servers beside the one that hangs.
const OTHERS: usize = 9;

/// How much is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Neighbours {
    /// Calls a second to the nine others together
    #[arg(long, default_value_t = 180)]
    rate: u32,
    /// Calls a second to the one that hangs
    #[arg(long, default_value_t = 50)]
    hanging_rate: u32,
    /// Rounds before it hangs, and as many while it does
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Length of a round
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

/// Measures, and prints what came of it.
pub(crate) async fn run(args: &Neighbours, machine: &Machine) -> anyhow::Result<()> {
    let door = machine.door().await?;
    let token = door.token_a().await?;
    let mut upstreams = Vec::new();
    let mut targets = Vec::new();
    for number in 0..=OTHERS {
        let slug = format!("bench-{number}");
        let upstream = Upstream::start()?;
        door.register(&slug, upstream.address).await?;
        let path: Uri = format!("/servers/{slug}/mcp").parse()?;
        targets.push(Target::new(
            door.address()?,
            path,
            Era::Stateless,
            Some(token.clone()),
        ));
        upstreams.push(upstream);
    }
    let Some((sick, others)) = targets.split_first() else {
        return Ok(());
    };
    let length = Duration::from_secs(args.seconds);
    let each = args.rate / OTHERS as u32;
    let round = async || -> anyhow::Result<f64> {
        let others = others
            .iter()
            .map(|target| open_loop(target, Case::ALL[1], each, length, 4));
        // The one that is to hang is called as much before: only that it hangs differs.
        let mut sick = std::pin::pin!(open_loop(sick, Case::ALL[1], args.hanging_rate, length, 512));
        let others = join_all(others);
        let others = tokio::select! {
            others = others => others,
            Err(error) = &mut sick => return Err(error.into()),
        };
        let others: Vec<Outcome> = others.into_iter().collect::<Result<_, _>>()?;
        let failed: u64 = others.iter().map(Outcome::failed).sum();
        ensure!(failed == 0, "{failed} calls to the others failed");
        let mut latency = others[0].latency.clone();
        for other in &others[1..] {
            latency += &other.latency;
        }
        println!("  ms {} {}", Quantiles::NAMES.join(" "), Quantiles::of(&latency));
        Ok(latency.value_at_quantile(0.95) as f64 / 1e3)
    };
    println!("All ten answer:");
    round().await?;
    let mut before = Vec::new();
    for _ in 0..args.rounds {
        before.push(round().await?);
    }
    upstreams[0].hang();
    println!("One hangs:");
    let mut while_it_hangs = Vec::new();
    for _ in 0..args.rounds {
        while_it_hangs.push(round().await?);
    }
    if let (Some(before), Some(after)) = (Spread::of(before), Spread::of(while_it_hangs)) {
        println!(
            "P95 of calls to the nine others, ms: {before} before, {after} while one hangs: {:+.1} %",
            (after.median / before.median - 1.0) * 100.0
        );
    }
    drop(door);
    Ok(())
}
