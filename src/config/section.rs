//! A table of the bootstrap file, read key by key: what is not read is not known.

use deserr::errors::helpers::did_you_mean;
use serde_json::{Map, Value};

use super::{
    document::{Document, field},
    source::{Fault, Faults, Given},
};

/// A table that is being read. Close it when all known keys were read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    document: &'a Document,
    pointer: String,
    table: Option<&'a Map<String, Value>>,
    known: Vec<&'static str>,
    /// Keys that are told of already.
    refused: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(document: &'a Document) -> Self {
        Self {
            document,
            pointer: String::new(),
            table: Some(&document.root),
            known: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// A table in a list, as [`Section::list`] gives it.
    pub(super) fn of(
        document: &'a Document,
        index: usize,
        list: &str,
        value: &'a Value,
        faults: &mut Faults,
    ) -> Self {
        let pointer = format!("/{list}/{index}");
        let table = value.as_object();
        if table.is_none() {
            faults.add(
                at(document, &pointer, value)
                    .fault("must be a table", format!("write [[{list}]] above its keys")),
            );
        }
        Self {
            document,
            pointer,
            table,
            known: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// A table in this one; an empty one where there is none.
    pub(super) fn section(&mut self, key: &'static str, faults: &mut Faults) -> Self {
        let pointer = format!("{}/{key}", self.pointer);
        let given = self.value(key);
        let table = given.as_ref().and_then(|given| given.value.as_object());
        if let (Some(given), None) = (&given, table) {
            faults.add(given.fault(
                "must be a table",
                format!("write [{}] above its keys", given.field),
            ));
        }
        Self {
            document: self.document,
            pointer,
            table,
            known: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn text(&mut self, key: &'static str, faults: &mut Faults) -> Option<Given<String>> {
        self.read(key, "a text in quotes", faults, |value| {
            value.as_str().map(str::to_owned)
        })
    }

    pub(super) fn flag(&mut self, key: &'static str, faults: &mut Faults) -> Option<Given<bool>> {
        self.read(key, "true or false", faults, Value::as_bool)
    }

    /// A whole number, as text: so it is the same as from a flag.
    pub(super) fn number(&mut self, key: &'static str, faults: &mut Faults) -> Option<Given<String>> {
        self.read(key, "a whole number", faults, |value| {
            value.as_u64().map(|number| number.to_string())
        })
    }

    pub(super) fn texts(&mut self, key: &'static str, faults: &mut Faults) -> Option<Given<Vec<String>>> {
        self.read(key, "a list of texts", faults, |value| {
            let texts = value.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// The values of a list, in order.
    pub(super) fn list(&mut self, key: &'static str, faults: &mut Faults) -> &'a [Value] {
        let list = self.read(key, "a list of tables", faults, |value| {
            value.is_array().then_some(())
        });
        let values = self.table.and_then(|table| table.get(key)?.as_array());
        list.and(values).map_or(&[], Vec::as_slice)
    }

    /// Whatever there is.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Given<&'a Value>> {
        self.known.push(key);
        let value = self.table?.get(key)?;
        Some(at(self.document, &format!("{}/{key}", self.pointer), value))
    }

    /// Keys that are of use elsewhere. The first that is here is a fault, which speaks for the others.
    pub(super) fn refuse(&mut self, keys: &[&'static str], message: &str, hint: &str, faults: &mut Faults) {
        self.refused.extend(keys);
        let here = |key: &&&str| self.table.is_some_and(|table| table.contains_key(**key));
        if let Some(key) = keys.iter().find(here) {
            let pointer = format!("{}/{key}", self.pointer);
            faults.add(at(self.document, &pointer, ()).fault(message, hint));
        }
    }

    /// Keys that others read: they may be there.
    pub(super) fn leave(&mut self, keys: impl IntoIterator<Item = &'static str>) {
        self.known.extend(keys);
    }

    /// Whether there is nothing to be read.
    pub(super) fn is_unreadable(&self) -> bool {
        self.table.is_none()
    }

    /// Every key that was not read is a fault.
    pub(super) fn close(self, faults: &mut Faults) {
        let unknown = self
            .table
            .into_iter()
            .flat_map(Map::keys)
            .filter(|key| !self.known.contains(&key.as_str()) && !self.refused.contains(&key.as_str()));
        for key in unknown {
            let pointer = format!("{}/{key}", self.pointer);
            let meant = did_you_mean(key, &self.known);
            let hint = match meant.trim() {
                "" => format!("known here: {}", self.known.join(", ")),
                meant => meant.to_owned(),
            };
            faults.add(at(self.document, &pointer, ()).fault("is not known here", hint));
        }
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        faults: &mut Faults,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<Given<T>> {
        let given = self.value(key)?;
        match read(given.value) {
            Some(value) => Some(Given {
                value,
                field: given.field,
                source: given.source,
            }),
            None => {
                faults.add(given.fault(format!("must be {wanted}"), "mend it or leave it out"));
                None
            }
        }
    }
}

/// A value at its place in a document.
pub(super) fn at<T>(document: &Document, pointer: &str, value: T) -> Given<T> {
    Given {
        value,
        field: field(pointer),
        source: document.source(pointer),
    }
}

/// A whole number within bounds.
pub(super) fn number<T>(given: &Given<String>, within: std::ops::RangeInclusive<T>) -> Result<T, Fault>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = given.value.parse().ok().filter(|number| within.contains(number));
    number.ok_or_else(|| {
        given.fault(
            format!("{:?} is no whole number within bounds", given.value),
            format!("write {} to {}", within.start(), within.end()),
        )
    })
}
