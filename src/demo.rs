//! `onedoor demo`: the demonstration servers alone, for a door that runs elsewhere.
#![expect(clippy::print_stdout, reason = "a manifest is what a person asked for")]

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context as _;
use axum::{Router, routing::get};
use onedoor_demo::{
    finance, hr, manifests,
    rates::{self, BASE_PATH},
    server::{DemoServerConfig, HEALTH_PATH, MCP_PATH},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{process, telemetry};

/// What can be said of `onedoor demo`.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    serve: Option<ServeArgs>,
    #[command(flatten)]
    log: telemetry::Logging,
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Address and port to listen on, in plain text
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// What the door calls the servers by, if not by loopback: `http://demo:9100`
    #[arg(long)]
    url: Option<Url>,
    /// The door's public URL, which issues the tokens that the servers take
    #[arg(long, value_name = "URL")]
    gateway_issuer: String,
    /// Where the door publishes its keys
    #[arg(long, value_name = "URL")]
    gateway_jwks: Url,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the manifest that registers a server
    Manifest {
        /// Which
        server: Server,
        /// What the door calls the servers by
        #[arg(long)]
        url: Url,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Server {
    Finance,
    Hr,
    Rates,
}

/// Serves until Ctrl-C or SIGTERM, or prints what was asked for.
pub(crate) fn main(args: Args) -> ExitCode {
    match (args.action, args.serve) {
        (Some(Action::Manifest { server, url }), _) => {
            println!("{}", manifest(server, &url));
            ExitCode::SUCCESS
        }
        (None, Some(serve)) => {
            telemetry::start(&args.log);
            process::run("onedoor demo", |stop| run(serve, stop))
        }
        // clap asks for what is required of it.
        (None, None) => ExitCode::FAILURE,
    }
}

async fn run(args: ServeArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let ServeArgs {
        listen,
        url,
        gateway_issuer,
        gateway_jwks,
    } = args;
    let mut config = DemoServerConfig::new(gateway_issuer, gateway_jwks);
    config.shutdown = stop.clone();
    if let Some(host) = url.as_ref().and_then(Url::host_str) {
        config.hosts.push(host.to_owned());
    }
    let router = Router::new()
        .nest(&path(finance::SLUG), finance::router(config.clone()))
        .nest(&path(hr::SLUG), hr::router(config.clone()))
        .nest(&path(rates::SLUG), rates::router(config))
        .route(HEALTH_PATH, get(|| async { "ok\n" }));
    let socket = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(%listen, "serving finance, hr and rates");
    axum::serve(socket, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("the servers")
}

/// The manifest of a server, as it is reached here.
fn manifest(server: Server, url: &Url) -> String {
    let at = |slug: &str, rest: &str| {
        let mut at = url.clone();
        at.set_path(&format!("{}{rest}", path(slug)));
        at
    };
    match server {
        Server::Finance => manifests::finance(&at(finance::SLUG, MCP_PATH)),
        Server::Hr => manifests::hr(&at(hr::SLUG, MCP_PATH)),
        Server::Rates => manifests::rates(&at(rates::SLUG, BASE_PATH)),
    }
}

fn path(slug: &str) -> String {
    format!("/{slug}")
}

#[cfg(test)]
mod tests {
    use onedoor_model::manifest;

    use super::*;

    #[test]
    fn the_manifests_are_good_and_lead_to_where_the_servers_are() {
        let url = Url::parse("http://demo:9100").unwrap();
        for (server, place) in [
            (Server::Finance, "http://demo:9100/finance/mcp"),
            (Server::Hr, "http://demo:9100/hr/mcp"),
            (Server::Rates, "http://demo:9100/rates/v1"),
        ] {
            let text = manifest(server, &url);
            manifest::check(text.as_bytes()).unwrap();
            assert!(text.contains(place), "{place} in {text}");
        }
    }
}
