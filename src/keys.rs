//! `onedoor keys`: the keys that all replicas of a gateway share.

use std::{path::PathBuf, process::ExitCode};

use onedoor_gateway::Keys;

use crate::process::conclude;

/// What can be said of `onedoor keys`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a set of keys, for every replica to have; a whole set that is there is left as it is
    Generate {
        /// Folder of the keys, made if it is not there
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
}

/// Exits with 0 if a whole set is there.
pub(crate) fn main(args: &Args) -> ExitCode {
    let Action::Generate { into } = &args.action;
    let made = Keys::generate(into);
    let folder = into.display();
    match &made {
        Ok(made) if made.is_empty() => conclude(Ok(format!("the keys are there: {folder} is left as it is"))),
        Ok(made) => conclude(Ok(format!(
            "made {} in {folder}: every replica needs these same files",
            made.join(", ")
        ))),
        Err(error) => conclude(Err(error)),
    }
}
