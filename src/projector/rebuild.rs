//! `onedoor projector rebuild`: the projection, built anew from the log beside the live one, compared with it, and put in its place.
#![expect(clippy::print_stdout, reason = "a person asked for the report")]

use std::process::ExitCode;

use anyhow::Context as _;
use onedoor_projector::{Differing, PostgresOptions, Rebuild, Report, TableReport, rebuild};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{FileArg, LogConfig, PartsArgs, ProjectorArgs, ProjectorConfig},
    parts, process,
    progress::Progress,
    telemetry,
};

/// What can be said of `onedoor projector rebuild`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    parts: PartsArgs,
    /// Put the one built anew in place even if it differs from the live one
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    log: telemetry::Logging,
}

/// Exits with 0 if the live projection is now the one built anew.
pub(super) fn main(args: &Args) -> ExitCode {
    let args_of_parts = ProjectorArgs::of_parts(args.file.clone(), args.parts.clone());
    let config = match ProjectorConfig::load(&args_of_parts) {
        Ok(config) => config,
        Err(faults) => return process::refuse(&faults),
    };
    telemetry::start(&args.log.clone().or(config.logging));
    let differing = if args.adopt {
        Differing::Adopt
    } else {
        Differing::Keep
    };
    process::run("onedoor projector rebuild", |stop| {
        run(config.log, config.database, differing, stop)
    })
}

async fn run(
    log: LogConfig,
    database: PostgresOptions,
    differing: Differing,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let work = async {
        let log = parts::open_log(log).await?;
        let mut progress = Progress::new();
        let report = rebuild(log, &database, differing, |at| tell(&mut progress, at)).await;
        anyhow::Ok(report?)
    };
    // What is half built is dropped by the next rebuild.
    let report = stop
        .run_until_cancelled(Box::pin(work))
        .await
        .context("told to stop: the live projection is as it was")??;
    println!("{}", words(&report));
    anyhow::ensure!(report.swapped, "the live projection was left as it is");
    Ok(())
}

fn tell(progress: &mut Progress, at: Rebuild) {
    match at {
        Rebuild::Building { done, total } => progress.at("projecting", done, total),
        Rebuild::Comparing => progress.now("comparing"),
        Rebuild::Dropping => progress.now("dropping what is left over"),
    }
}

fn words(report: &Report) -> String {
    let Report {
        digests,
        differing,
        swapped,
        events,
    } = report;
    let mut words = format!("projected {events} events");
    match digests {
        None => words += "; there was no projection before",
        Some((_, rebuilt)) if differing.is_empty() => {
            words += &format!("; every table is as it was, digest {rebuilt}");
        }
        Some((live, rebuilt)) => {
            words += &format!("; digest of the live projection {live}, of the one built anew {rebuilt}");
            for TableReport { table, live, rebuilt } in differing {
                words += &format!("\n  {table} differs: {live} rows live, {rebuilt} built anew");
            }
        }
    }
    words
        + if *swapped {
            "\nThe one built anew is in place."
        } else {
            "\nThe live one was left in place; --adopt puts the other one there."
        }
}

#[cfg(test)]
mod tests {
    use onedoor_model::ids::Digest;

    use super::*;

    #[test]
    fn a_report_says_what_differs_and_the_way_out() {
        let mut report = Report {
            digests: Some((Digest::of(b"a"), Digest::of(b"b"))),
            differing: vec![TableReport {
                table: "calls",
                live: 7,
                rebuilt: 8,
            }],
            swapped: false,
            events: 100,
        };
        let differs = words(&report);
        for part in [
            "100 events",
            "calls differs: 7 rows live, 8 built anew",
            "--adopt",
        ] {
            assert!(differs.contains(part), "{part} in {differs}");
        }
        report.digests = Some((Digest::of(b"a"), Digest::of(b"a")));
        report.differing.clear();
        report.swapped = true;
        let same = words(&report);
        assert!(
            same.contains("as it was") && same.contains("is in place"),
            "{same}"
        );
    }
}
