//! `onedoor server`: onboard servers, approve and promote their versions, switch them off.

mod change;
mod history;
pub(super) mod view;

use std::path::PathBuf;

use bytes::Bytes;
use onedoor_model::ids::Slug;
use reqwest::Method;

use super::{
    access::Access,
    answer::Answer,
    client::Client,
    document,
    etag::{ETag, IfMatchArgs},
    failure::Failure,
    format::{Format, FormatArgs},
    listing::{self, Pages},
    process::Process,
    request::Request,
};
use change::Verb;
pub(super) use change::done;
use view::ServerView;

/// `onedoor server`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    format: FormatArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// All servers
    List {
        /// Only those with this status: pending, qa, live, disabled or retired
        #[arg(long)]
        status: Option<String>,
    },
    /// One server: status, versions, tools, and what its tokens are tied to
    Show { name: Slug },
    /// Register a server by its manifest
    Register {
        /// The manifest; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Submit a new version, which stands at stage qa until it is promoted
    Update {
        name: Slug,
        /// The manifest; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        if_match: IfMatchArgs,
    },
    /// Approve the tie of a version: where its tokens go and for whom they are
    Approve(VersionArgs),
    /// Make a version the one that production serves
    Promote(VersionArgs),
    /// Stop serving at once. Takes effect whatever else happens
    Disable {
        name: Slug,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Serve again
    Enable(GuardedArgs),
    /// Take out of the registry for good
    Retire(GuardedArgs),
    /// What was done, by whom, and what came to nothing
    History {
        name: Slug,
        /// Wait until this revision is in it
        #[arg(long, value_name = "REVISION")]
        at_least: Option<u64>,
    },
}

#[derive(Debug, clap::Args)]
struct VersionArgs {
    name: Slug,
    /// The version's number; the latest where none is given
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    if_match: IfMatchArgs,
}

#[derive(Debug, clap::Args)]
struct GuardedArgs {
    name: Slug,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    if_match: IfMatchArgs,
}

/// The option that says why.
#[derive(Debug, clap::Args)]
pub(super) struct ReasonArgs {
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
        action,
    } = args;
    let client = access.client(process, "admin").await?;
    match action {
        Action::List { status } => {
            let request = Request::get(["servers"]).query("status", status);
            listing::show(
                Pages::new(&client, request, "servers"),
                format,
                process,
                view::list,
            )
            .await
        }
        Action::Show { name } => {
            let answer = client.send(&Request::get(["servers", name.as_str()])).await?;
            show(&answer, format, process)
        }
        Action::Register { file, reason } => {
            let manifest = document::read(&file, process.input)?;
            let answer = register(&client, manifest, &reason).await?;
            change::onward(&answer, format, process)
        }
        Action::Update {
            name,
            file,
            reason,
            if_match,
        } => {
            let manifest = document::read(&file, process.input)?;
            let version = version_of(&client, &name, if_match, "updating", None, process).await?;
            let request = Request::command(Method::PUT, ["servers", name.as_str()])?
                .document(manifest)
                .if_match(version)?
                .reason(reason.reason.as_deref())?;
            change::onward(&client.send(&request).await?, format, process)
        }
        Action::Approve(args) => change::version(&client, Verb::Approve, args, format, process).await,
        Action::Promote(args) => change::version(&client, Verb::Promote, args, format, process).await,
        Action::Disable { name, reason } => change::disable(&client, &name, reason, format, process).await,
        Action::Enable(args) => change::guarded(&client, Verb::Enable, args, format, process).await,
        Action::Retire(args) => change::guarded(&client, Verb::Retire, args, format, process).await,
        Action::History { name, at_least } => {
            let request = Request::get(["servers", name.as_str(), "history"]).query("at_least", at_least);
            listing::show(
                Pages::new(&client, request, "events"),
                format,
                process,
                history::table,
            )
            .await
        }
    }
}

async fn register(client: &Client, manifest: Bytes, reason: &ReasonArgs) -> Result<Answer, Failure> {
    let request = Request::command(Method::POST, ["servers"])?
        .document(manifest)
        .reason(reason.reason.as_deref())?;
    client.send(&request).await
}

fn show(answer: &Answer, format: Format, process: &mut Process<'_>) -> Result<(), Failure> {
    match format {
        Format::Json => process.out.json(&answer.value()?)?,
        Format::Table => answer.read::<ServerView>()?.show(&mut process.out)?,
    }
    Ok(())
}

/// The version of a server that a command is given for: the one that was asked for, else the one that is there, which is shown.
pub(super) async fn version_of(
    client: &Client,
    name: &Slug,
    asked: IfMatchArgs,
    doing: &str,
    number: Option<u32>,
    process: &mut Process<'_>,
) -> Result<ETag, Failure> {
    if let Some(version) = asked.if_match {
        return Ok(version);
    }
    let answer = client.send(&Request::get(["servers", name.as_str()])).await?;
    let version = answer.etag()?;
    answer
        .read::<ServerView>()?
        .announce(doing, number, &mut process.notes)?;
    Ok(version)
}
