//! The binary `onedoor`: one subcommand a module.

mod cli;
mod dev;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One secure door through which every AI assistant reaches the enterprise's tools.
#[derive(Debug, Parser)]
#[command(name = "onedoor", version, max_term_width = 100)]
struct Onedoor {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine, with demonstration servers and users.
    Dev(dev::Args),
    #[command(flatten)]
    Client(Box<cli::Command>),
}

fn main() -> ExitCode {
    match Onedoor::parse().command {
        Command::Dev(args) => dev::main(&args),
        Command::Client(command) => cli::main(*command),
    }
}
