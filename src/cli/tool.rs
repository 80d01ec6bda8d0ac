//! `onedoor tool`: single tools of a server.

use onedoor_model::ids::{Slug, ToolName};
use reqwest::Method;
use serde_json::json;

use super::{
    access::Access,
    client::Client,
    etag::IfMatchArgs,
    failure::Failure,
    format::{Format, FormatArgs},
    listing::{self, Pages},
    process::Process,
    request::Request,
    server::{
        ReasonArgs, done, version_of,
        view::{self, ServerView},
    },
};

/// `onedoor tool`.
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
    /// The tools of one server, or of all
    List { server: Option<Slug> },
    /// Stop serving one tool at once. Takes effect whatever else happens
    Disable {
        server: Slug,
        #[arg(value_parser = tool_name)]
        tool: ToolName,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Serve it again
    Enable {
        server: Slug,
        #[arg(value_parser = tool_name)]
        tool: ToolName,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        if_match: IfMatchArgs,
    },
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
        action,
    } = args;
    let client = access.client(process, "admin").await?;
    match action {
        Action::List { server: Some(server) } => list_one(&client, &server, format, process).await,
        Action::List { server: None } => {
            let pages = Pages::new(&client, Request::get(["servers"]), "servers");
            listing::show(pages, format, process, |servers: &[ServerView]| {
                view::tools(servers)
            })
            .await
        }
        Action::Disable { server, tool, reason } => {
            let request = command(&server, &tool, "disable", &reason)?;
            done(&client.send(&request).await?, format, process)
        }
        Action::Enable {
            server,
            tool,
            reason,
            if_match,
        } => {
            let version = version_of(&client, &server, if_match, "enabling a tool of", None, process).await?;
            let request = command(&server, &tool, "enable", &reason)?.if_match(version)?;
            done(&client.send(&request).await?, format, process)
        }
    }
}

async fn list_one(
    client: &Client,
    server: &Slug,
    format: Format,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    let answer = client.send(&Request::get(["servers", server.as_str()])).await?;
    match format {
        Format::Json => {
            let mut server = answer.value()?;
            process.out.json(&json!({ "tools": server["tools"].take() }))?;
        }
        Format::Table => process.out.table(&view::tools([&answer.read::<ServerView>()?]))?,
    }
    Ok(())
}

fn command(server: &Slug, tool: &ToolName, verb: &str, reason: &ReasonArgs) -> Result<Request, Failure> {
    let path = ["servers", server.as_str(), "tools", tool.as_str(), verb];
    let body = reason
        .reason
        .as_ref()
        .map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    Request::command(Method::POST, path)?.json(&body)
}

/// A tool that a URL can name: `.` and `..` as segments of a path mean something else (RFC 3986 §5.2.4).
fn tool_name(text: &str) -> Result<ToolName, String> {
    match text {
        "." | ".." => Err("a URL cannot name this tool; disable its server instead".to_owned()),
        _ => ToolName::new(text).map_err(|error| error.to_string()),
    }
}
