//! The binary `onedoor`: one subcommand a module.

mod backup;
mod check_config;
mod cli;
mod dev;
mod embedded;
mod serve;
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
    /// Run an installation: your identity provider, your servers, one process.
    Serve(Box<serve::Args>),
    /// Say whether `onedoor serve` would start with this configuration, and what it comes to.
    CheckConfig(Box<check_config::Args>),
    /// Copy an installation, while it runs, into a folder.
    Backup(backup::BackupArgs),
    /// Make an installation out of a backup.
    Restore(backup::RestoreArgs),
    #[command(flatten)]
    Client(Box<cli::Command>),
}

fn main() -> ExitCode {
    match Onedoor::parse().command {
        Command::Dev(args) => dev::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::CheckConfig(args) => check_config::main(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Client(command) => cli::main(*command),
    }
}
