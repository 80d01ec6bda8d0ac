//! `onedoor audit`: who called what, when, and how it ended.

mod csv;

use std::{borrow::Cow, io};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::csv::Csv;
use super::{
    access::Access,
    client::Client,
    failure::Failure,
    listing::{JsonList, Pages, read_all},
    process::Process,
    request::Request,
    screen::Screen,
    table::{NOTHING, Table, maybe, shown},
};

/// The calls shown where nobody says how many.
const LIMIT: usize = 100;

/// `onedoor audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Calls of tools and refusals of calls, the newest first
    Calls(CallsArgs),
}

#[derive(Debug, clap::Args)]
struct CallsArgs {
    /// Of this server: a slug, or the id of a server that is gone
    #[arg(long, value_name = "SLUG|ID")]
    server: Option<String>,
    /// Of this tool
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// By this user: an object id or a name
    #[arg(long, value_name = "ID|NAME")]
    user: Option<String>,
    /// Through this client app
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// With this outcome: `open`, `succeeded`, `tool_error`, `upstream_error`, `cancelled`, `timed_out`, `not_dispatched`, `unknown` or `denied`
    #[arg(long)]
    outcome: Option<String>,
    /// From then on: a time (RFC 3339) or how long ago, such as 7d, 12h or 30m
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then: a time or how long ago
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// At most so many [default: 100]
    #[arg(long, value_name = "NUMBER", conflicts_with = "all")]
    limit: Option<usize>,
    /// However many there are
    #[arg(long)]
    all: bool,
    /// How the calls are written
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// As the API gives it
    Json,
    /// For spreadsheets (RFC 4180)
    Csv,
}

/// Takes calls as they come.
#[derive(Debug)]
enum Sink {
    Table(Vec<CallView>),
    Json(JsonList),
    Csv(Csv),
}

/// What a table shows of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallView {
    time: String,
    user: Option<String>,
    user_name: Option<String>,
    client: String,
    server: Option<String>,
    tool: Option<String>,
    operation: String,
    outcome: String,
    cause: Option<String>,
    late: Option<String>,
    duration_ms: Option<f64>,
    trace_id: Option<String>,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        action: Action::Calls(args),
    } = args;
    let client = access.client(process, "auditor").await?;
    calls(&client, args, process).await
}

async fn calls(client: &Client, args: CallsArgs, process: &mut Process<'_>) -> Result<(), Failure> {
    let CallsArgs {
        server,
        tool,
        user,
        client: app,
        outcome,
        since,
        until,
        limit,
        all,
        format,
    } = args;
    let request = Request::get(["audit", "calls"])
        .query("server", server)
        .query("tool", tool)
        .query("user", user)
        .query("client", app)
        .query("outcome", outcome)
        .query("since", since)
        .query("until", until);
    let mut pages = Pages::new(client, request, "calls");
    let mut sink = Sink::open(format, &mut process.out)?;
    let mut left = if all { usize::MAX } else { limit.unwrap_or(LIMIT) };
    let mut more = false;
    while left > 0
        && let Some(mut entries) = pages.next().await?
    {
        more = entries.len() > left || pages.has_more();
        entries.truncate(left);
        left -= entries.len();
        sink.add(&entries, &mut process.out)?;
    }
    sink.close(&mut process.out)?;
    if more {
        process.note_after("more calls match: --all shows all of them, --limit NUMBER more of them")?;
    }
    Ok(())
}

impl Sink {
    fn open(format: Format, screen: &mut Screen<'_>) -> Result<Self, Failure> {
        Ok(match format {
            Format::Table => Self::Table(Vec::new()),
            Format::Json => Self::Json(JsonList::open("calls", screen)?),
            Format::Csv => Self::Csv(Csv::open(screen)?),
        })
    }

    fn add(&mut self, entries: &[Box<RawValue>], screen: &mut Screen<'_>) -> Result<(), Failure> {
        match self {
            Self::Table(calls) => calls.extend(read_all::<CallView>(entries)?),
            Self::Json(list) => entries.iter().try_for_each(|entry| list.add(entry, screen))?,
            Self::Csv(csv) => csv.add(&read_all(entries)?, screen)?,
        }
        Ok(())
    }

    fn close(self, screen: &mut Screen<'_>) -> io::Result<()> {
        match self {
            Self::Table(calls) => screen.table(&table(&calls)),
            Self::Json(list) => list.close(screen),
            Self::Csv(_) => Ok(()),
        }
    }
}

fn table(calls: &[CallView]) -> Table {
    let mut table = Table::new([
        "TIME", "USER", "CLIENT", "SERVER", "TOOL", "OUTCOME", "MS", "TRACE",
    ]);
    for call in calls {
        table.row([
            call.time.as_str().into(),
            call.user(),
            call.client.as_str().into(),
            maybe(call.server.as_deref()),
            call.what(),
            call.outcome(),
            call.duration_ms
                .map_or(NOTHING.into(), |ms| shown(format_args!("{ms:.1}"))),
            maybe(call.trace_id.as_deref()),
        ]);
    }
    table
}

impl CallView {
    /// A name tells people who it was, the id is what counts.
    fn user(&self) -> Cow<'_, str> {
        match (&self.user_name, &self.user) {
            (Some(name), Some(id)) => format!("{name} ({id})").into(),
            (None, id) => maybe(id.as_deref()),
            (Some(name), None) => name.as_str().into(),
        }
    }

    /// The tool; where none was named, what else was asked for.
    fn what(&self) -> Cow<'_, str> {
        match &self.tool {
            Some(tool) => tool.as_str().into(),
            None => format!("({})", self.operation).into(),
        }
    }

    fn outcome(&self) -> Cow<'_, str> {
        let outcome: Cow<'_, str> = match &self.cause {
            Some(cause) => format!("{}: {cause}", self.outcome).into(),
            None => self.outcome.as_str().into(),
        };
        match &self.late {
            Some(why) => format!("{outcome}, sent late: {why}").into(),
            None => outcome,
        }
    }
}
