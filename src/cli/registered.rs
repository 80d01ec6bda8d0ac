//! What the registry holds beside servers: grants, blocks, issuers, settings.

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::{
    answer::Answer, client::Client, failure::Failure, format::Format, process::Process, request::Request,
    server::ReasonArgs, table::Table,
};

/// What they are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// In the API's paths.
    pub(super) path: &'static str,
    /// To people.
    pub(super) name: &'static str,
}

/// Shows what was added or changed.
pub(super) fn added<T: DeserializeOwned>(
    kind: Kind,
    answer: &Answer,
    format: Format,
    process: &mut Process<'_>,
    table: impl FnOnce(&[T]) -> Table,
) -> Result<(), Failure> {
    announce(kind, answer, process)?;
    match format {
        Format::Json => process.out.json(&answer.value()?)?,
        Format::Table => process.out.table(&table(&[answer.read()?]))?,
    }
    Ok(())
}

/// Says from when on it counts.
pub(super) fn announce(kind: Kind, answer: &Answer, process: &mut Process<'_>) -> Result<(), Failure> {
    let earlier = if answer.is_replayed() {
        ", by an earlier try"
    } else {
        ""
    };
    let revision = answer.revision().unwrap_or("unknown");
    Ok(process.notes.line(&format!(
        "{} in force since revision {revision}{earlier}",
        kind.name
    ))?)
}

/// Removes one.
pub(super) async fn remove(
    kind: Kind,
    client: &Client,
    id: &str,
    ReasonArgs { reason }: ReasonArgs,
    process: &mut Process<'_>,
) -> Result<(), Failure> {
    let request = Request::command(Method::DELETE, [kind.path, id])?.reason(reason.as_deref())?;
    let answer = client.send(&request).await?;
    let revision = answer.revision().unwrap_or("unknown");
    process
        .notes
        .line(&format!("{} {id} removed (revision {revision})", kind.name))?;
    Ok(())
}
