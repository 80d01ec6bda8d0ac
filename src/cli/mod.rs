//! The verbs for people and scripts: a thin client of the admin API.
//!
//! # Exit codes
//! 0 done · 1 refused or failed, as the message says · 2 wrong usage · 3 something else won (409) · 4 not allowed (401, 403) ·
//! 5 not found · 6 cannot be reached or not ready.
//!
//! Answers go to stdout, everything said about them to stderr.

mod access;
mod answer;
mod audit;
mod block;
mod client;
mod development;
mod document;
mod edited;
mod enforced;
mod etag;
mod failure;
mod format;
mod grant;
mod issuer;
mod listing;
mod log;
mod manifest;
mod neutral;
mod problem;
mod process;
mod registered;
mod replicas;
mod request;
mod screen;
mod server;
mod settings;
mod table;
mod token;
mod tool;
mod touch;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Subcommand;

use self::{failure::Failure, process::Process};
use crate::log_copy;

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Registered servers: onboard, approve, promote, switch off
    Server(server::Args),
    /// Single tools of a server
    Tool(tool::Args),
    /// Who may call what
    Grant(grant::Args),
    /// Users and client apps that are kept out
    Block(block::Args),
    /// Identity providers whose tokens are accepted
    Issuer(issuer::Args),
    /// Settings of the whole installation
    Settings(settings::Args),
    /// Who called what, when, and how it ended
    Audit(audit::Args),
    /// What each replica enforces, and whether it may serve
    Replicas(replicas::Args),
    /// Which log it is, that a restored one may be served, and moving it to Kafka
    Log(log::Args),
    /// Manifests, before they are submitted
    Manifest(manifest::Args),
    /// Print a token of a development user
    Token(token::Args),
}

/// Runs a command of this process.
pub(crate) fn main(command: Command) -> ExitCode {
    if let Command::Log(args) = &command
        && let Some(args) = args.copy()
    {
        return log_copy::main(args);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    process::with(|process| {
        let result = match runtime {
            Ok(runtime) => runtime.block_on(run(command, process)),
            Err(error) => Err(Failure::Runtime(error)),
        };
        ExitCode::from(conclude(result, process))
    })
}

/// Turns what became of a command into words and an exit code.
fn conclude(result: Result<(), Failure>, process: &mut Process<'_>) -> u8 {
    // What a failed command has answered so far comes before the words on its failure.
    let written = process.out.flush().map_err(Failure::from);
    match result.and(written) {
        Ok(()) => 0,
        Err(failure) if failure.is_enough() => 0,
        Err(failure) => {
            // Where stderr is closed there is nobody left to tell.
            let _unheard = failure.report(&mut process.notes);
            failure.exit_code()
        }
    }
}

async fn run(command: Command, process: &mut Process<'_>) -> Result<(), Failure> {
    match command {
        Command::Server(args) => server::run(args, process).await,
        Command::Tool(args) => tool::run(args, process).await,
        Command::Grant(args) => grant::run(args, process).await,
        Command::Block(args) => block::run(args, process).await,
        Command::Issuer(args) => issuer::run(args, process).await,
        Command::Settings(args) => settings::run(args, process).await,
        Command::Audit(args) => audit::run(args, process).await,
        Command::Replicas(args) => replicas::run(args, process).await,
        Command::Log(args) => log::run(args, process).await,
        Command::Manifest(args) => manifest::run(&args, process),
        Command::Token(args) => token::run(args, process).await,
    }
}
