//! Why the admin API refuses (RFC 9457), in words for the person at the terminal.

use std::{borrow::Cow, io};

use reqwest::StatusCode;
use serde::Deserialize;

use super::{
    answer::Answer,
    etag::ETag,
    request::Request,
    screen::Screen,
    table::{Table, shown},
    touch::Touch,
};

/// The most characters of an answer that is no problem document.
const MAX_SHOWN: usize = 300;

/// A refusal, with what was asked.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    document: Document,
    /// The version that the command was given for.
    if_match: Option<ETag>,
}

/// One thing that is wrong with the input.
#[derive(Debug, Deserialize)]
pub(super) struct Fault {
    pub(super) pointer: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) hint: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    title: String,
    detail: String,
    reason: String,
    errors: Vec<Fault>,
    current_version: Option<u64>,
    won: Option<Touch>,
}

impl Problem {
    /// Reads the answer to a request. What is not a problem document is quoted.
    pub(super) fn read(answer: &Answer, request: &Request) -> Self {
        let document = answer.read().unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(&answer.body);
            Document {
                detail: text.trim().chars().take(MAX_SHOWN).collect(),
                ..Document::default()
            }
        });
        Self {
            status: answer.status,
            document,
            if_match: request.if_match,
        }
    }

    /// Writes it out whole.
    pub(super) fn report(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.line(&format!("error: {} ({})", self.headline(), self.code()))?;
        for line in self.conflict() {
            screen.line(&format!("  {line}"))?;
        }
        if self.document.errors.is_empty() {
            Ok(())
        } else {
            screen.table(&faults(&self.document.errors))
        }
    }

    /// Whether the command was decided on what has changed since.
    pub(super) fn is_overtaken(&self) -> bool {
        self.status == StatusCode::CONFLICT && self.document.current_version.is_some()
    }

    fn headline(&self) -> Cow<'_, str> {
        let Document { title, detail, .. } = &self.document;
        match (title.as_str(), detail.as_str()) {
            ("", "") => Cow::Borrowed("the admin API refuses"),
            (text, "") | ("", text) => Cow::Borrowed(text),
            (title, detail) if detail.eq_ignore_ascii_case(title) => Cow::Borrowed(detail),
            (title, detail) => Cow::Owned(format!("{title}: {detail}")),
        }
    }

    fn code(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.document.reason)
            .trim_end()
            .to_owned()
    }

    /// What the command was given for, what is there now, and what won.
    fn conflict(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match (self.if_match, self.document.current_version) {
            (Some(given), Some(now)) => {
                lines.push(format!(
                    "the command was for revision {given} of it, there is revision {now} now"
                ));
            }
            (None, Some(now)) => lines.push(format!("there is revision {now} of it now")),
            (Some(_) | None, None) => {}
        }
        lines.extend(self.document.won.as_ref().map(|won| {
            let what = won
                .what
                .as_deref()
                .map(|what| format!(" ({what})"))
                .unwrap_or_default();
            format!("revision {}{what} won, by {won}", won.revision)
        }));
        lines
    }
}

/// Faults as a table.
pub(super) fn faults(faults: &[Fault]) -> Table {
    let mut table = Table::of_one(["POINTER", "PROBLEM", "HINT"]);
    for Fault {
        pointer,
        message,
        hint,
    } in faults
    {
        let pointer = if pointer.is_empty() {
            "(the document)"
        } else {
            pointer
        };
        table.row([pointer.into(), message.into(), shown(hint)]);
    }
    table
}
