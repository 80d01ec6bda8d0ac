//! `onedoor check-config`.

use std::process::ExitCode;

use crate::serve::{self, config::ConfigArgs};

/// What can be said of `onedoor check-config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Exits with 0, or with 64 where the configuration has a fault.
pub(crate) fn main(args: &Args) -> ExitCode {
    serve::check(&args.config)
}
