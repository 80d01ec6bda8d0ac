//! Logs: to standard error, as text for people or as JSON lines for machines.

mod json;

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt::format::JsonFields};

use self::json::JsonLines;

/// How to log.
#[derive(Debug, clap::Args)]
pub(crate) struct Logging {
    /// What to log: a level, or directives such as `info,onedoor_gateway=debug`.
    #[arg(long, env = "ONEDOOR_LOG", default_value = "info,rmcp=warn,onedoor_demo=warn")]
    log: String,
    /// Form of log lines.
    #[arg(long, env = "ONEDOOR_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs from here on. Called once, by main.
pub(crate) fn start(args: &Logging) {
    let filter = EnvFilter::try_new(&args.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log_format {
        Format::Text => logs.with_ansi(std::io::stderr().is_terminal()).init(),
        Format::Json => logs
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .init(),
    }
}
