//! Text as columns can hold it. Some of it was chosen by callers: nothing they send may stop the projection.

use std::borrow::Cow;

/// Characters of a text that an index holds: an entry of a B-tree of PostgreSQL has room for 2,704 bytes.
const INDEXED: usize = 512;

/// PostgreSQL's texts cannot hold NUL: U+FFFD stands for it, in every database.
pub(crate) fn stored(text: &str) -> Cow<'_, str> {
    match memchr::memchr(0, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace('\0', "\u{fffd}")),
    }
}

/// Text of an indexed column. Names of things are shorter than its limit: what is cut is the name of nothing.
pub(crate) fn indexed(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(INDEXED) {
        None => stored(text),
        Some((end, _)) => stored(&text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_nul_stays_as_it_is() {
        for text in ["", "pay", "\u{fffd}", "Zürich"] {
            assert!(matches!(stored(text), Cow::Borrowed(same) if same == text));
        }
        assert_eq!(stored("a\0b\0"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn an_index_has_room_for_whatever_is_in_it() {
        let longest = "\u{10ffff}".repeat(INDEXED);
        assert_eq!(indexed(&longest), longest);
        assert!(longest.len() <= 2_048);
        assert_eq!(indexed(&format!("{longest}x")), longest);
        assert_eq!(indexed("a\0"), "a\u{fffd}");
    }
}
