//! Verbs on a server.

use onedoor_model::ids::Slug;
use reqwest::Method;
use serde::Serialize;

use super::{GuardedArgs, ReasonArgs, VersionArgs, version_of, view::ServerView};
use crate::cli::{
    answer::Answer, client::Client, enforced::Enforced, etag::ETag, failure::Failure, format::Format,
    process::Process, request::Request,
};

/// What is done, as the API's path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Approve,
    Promote,
    Disable,
    Enable,
    Retire,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Approves or promotes a version.
pub(super) async fn version(
    client: &Client,
    verb: Verb,
    args: VersionArgs,
    format: Format,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    let VersionArgs {
        name,
        version: number,
        reason: ReasonArgs { reason },
        if_match,
    } = args;
    let version = version_of(client, &name, if_match, verb.doing(), number, process).await?;
    let body = Body {
        version: number,
        reason: reason.as_deref(),
    };
    onward(
        &send(client, &name, verb, &body, Some(version)).await?,
        format,
        process,
    )
}

/// Enables or retires a server.
pub(super) async fn guarded(
    client: &Client,
    verb: Verb,
    args: GuardedArgs,
    format: Format,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    let GuardedArgs {
        name,
        reason: ReasonArgs { reason },
        if_match,
    } = args;
    let version = version_of(client, &name, if_match, verb.doing(), None, process).await?;
    let body = Body {
        version: None,
        reason: reason.as_deref(),
    };
    done(
        &send(client, &name, verb, &body, Some(version)).await?,
        format,
        process,
    )
}

/// Disables a server, whatever its version.
pub(super) async fn disable(
    client: &Client,
    name: &Slug,
    ReasonArgs { reason }: ReasonArgs,
    format: Format,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    let body = Body {
        version: None,
        reason: reason.as_deref(),
    };
    done(
        &send(client, name, Verb::Disable, &body, None).await?,
        format,
        process,
    )
}

async fn send(
    client: &Client,
    name: &Slug,
    verb: Verb,
    body: &Body<'_>,
    version: Option<ETag>,
) -> Result<Answer, Failure> {
    let path = ["servers", name.as_str(), verb.as_str()];
    let mut request = Request::command(Method::POST, path)?.json(body)?;
    if let Some(version) = version {
        request = request.if_match(version)?;
    }
    client.send(&request).await
}

/// Shows what a command has made of a server.
pub(in crate::cli) fn done(
    answer: &Answer,
    format: Format,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    if answer.is_replayed() {
        process.notes.line("an earlier try had done it already")?;
    }
    match format {
        Format::Json => process.out.json(&answer.value()?)?,
        Format::Table => {
            let server: ServerView = answer.read()?;
            let revision = answer
                .revision()
                .map_or_else(String::new, |revision| format!(" (revision {revision})"));
            process.out.line(&format!("{}{revision}", server.summary()))?;
            if let Some(enforced) = Enforced::told(answer) {
                process.out.line(&enforced.line())?;
            }
        }
    }
    Ok(())
}

/// Shows what a command has made of a server on its way into production, and what comes next on it.
pub(super) fn onward(answer: &Answer, format: Format, process: &mut Process<'_>) -> Result<(), Failure> {
    done(answer, format, process)?;
    if let Some(next) = answer.read::<ServerView>()?.next_step() {
        process.note_after(&next)?;
    }
    Ok(())
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Promote => "promote",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Retire => "retire",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Self::Approve => "approving",
            Self::Promote => "promoting",
            Self::Disable => "disabling",
            Self::Enable => "enabling",
            Self::Retire => "retiring",
        }
    }
}
