//! Tables as text: columns without frames, so that they can be read, copied and cut.

use std::{borrow::Cow, fmt::Display};

use comfy_table::{ContentArrangement, presets};

use super::neutral;

/// What a cell shows where there is nothing to show.
pub(super) const NOTHING: &str = "-";

/// A table. Its cells are harmless for a screen, wherever they come from.
#[derive(Debug)]
pub(super) struct Table {
    table: comfy_table::Table,
}

impl Table {
    pub(super) fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(header.map(|name| neutral::line(name).into_owned()));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { table }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cow<'_, str>; N]) {
        self.table
            .add_row(cells.map(|cell| neutral::line(&cell).into_owned()));
    }

    /// The lines of the table. On a terminal of `width` columns cells are wrapped; elsewhere each row is one line, however wide.
    pub(super) fn lines(&self, width: Option<u16>) -> Vec<String> {
        let mut table = self.table.clone();
        if let Some(width) = width {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A cell for what may be missing.
pub(super) fn maybe(text: Option<&str>) -> Cow<'_, str> {
    Cow::Borrowed(text.unwrap_or(NOTHING))
}

/// A cell for something that prints.
pub(super) fn shown(value: impl Display) -> Cow<'static, str> {
    Cow::Owned(format!("{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(["NAME", "WHAT IT DOES"]);
        table.row([
            "finance".into(),
            "Looks up, converts and books amounts in many currencies".into(),
        ]);
        table.row(["x\u{1b}[2J".into(), maybe(None)]);
        table
    }

    #[test]
    fn a_row_is_one_line_where_there_is_no_terminal() {
        assert_eq!(
            sample().lines(None),
            [
                "NAME         WHAT IT DOES",
                "finance      Looks up, converts and books amounts in many currencies",
                "x\\u{1b}[2J  -",
            ]
        );
    }

    #[test]
    fn a_terminal_wraps_and_loses_nothing() {
        let lines = sample().lines(Some(40));
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
        let words: String = lines.join(" ");
        for word in "Looks up, converts and books amounts in many currencies".split(' ') {
            assert!(words.contains(word), "{word} in {lines:#?}");
        }
    }
}
