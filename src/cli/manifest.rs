//! `onedoor manifest check`: every fault of a manifest at once, without a door.

use std::path::{Path, PathBuf};

use onedoor_model::{
    ids::ToolName,
    manifest::{self, Faults, Manifest},
};
use serde_json::json;

use super::{
    document,
    failure::Failure,
    format::{Format, FormatArgs},
    problem::{self, Fault},
    process::Process,
};

/// `onedoor manifest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say everything that is wrong with a manifest; nothing is sent anywhere
    Check {
        /// The manifest; `-` reads stdin
        file: PathBuf,
    },
}

pub(super) fn run(args: &Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        format: FormatArgs { format },
        action: Action::Check { file },
    } = args;
    let bytes = document::read(file, process.input)?;
    match manifest::check(&bytes) {
        Ok(manifest) => valid(&manifest, *format, process),
        Err(faults) => Err(invalid(name(file), faults, *format, process)?),
    }
}

fn valid(manifest: &Manifest, format: Format, process: &mut Process<'_>) -> Result<(), Failure> {
    let tools: Vec<&str> = manifest.tools.keys().map(ToolName::as_str).collect();
    match format {
        Format::Json => process
            .out
            .json(&json!({ "valid": true, "slug": manifest.slug, "tools": tools }))?,
        Format::Table => process.out.line(&format!(
            "{} is valid: {}; tokens for {}, scope {}, at {}",
            manifest.slug,
            match tools.as_slice() {
                [one] => format!("1 tool ({one})"),
                several => format!("{} tools ({})", several.len(), several.join(", ")),
            },
            manifest.audience,
            manifest.required_scope,
            manifest.url,
        ))?,
    }
    Ok(())
}

/// Shows the faults, which here are the answer, and gives the failure that says so.
fn invalid(
    name: String,
    faults: Faults,
    format: Format,
    process: &mut Process<'_>,
) -> Result<Failure, Failure> {
    let count = faults.as_slice().len();
    match format {
        Format::Json => process
            .out
            .json(&json!({ "valid": false, "errors": faults.as_slice() }))?,
        Format::Table => {
            let faults: Vec<Fault> = faults
                .into_iter()
                .map(|fault| Fault {
                    pointer: fault.pointer,
                    message: fault.message,
                    hint: fault.hint,
                })
                .collect();
            process.out.table(&problem::faults(&faults))?;
        }
    }
    Ok(Failure::Invalid { name, count })
}

/// What the person who gave the file calls it.
fn name(file: &Path) -> String {
    if file == Path::new("-") {
        "the manifest".to_owned()
    } else {
        file.display().to_string()
    }
}
