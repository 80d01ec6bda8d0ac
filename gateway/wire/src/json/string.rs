//! Strings (RFC 8259 section 7).

use std::borrow::Cow;

use super::{JsonError, JsonFault};

/// A checked string as it is written, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawString<'a> {
    raw: &'a str,
    has_escapes: bool,
}

impl<'a> RawString<'a> {
    /// The string's value. Allocates only if it has escapes.
    pub(super) fn unescaped(self) -> Cow<'a, str> {
        if self.has_escapes {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Whether both have the same value.
    #[inline]
    pub(super) fn same_value(self, other: Self) -> bool {
        if self.has_escapes || other.has_escapes {
            self.unescaped() == other.unescaped()
        } else {
            self.raw == other.raw
        }
    }
}

/// Checks the string whose opening quote is at `quote`; also gives the offset behind its closing one.
#[inline]
pub(super) fn scan(text: &str, quote: usize) -> Result<(RawString<'_>, usize), JsonError> {
    let bytes = text.as_bytes();
    let start = quote + 1;
    let mut at = start;
    let mut has_escapes = false;
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at) {
            Some(b'"') => {
                return Ok((
                    RawString {
                        raw: &text[start..at],
                        has_escapes,
                    },
                    at + 1,
                ));
            }
            Some(b'\\') => {
                has_escapes = true;
                at = escape(bytes, at)?.1;
            }
            Some(_) => return Err(JsonFault::ControlCharacter.at(at)),
            None => return Err(JsonFault::Truncated.at(at)),
        }
    }
}

fn unescape(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(plain) = memchr::memchr(b'\\', &raw.as_bytes()[at..]) {
        value.push_str(&raw[at..at + plain]);
        // `scan` let only good escapes through.
        let Ok((character, next)) = escape(raw.as_bytes(), at + plain) else {
            return value;
        };
        value.push(character);
        at = next;
    }
    value.push_str(&raw[at..]);
    value
}

/// Reads the escape whose backslash is at `at`; also gives the offset behind it.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let character = match bytes.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes, at),
        Some(_) => return Err(JsonFault::BadEscape.at(at)),
        None => return Err(JsonFault::Truncated.at(bytes.len())),
    };
    Ok((character, at + 2))
}

/// Reads `\uXXXX`, or the two of a surrogate pair, at `at`.
fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let unit = code_unit(bytes, at)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, at + 6));
    }
    let low = at + 6;
    let is_pair = unit < 0xDC00 && bytes.get(low) == Some(&b'\\') && bytes.get(low + 1) == Some(&b'u');
    if !is_pair {
        return Err(JsonFault::LoneSurrogate.at(at));
    }
    let second = code_unit(bytes, low)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(JsonFault::LoneSurrogate.at(at));
    }
    let scalar = 0x1_0000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(scalar)
        .map(|character| (character, low + 6))
        .ok_or(JsonFault::LoneSurrogate.at(at))
}

/// The four hexadecimal digits of the `\u` at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Result<u32, JsonError> {
    let mut unit = 0;
    for digit in at + 2..at + 6 {
        let byte = bytes.get(digit).ok_or(JsonFault::Truncated.at(bytes.len()))?;
        let value = char::from(*byte)
            .to_digit(16)
            .ok_or(JsonFault::BadEscape.at(at))?;
        unit = unit << 4 | value;
    }
    Ok(unit)
}

/// Where the run of plain string bytes that begins at `at` ends: at a quote, a backslash, a control character, or
/// the end. Eight bytes at a time, for this is where most of a body is.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
        .unwrap_or(rest.len())
}

/// Sets the top bit of bytes of `word` that are a quote, a backslash or a control character. A borrow can set bits
/// above such a byte, never below: the lowest one set is right.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & TOPS
}
