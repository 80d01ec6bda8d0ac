//! Where a command writes to: stdout for answers, stderr for what is said about them.

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

use super::{neutral, table::Table};

/// A stream for people or programs to read.
pub(super) struct Screen<'a> {
    writer: &'a mut dyn Write,
    /// Columns of the terminal; none where it is not one.
    width: Option<u16>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(writer: &'a mut dyn Write, width: Option<u16>) -> Self {
        Self { writer, width }
    }

    /// Writes one line; nothing in it can break it or steer a terminal.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.writer, "{}", neutral::line(text))
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.writer)
    }

    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        // The cells are harmless already: escaping once more would show escapes of escapes.
        table
            .lines(self.width)
            .iter()
            .try_for_each(|line| writeln!(self.writer, "{line}"))
    }

    /// Writes a JSON document, indented.
    pub(super) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(document)?;
        writeln!(self.writer, "{}", neutral::json(&text))
    }

    /// Writes a part of a JSON document as it is.
    pub(super) fn json_part(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(neutral::json(text).as_bytes())
    }

    /// Writes bytes whose values were made harmless before.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}
