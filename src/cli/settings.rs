//! `onedoor settings`: settings of the whole installation.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;

use super::{
    access::Access,
    answer::Answer,
    document,
    edited::Edited,
    etag::IfMatchArgs,
    failure::Failure,
    format::{Format, FormatArgs},
    process::Process,
    registered::{self, Kind},
    request::Request,
    server::ReasonArgs,
    table::Table,
};

const KIND: Kind = Kind {
    path: "settings",
    name: "settings",
};

/// `onedoor settings`.
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
    /// The settings in force
    Show,
    /// Replace them: give back, edited, what `show --format json` gives
    Set {
        /// The settings as JSON; `-` reads stdin
        file: PathBuf,
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
    let answer = match action {
        Action::Show => client.send(&Request::get([KIND.path])).await?,
        Action::Set {
            file,
            reason: ReasonArgs { reason },
            if_match,
        } => {
            let edited = Edited::of(document::read(&file, process.input)?)?;
            let version = match if_match.if_match.or(edited.version) {
                Some(version) => version,
                None => client.send(&Request::get([KIND.path])).await?.etag()?,
            };
            process
                .notes
                .line(&format!("replacing settings, last changed at revision {version}"))?;
            let request = Request::command(Method::PUT, [KIND.path])?
                .document(edited.document)
                .if_match(version)?
                .reason(reason.as_deref())?;
            let answer = client.send(&request).await?;
            registered::announce(KIND, &answer, process)?;
            answer
        }
    };
    show(&answer, format, process)
}

fn show(answer: &Answer, format: Format, process: &mut Process<'_>) -> Result<(), Failure> {
    let settings = answer.value()?;
    match format {
        Format::Json => process.out.json(&settings)?,
        Format::Table => process.out.table(&table(&settings))?,
    }
    Ok(())
}

/// Every setting by its path in the document: what is settable grows, and this need not know it.
fn table(settings: &Value) -> Table {
    let mut table = Table::of_one(["SETTING", "VALUE"]);
    add("", settings, &mut table);
    table
}

fn add(path: &str, value: &Value, table: &mut Table) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                add(&path, value, table);
            }
        }
        Value::String(text) => table.row([path.into(), text.into()]),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            table.row([path.into(), value.to_string().into()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_setting_has_a_line() {
        let settings = json!({"limits": {"bodyBytes": 4_194_304, "page": 100}, "allowedOrigins": ["https://a"], "note": "\u{1b}c"});
        assert_eq!(
            table(&settings).lines(None),
            [
                "SETTING           VALUE",
                "allowedOrigins    [\"https://a\"]",
                "limits.bodyBytes  4194304",
                "limits.page       100",
                "note              \\u{1b}c",
            ]
        );
    }
}
