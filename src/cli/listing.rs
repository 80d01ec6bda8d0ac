//! Lists of the admin API: page after page, as a table or as JSON.

use std::{collections::BTreeMap, io};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    answer::Unintelligible, client::Client, failure::Failure, format::Format, process::Process,
    request::Request, screen::Screen, table::Table,
};

/// A list that is read page by page.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    client: &'a Client,
    request: Request,
    /// The member that holds the entries.
    key: &'static str,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    After(String),
    End,
}

/// A JSON document like one page of the API with all entries on it, each on a line of its own, written as they come.
#[derive(Debug)]
pub(super) struct JsonList {
    empty: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(client: &'a Client, request: Request, key: &'static str) -> Self {
        Self {
            client,
            request,
            key,
            next: Next::First,
        }
    }

    /// The entries of the next page; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>, Failure> {
        let cursor = match &self.next {
            Next::First => None,
            Next::After(cursor) => Some(cursor),
            Next::End => return Ok(None),
        };
        let answer = self
            .client
            .send(&self.request.clone().query("cursor", cursor))
            .await?;
        let page: BTreeMap<String, Box<RawValue>> = answer.read()?;
        let cursor = page.get("nextCursor").map_or("null", |cursor| cursor.get());
        let cursor: Option<String> = serde_json::from_str(cursor).map_err(Unintelligible::Body)?;
        self.next = cursor.map_or(Next::End, Next::After);
        let entries = page.get(self.key).ok_or(Unintelligible::NoList(self.key))?;
        Ok(Some(
            serde_json::from_str(entries.get()).map_err(Unintelligible::Body)?,
        ))
    }

    /// Whether a page follows.
    pub(super) fn has_more(&self) -> bool {
        matches!(self.next, Next::After(_))
    }
}

impl JsonList {
    pub(super) fn open(key: &str, screen: &mut Screen<'_>) -> io::Result<Self> {
        screen.json_part(&format!("{{\"{key}\":["))?;
        Ok(Self { empty: true })
    }

    pub(super) fn add(&mut self, entry: &RawValue, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.json_part(if self.empty { "\n" } else { ",\n" })?;
        self.empty = false;
        screen.json_part(entry.get())
    }

    pub(super) fn close(self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.json_part("\n]}\n")
    }
}

/// Shows a whole list.
pub(super) async fn show<T: DeserializeOwned>(
    mut pages: Pages<'_>,
    format: Format,
    process: &mut Process<'_>,
    table: impl FnOnce(&[T]) -> Table,
) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let mut list = JsonList::open(pages.key, &mut process.out)?;
            while let Some(entries) = pages.next().await? {
                entries
                    .iter()
                    .try_for_each(|entry| list.add(entry, &mut process.out))?;
            }
            list.close(&mut process.out)?;
        }
        Format::Table => {
            let mut all = Vec::new();
            while let Some(entries) = pages.next().await? {
                all.extend(read_all::<T>(&entries)?);
            }
            process.out.table(&table(&all))?;
        }
    }
    Ok(())
}

/// Entries as values.
pub(super) fn read_all<T: DeserializeOwned>(entries: &[Box<RawValue>]) -> Result<Vec<T>, Unintelligible> {
    entries
        .iter()
        .map(|entry| Ok(serde_json::from_str(entry.get())?))
        .collect()
}
