//! Logs: to standard error, as text for people or as JSON lines for machines.

mod json;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use self::json::{JsonLines, JsonMembers};

/// What is logged where nobody says otherwise.
const USUAL: &str = "info,rmcp=warn,sqlx=warn,onedoor_demo=warn";

/// How to log.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Logging {
    /// What to log: a level, or directives such as `info,onedoor_gateway=debug` [default: info].
    #[arg(long, env = "ONEDOOR_LOG", value_parser = directives)]
    pub(crate) log: Option<String>,
    /// Form of log lines [default: text].
    #[arg(long, env = "ONEDOOR_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<Format>,
    /// What was to be said of the configuration before there were logs.
    #[arg(skip)]
    pub(crate) remarks: Vec<String>,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Makes sure that a text says what to log.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn directives(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

impl Logging {
    /// This, and where it says nothing, the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
            remarks: [self.remarks, other.remarks].concat(),
        }
    }
}

/// Logs from here on. Called once, by main.
pub(crate) fn start(args: &Logging) {
    let filter = EnvFilter::new(args.log.as_deref().unwrap_or(USUAL));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log_format.unwrap_or(Format::Text) {
        Format::Text => logs.with_ansi(std::io::stderr().is_terminal()).init(),
        Format::Json => logs
            .with_ansi(false)
            .fmt_fields(JsonMembers)
            .event_format(JsonLines)
            .init(),
    }
    for remark in &args.remarks {
        tracing::warn!("{remark}");
    }
}
