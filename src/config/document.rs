//! The bootstrap file as a document: its values, and the line that each is on.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::source::{Fault, Faults, Source};

/// A file that was read. What was written badly is left out, and is a fault.
#[derive(Debug)]
pub(super) struct Document {
    path: Arc<Path>,
    /// The values.
    pub(super) root: Map<String, Value>,
    /// The line of each, from 1, by JSON pointer.
    lines: BTreeMap<String, usize>,
}

/// Turns TOML into values with lines.
struct Reader<'a> {
    text: &'a str,
    lines: BTreeMap<String, usize>,
}

impl Document {
    /// Nothing: there is no file.
    pub(super) fn none() -> Self {
        Self {
            path: Arc::from(Path::new("")),
            root: Map::new(),
            lines: BTreeMap::new(),
        }
    }

    /// Reads a text.
    pub(super) fn parse(path: &Path, text: &str, faults: &mut Faults) -> Self {
        let path = Arc::from(path);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            faults.add(Fault {
                field: String::new(),
                source: Source::File {
                    path: Arc::clone(&path),
                    line: line(text, offset),
                },
                message: format!("this is no TOML: {}", error.message()),
                hint: "mend the line; https://toml.io shows how it is written".to_owned(),
            });
        }
        let mut reader = Reader {
            text,
            lines: BTreeMap::new(),
        };
        let root = reader.table("", table.get_ref());
        Self {
            path,
            root,
            lines: reader.lines,
        }
    }

    /// A private key that stands in the file itself is refused, wherever it stands. It is not told back.
    pub(super) fn refuse_keys(&self, faults: &mut Faults) {
        for (key, value) in &self.root {
            self.refuse_keys_in(&format!("/{key}"), value, faults);
        }
    }

    fn refuse_keys_in(&self, pointer: &str, value: &Value, faults: &mut Faults) {
        match value {
            Value::Object(table) => table
                .iter()
                .for_each(|(key, value)| self.refuse_keys_in(&format!("{pointer}/{key}"), value, faults)),
            Value::Array(values) => values
                .iter()
                .enumerate()
                .for_each(|(index, value)| self.refuse_keys_in(&format!("{pointer}/{index}"), value, faults)),
            Value::String(text) if text.contains("-----BEGIN ") => faults.add(Fault {
                field: field(pointer),
                source: self.source(pointer),
                message: "holds a key or certificate itself".to_owned(),
                hint: "put it into a file of its own, and name the file here".to_owned(),
            }),
            Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Null => {}
        }
    }

    /// Where a value is; where there is none, where the nearest thing around it is.
    pub(super) fn source(&self, pointer: &str) -> Source {
        let mut pointer = pointer;
        let line = loop {
            match (self.lines.get(pointer), pointer.rfind('/')) {
                (Some(line), _) => break *line,
                (None, Some(end)) => pointer = &pointer[..end],
                (None, None) => break 1,
            }
        };
        Source::File {
            path: Arc::clone(&self.path),
            line,
        }
    }
}

impl Reader<'_> {
    fn table(&mut self, at: &str, table: &DeTable<'_>) -> Map<String, Value> {
        table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                self.lines
                    .insert(pointer.clone(), line(self.text, key.span().start));
                (name, self.value(&pointer, value))
            })
            .collect()
    }

    fn value(&mut self, at: &str, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => number.to_string().parse().map_or(Value::Null, Value::Number),
            DeValue::Float(number) => number.to_string().parse().map_or(Value::Null, Value::Number),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(values) => {
                let values = values.iter().enumerate().map(|(index, value)| {
                    let pointer = format!("{at}/{index}");
                    self.lines
                        .insert(pointer.clone(), line(self.text, value.span().start));
                    self.value(&pointer, value)
                });
                Value::Array(values.collect())
            }
            DeValue::Table(table) => Value::Object(self.table(at, table)),
        }
    }
}

fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// A JSON pointer as the file's own notation has it: `/issuers/0/jwksUri` is `issuers[0].jwksUri`.
pub(super) fn field(pointer: &str) -> String {
    pointer.split('/').skip(1).fold(String::new(), |field, part| {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{field}[{part}]")
        } else if field.is_empty() {
            part.to_owned()
        } else {
            format!("{field}.{part}")
        }
    })
}
