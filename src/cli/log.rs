//! `onedoor log`: which log it is, and that a restored one may be served.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::log_copy;

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
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// The log's id and last revision, and what was lost where it was restored
    Show {
        #[command(flatten)]
        asked: Asked,
    },
    /// Serve a restored log, with all that it lost
    AcceptRestore {
        #[command(flatten)]
        asked: Asked,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Move the log of an installation to Kafka, every event at its offset, and check it
    Copy(Box<log_copy::Args>),
}

/// What is asked of the admin plane.
#[derive(Debug, clap::Args)]
struct Asked {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    format: FormatArgs,
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

impl Args {
    /// What needs no admin plane.
    pub(super) fn copy(&self) -> Option<&log_copy::Args> {
        match &self.action {
            Action::Copy(args) => Some(args),
            Action::Show { .. } | Action::AcceptRestore { .. } => None,
        }
    }
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let (asked, accept) = match args.action {
        Action::Show { asked } => (asked, None),
        Action::AcceptRestore { asked, reason } => (asked, Some(reason)),
        // It is done before anything is asked.
        Action::Copy(_) => return Ok(()),
    };
    let Asked {
        access,
        format: FormatArgs { format },
    } = asked;
    let client = access.client(process, "admin").await?;
    let shown = client.send(&Request::get(["log"])).await?;
    match accept {
        None => show(&shown, format, process),
        Some(ReasonArgs { reason }) => {
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
