//! The binary `onedoor`: one subcommand a module.

mod backup;
mod bootstrap;
mod check_config;
mod cli;
mod config;
mod demo;
mod dev;
mod embedded;
mod gateway;
mod healthcheck;
mod keys;
mod log_copy;
mod parts;
mod planes;
mod process;
mod progress;
mod projector;
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
    /// Run one of any number of gateways, on a log in Kafka that they share.
    Gateway(Box<gateway::Args>),
    /// Keep the projection of that log, in PostgreSQL.
    Projector(Box<projector::Args>),
    /// Say whether a role would start with this configuration, and what it comes to.
    CheckConfig(Box<check_config::Args>),
    /// Copy an installation, while it runs, into a folder.
    Backup(backup::BackupArgs),
    /// Make an installation out of a backup.
    Restore(backup::RestoreArgs),
    /// Keys that all replicas of a gateway share.
    Keys(keys::Args),
    /// Ask a URL, and exit with 0 if it answers with success: for containers, which have no shell.
    Healthcheck(healthcheck::Args),
    /// Run the demonstration servers alone, for a door elsewhere.
    Demo(Box<demo::Args>),
    #[command(flatten)]
    Client(Box<cli::Command>),
}

fn main() -> ExitCode {
    match Onedoor::parse().command {
        Command::Dev(args) => dev::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::Gateway(args) => gateway::main(&args),
        Command::Projector(args) => projector::main(&args),
        Command::CheckConfig(args) => check_config::main(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Keys(args) => keys::main(&args),
        Command::Healthcheck(args) => healthcheck::main(&args),
        Command::Demo(args) => demo::main(*args),
        Command::Client(command) => cli::main(*command),
    }
}
