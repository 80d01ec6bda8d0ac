//! `onedoor log`: which log it is, and that a restored one may be served.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    format::{Format, FormatArgs},
    process::Process,
    request::Request,
    server::ReasonArgs,
    table::Table,
    touch::Touch,
};

/// `onedoor log`.
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
    /// The log's id and last revision, and what was lost where it was restored
    Show,
    /// Serve a restored log, with all that it lost
    AcceptRestore {
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogView {
    id: Option<String>,
    revision: u64,
    unaccepted_restore: Option<RestoreView>,
}

#[derive(Debug, Deserialize)]
struct RestoreView {
    from: String,
    restored: EndsView,
    lost: Option<EndsView>,
    changed: Touch,
}

#[derive(Debug, Deserialize)]
struct EndsView {
    registry: u64,
    audit: u64,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
        action,
    } = args;
    let client = access.client(process, "admin").await?;
    let shown = client.send(&Request::get(["log"])).await?;
    match action {
        Action::Show => show(&shown, format, process),
        Action::AcceptRestore {
            reason: ReasonArgs { reason },
        } => {
            let LogView {
                id: Some(id),
                unaccepted_restore: Some(restore),
                ..
            } = shown.read::<LogView>()?
            else {
                return Err(Failure::NotFound(
                    "restored log that is not accepted yet".to_owned(),
                ));
            };
            process.notes.line(&format!(
                "accepting log {id}, restored from {}: lost {}",
                restore.from,
                lost(&restore)
            ))?;
            let body = json!({ "log": id, "reason": reason });
            let request = Request::command(Method::POST, ["log", "accept-restore"])?.json(&body)?;
            show(&client.send(&request).await?, format, process)
        }
    }
}

fn show(answer: &Answer, format: Format, process: &mut Process<'_>) -> Result<(), Failure> {
    match format {
        Format::Json => process.out.json(&answer.value()?)?,
        Format::Table => process.out.table(&answer.read::<LogView>()?.facts())?,
    }
    Ok(())
}

fn lost(restore: &RestoreView) -> String {
    match &restore.lost {
        Some(EndsView { registry, audit }) => {
            format!("{registry} events of the registry and {audit} of the audit")
        }
        None => "what came after the backup; how much is not known".to_owned(),
    }
}

impl LogView {
    fn facts(&self) -> Table {
        let mut table = Table::of_one(["LOG", self.id.as_deref().unwrap_or("none")]);
        table.row(["revision".into(), self.revision.to_string().into()]);
        if let Some(restore) = &self.unaccepted_restore {
            let EndsView { registry, audit } = &restore.restored;
            table.row([
                "served".into(),
                "nothing, until a Security.Admin accepts that it was restored".into(),
            ]);
            table.row(["restored from".into(), restore.from.as_str().into()]);
            table.row([
                "restored".into(),
                format!(
                    "{registry} events of the registry and {audit} of the audit, {}",
                    restore.changed
                )
                .into(),
            ]);
            table.row(["lost".into(), lost(restore).into()]);
        }
        table
    }
}
