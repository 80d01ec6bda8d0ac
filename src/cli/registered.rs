//! What the registry holds beside servers: grants, blocks, issuers, settings.

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::{
    answer::Answer, client::Client, enforced::Enforced, failure::Failure, format::Format, process::Process,
    request::Request, server::ReasonArgs, table::Table,
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
    process.notes.line(&format!(
        "{} in force since revision {revision}{earlier}",
        kind.name
    ))?;
    tell_enforced(answer, process)
}

/// Says where what was taken away is enforced.
fn tell_enforced(answer: &Answer, process: &mut Process<'_>) -> Result<(), Failure> {
    if let Some(enforced) = Enforced::told(answer) {
        process.notes.line(&enforced.line())?;
    }
    Ok(())
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
    tell_enforced(&answer, process)
}
