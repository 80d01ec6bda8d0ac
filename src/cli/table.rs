//! Tables as text: columns without frames, so that they can be read, copied and cut.

use std::{borrow::Cow, fmt::Display};

use comfy_table::{ColumnConstraint, ContentArrangement, presets};

use super::neutral;

/// What a cell shows where there is nothing to show.
pub(super) const NOTHING: &str = "-";
/// The least length of what is taken for an id: 128 bits as hexadecimal digits.
const ID: usize = 32;
/// What is shown of an id where there is no room.
const HEAD: usize = 8;

/// A table. Its cells are harmless for a screen, wherever they come from.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether cells may be abbreviated where there is no room.
    brief: bool,
}

impl Table {
    /// A table of many things, one a row.
    pub(super) fn new<const N: usize>(header: [&str; N]) -> Self {
        let header = header.map(|name| neutral::line(name).into_owned()).into();
        Self {
            header,
            rows: Vec::new(),
            brief: true,
        }
    }

    /// A table of one thing: what there is to say of it, one fact a row, always in full.
    pub(super) fn of_one<const N: usize>(header: [&str; N]) -> Self {
        Self {
            brief: false,
            ..Self::new(header)
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cow<'_, str>; N]) {
        self.rows
            .push(cells.map(|cell| neutral::line(&cell).into_owned()).into());
    }

    /// The lines of the table. Each row is one line, however wide, but on a terminal of `width` columns that has no room for it:
    /// there ids are abbreviated, save in the first column, which tells the rows apart, and long text is wrapped.
    pub(super) fn lines(&self, width: Option<u16>) -> Vec<String> {
        let whole = layout(&self.header, &self.rows);
        match width {
            Some(width) if !fits(&whole, width) => lines_of(&self.narrow(width)),
            Some(_) | None => lines_of(&whole),
        }
    }

    fn narrow(&self, width: u16) -> comfy_table::Table {
        let mut table = if self.brief {
            layout(
                &self.header,
                &self.rows.iter().map(|row| abbreviated(row)).collect::<Vec<_>>(),
            )
        } else {
            layout(&self.header, &self.rows)
        };
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        let first = table.column_max_content_widths().first().copied();
        if let (Some(column), Some(needed)) = (table.column_mut(0), first)
            && needed <= width / 2
        {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        table
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

fn layout(header: &[String], rows: &[Vec<String>]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header)
        .add_rows(rows);
    let last = header.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
    }
    table
}

fn fits(table: &comfy_table::Table, width: u16) -> bool {
    let contents = table.column_max_content_widths();
    let needed = table
        .column_iter()
        .zip(contents)
        .map(|(column, content)| u32::from(content) + u32::from(column.padding_width()));
    needed.sum::<u32>() <= u32::from(width)
}

fn lines_of(table: &comfy_table::Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn abbreviated(row: &[String]) -> Vec<String> {
    row.iter()
        .enumerate()
        .map(|(column, cell)| abbreviate(cell, column > 0))
        .collect()
}

/// A cell with the times that stand in it as words without their fractions of a second, and, if `ids`, the ids cut short.
fn abbreviate(cell: &str, ids: bool) -> String {
    let mut short = String::with_capacity(cell.len());
    for part in cell.split_inclusive(is_gap) {
        let word = part.trim_end_matches(is_gap);
        match whole_seconds(word) {
            Some(seconds) => short.extend([seconds, "Z"]),
            None if ids && is_id(word) => {
                short.extend(word.chars().take(HEAD));
                short.push('…');
            }
            None => short.push_str(word),
        }
        short.push_str(&part[word.len()..]);
    }
    short
}

/// The part of a time (RFC 3339, UTC) before its fraction of a second.
fn whole_seconds(word: &str) -> Option<&str> {
    let (seconds, _) = word.strip_suffix('Z')?.split_once('.')?;
    is_second(seconds).then_some(seconds)
}

fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '(' | ')')
}

fn is_id(word: &str) -> bool {
    word.len() >= ID && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Whether a word is a time to the second, without its offset.
fn is_second(word: &str) -> bool {
    let pattern = b"0000-00-00T00:00:00";
    word.len() == pattern.len()
        && word.bytes().zip(pattern).all(|(byte, like)| {
            if *like == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == *like
            }
        })
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
    fn a_row_is_one_line_where_there_is_room_or_no_terminal() {
        let whole = [
            "NAME        WHAT IT DOES",
            "finance     Looks up, converts and books amounts in many currencies",
            "x\\u{1b}[2J  -",
        ];
        for width in [None, Some(67), Some(200)] {
            assert_eq!(sample().lines(width), whole, "{width:?}");
        }
        assert!(sample().lines(Some(66)).len() > whole.len());
    }

    #[test]
    fn a_terminal_wraps_and_loses_no_word() {
        let lines = sample().lines(Some(40));
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
        let words: String = lines.join(" ");
        for word in "Looks up, converts and books amounts in many currencies".split(' ') {
            assert!(words.contains(word), "{word} in {lines:#?}");
        }
    }

    #[test]
    fn a_narrow_terminal_abbreviates_ids_but_for_the_first_column() {
        let id = "1a6d40f2-7c3e-4b58-92e1-0f8b5d9c6a71";
        let mut table = Table::new(["ID", "BY", "TIME"]);
        table.row([
            id.into(),
            format!("Ana Lyst ({id})").into(),
            "2026-11-24T07:00:00.123Z".into(),
        ]);
        assert_eq!(
            table.lines(Some(90))[1],
            format!("{id}  Ana Lyst (1a6d40f2…)  2026-11-24T07:00:00Z")
        );
        let whole = format!("{id}  Ana Lyst ({id})  2026-11-24T07:00:00.123Z");
        assert_eq!(
            (&table.lines(None)[1], &table.lines(Some(200))[1]),
            (&whole, &whole)
        );
    }

    #[test]
    fn what_is_known_of_one_thing_is_never_abbreviated() {
        let id = "1a6d40f2-7c3e-4b58-92e1-0f8b5d9c6a71";
        let mut table = Table::of_one(["ISSUER", "dev"]);
        table.row(["client apps".into(), format!("{id} {id}").into()]);
        assert_eq!(
            table
                .lines(Some(60))
                .iter()
                .filter(|line| line.contains(id))
                .count(),
            2
        );
    }

    #[test]
    fn only_ids_and_times_are_abbreviated() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(abbreviate(&format!("a {id} b"), true), "a 0af76519… b");
        assert_eq!(
            abbreviate(&format!("{id} 2026-11-24T07:00:00.1Z"), false),
            format!("{id} 2026-11-24T07:00:00Z")
        );
        for kept in [
            &format!("api://{id}"),
            &format!("http://h/{id}/v2.0"),
            &id[1..],
            "1.5Z",
            "2026-11-24T07:00:0x.1Z",
            "",
            "é (ü)",
        ] {
            assert_eq!(abbreviate(kept, true), kept);
        }
    }
}
