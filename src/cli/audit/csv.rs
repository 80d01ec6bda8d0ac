//! Calls as CSV (RFC 4180): every field of a call, the same columns whatever a call has.

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::{Map, Value};

use crate::cli::{failure::Failure, neutral, screen::Screen};

/// Members of a call as the API names them.
const COLUMNS: [&str; 27] = [
    "time",
    "user",
    "userName",
    "client",
    "server",
    "tool",
    "outcome",
    "cause",
    "late",
    "durationMs",
    "traceId",
    "call",
    "operation",
    "serverId",
    "version",
    "stage",
    "issuer",
    "tenant",
    "tokenId",
    "requiredScope",
    "audience",
    "grants",
    "revision",
    "ended",
    "upstreamMs",
    "argumentsSize",
    "answerSize",
];

/// Writes calls as they come.
#[derive(Debug)]
pub(super) struct Csv;

impl Csv {
    /// Writes the header.
    pub(super) fn open(screen: &mut Screen<'_>) -> Result<Self, Failure> {
        write(screen, |writer| writer.write_record(COLUMNS))?;
        Ok(Self)
    }

    pub(super) fn add(&self, calls: &[Map<String, Value>], screen: &mut Screen<'_>) -> Result<(), Failure> {
        write(screen, |writer| {
            calls.iter().try_for_each(|call| {
                let fields = COLUMNS.map(|column| call.get(column).map_or_else(String::new, text));
                writer.write_record(fields.iter().map(|field| neutral::cell(field).into_owned()))
            })
        })
    }
}

fn write(
    screen: &mut Screen<'_>,
    records: impl FnOnce(&mut Writer<&mut Vec<u8>>) -> csv::Result<()>,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(&mut bytes);
    records(&mut writer)?;
    writer.flush()?;
    drop(writer);
    Ok(screen.bytes(&bytes)?)
}

/// A field: several values are parted by spaces, which no id holds.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
