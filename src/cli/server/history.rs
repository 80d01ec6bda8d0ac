//! A server's history as a table.

use serde::Deserialize;
use serde_json::Value;

use crate::cli::{
    table::{NOTHING, Table, maybe, shown},
    touch::{Actor, who},
};

/// A registry event, and what became of it.
#[derive(Debug, Deserialize)]
pub(super) struct HistoryRow {
    revision: u64,
    time: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    change: Value,
    actor: Option<Actor>,
    reason: Option<String>,
    verdict: String,
    conflict: Option<String>,
}

pub(super) fn table(rows: &[HistoryRow]) -> Table {
    let mut table = Table::new(["REVISION", "TIME", "WHAT", "BY", "REASON", "EFFECT"]);
    for row in rows {
        table.row([
            shown(row.revision),
            row.time.as_str().into(),
            row.what().into(),
            who(row.actor.as_ref()),
            maybe(row.reason.as_deref()),
            row.effect().into(),
        ]);
    }
    table
}

impl HistoryRow {
    /// The event without the namespace and version of its type, and what of the server it is about.
    fn what(&self) -> String {
        let name = self.kind.split('.').rev().nth(1).unwrap_or(&self.kind);
        let part = |member: &str| match self.change.get(member) {
            Some(Value::String(text)) => format!(" {text}"),
            Some(Value::Number(number)) => format!(" {number}"),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
        };
        format!("{name}{}{}{}", part("version"), part("tool"), part("stage"))
    }

    fn effect(&self) -> String {
        match &self.conflict {
            Some(conflict) => format!("{}: {conflict}", self.verdict),
            None if self.verdict.is_empty() => NOTHING.to_owned(),
            None => self.verdict.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_history_says_what_was_done_and_what_came_to_nothing() {
        let rows: Vec<HistoryRow> = serde_json::from_value(json!([
            {"revision": 9, "time": "2026-11-24T07:02:00.000Z", "type": "dev.onedoor.ToolDisabled.v1",
             "change": {"server": "01", "tool": "lookup"}, "actor": {"kind": "caller", "issuer": "demo", "tenant": "t", "user": "5c07",
             "client": "cli", "displayName": "Addie Min"}, "reason": "leaks", "verdict": "effective"},
            {"revision": 8, "time": "2026-11-24T07:01:00.000Z", "type": "dev.onedoor.VersionPromoted.v1",
             "change": {"server": "01", "version": 2}, "actor": {"kind": "system", "name": "bootstrap"},
             "verdict": "refused", "conflict": "the version had passed", "won": 7},
        ]))
        .unwrap();
        assert_eq!(
            table(&rows).lines(None),
            [
                "REVISION  TIME                      WHAT                 BY                   REASON  EFFECT",
                "9         2026-11-24T07:02:00.000Z  ToolDisabled lookup  Addie Min (5c07)     leaks   effective",
                "8         2026-11-24T07:01:00.000Z  VersionPromoted 2    onedoor (bootstrap)  -       refused: the version had passed",
            ]
        );
    }
}
