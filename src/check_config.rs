//! `onedoor check-config`: what a role would say of its configuration, without starting anything.
#![expect(clippy::print_stdout, reason = "it is what a person asked for")]

use std::process::ExitCode;

use onedoor_projector::PostgresOptions;

use crate::{
    config::{
        DoorConfig, Faults, GatewayArgs, GatewayConfig, LogConfig, ProjectorArgs, ProjectorConfig, ServeArgs,
        ServeConfig,
    },
    process,
    telemetry::Logging,
};

/// What can be said of `onedoor check-config`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Whose configuration it is, where it is not `onedoor serve`'s.
#[derive(Debug, clap::Subcommand)]
enum Role {
    /// Of `onedoor gateway`
    Gateway(Box<GatewayArgs>),
    /// Of `onedoor projector`
    Projector(Box<ProjectorArgs>),
}

/// Exits with 0, or with 64 where the configuration has a fault.
pub(crate) fn main(args: &Args) -> ExitCode {
    let facts = match &args.role {
        None => ServeConfig::load(&args.serve).map(|config| of_serve(&config)),
        Some(Role::Gateway(args)) => GatewayConfig::load(args).map(|config| of_gateway(&config)),
        Some(Role::Projector(args)) => ProjectorConfig::load(args).map(|config| of_projector(&config)),
    };
    conclude(facts)
}

fn conclude(facts: Result<Vec<String>, Faults>) -> ExitCode {
    match facts {
        Ok(facts) => {
            println!("ok");
            for fact in facts {
                println!("  {fact}");
            }
            ExitCode::SUCCESS
        }
        Err(faults) => process::refuse(&faults),
    }
}

fn of_serve(config: &ServeConfig) -> Vec<String> {
    let state = format!("state in {}", config.data.display());
    [vec![state], of_door(&config.door)].concat()
}

fn of_gateway(config: &GatewayConfig) -> Vec<String> {
    let shared = match &config.redis {
        Some(redis) => format!("shares tokens and limits at {}", redis.url),
        None => "shares no tokens and limits with other replicas".to_owned(),
    };
    let drain = format!(
        "stops by taking connections for {} s more, and letting requests end for {} s",
        config.drain.notice.as_secs(),
        config.drain.grace.as_secs()
    );
    let own = vec![
        format!("replica {}", config.replica),
        of_log(&config.log),
        of_database(&config.database),
        shared,
        drain,
    ];
    [own, of_door(&config.door)].concat()
}

fn of_projector(config: &ProjectorConfig) -> Vec<String> {
    let facts = vec![
        of_log(&config.log),
        of_database(&config.database),
        format!("probes and metrics on {}", config.listen),
    ];
    [facts, of_logging(&config.logging)].concat()
}

/// What keeps nothing from starting.
fn of_logging(logging: &Logging) -> Vec<String> {
    logging
        .remarks
        .iter()
        .map(|remark| format!("note: {remark}"))
        .collect()
}

fn of_log(log: &LogConfig) -> String {
    format!("log {}, {}", log.url, in_tls(log.kafka.tls.is_some()))
}

fn of_database(database: &PostgresOptions) -> String {
    let PostgresOptions { url, schema, tls, .. } = database;
    format!("projection {url}, schema {schema}, {}", in_tls(tls.is_some()))
}

fn of_door(door: &DoorConfig) -> Vec<String> {
    let mut facts = Vec::new();
    for (plane, url, how) in [
        ("data plane", &door.public_url, &door.data_plane),
        ("admin plane", &door.admin_url, &door.admin_plane),
    ] {
        let hosts = how.hosts.join(" ");
        facts.push(format!(
            "{plane} {url} on {}, {}, for hosts {hosts}",
            how.listen,
            in_tls(how.tls.is_some())
        ));
    }
    let names = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let issuers = door.issuers.iter().map(|issuer| issuer.name.to_string());
    facts.push(format!("issuers: {}", names(issuers.collect())));
    let admins = door.first_admins.iter().map(ToString::to_string);
    facts.push(format!("first admins: {}", names(admins.collect())));
    [facts, of_logging(&door.logging)].concat()
}

fn in_tls(tls: bool) -> &'static str {
    if tls { "TLS" } else { "plain text" }
}
