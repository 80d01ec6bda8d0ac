//! Visiting a document: objects the caller cares for member by member, everything else as one span.

use std::borrow::Cow;

use super::{
    Decimal, JsonError, JsonFault, MAX_DEPTH,
    scan::{Container, Scanner},
};

/// A text that holds one JSON value.
#[derive(Debug)]
pub struct Document<'a> {
    scanner: Scanner<'a>,
}

/// What a value is, known from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A value the reader stands before. It is read at most once; one that is left alone is skipped, as strictly.
#[derive(Debug)]
pub struct Value<'r, 'a> {
    scanner: &'r mut Scanner<'a>,
    kind: Kind,
}

impl<'a> Document<'a> {
    /// A document of at most [`MAX_DEPTH`] levels.
    ///
    /// # Errors
    /// When `text` is not UTF-8 or starts with a byte order mark.
    pub fn new(text: &'a [u8]) -> Result<Self, JsonError> {
        Self::with_max_depth(text, MAX_DEPTH)
    }

    /// A document of at most `max_depth` levels of objects and arrays.
    ///
    /// # Errors
    /// When `text` is not UTF-8 or starts with a byte order mark.
    pub fn with_max_depth(text: &'a [u8], max_depth: usize) -> Result<Self, JsonError> {
        Ok(Self {
            scanner: Scanner::new(text, max_depth)?,
        })
    }

    /// Reads the whole document: `visit` gets its value, and what `visit` leaves alone is skipped.
    ///
    /// # Errors
    /// What `visit` gives, and the first fault of the text.
    pub fn read<T, E: From<JsonError>>(
        mut self,
        visit: impl FnOnce(Value<'_, 'a>) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = visit_next(&mut self.scanner, JsonFault::Empty, visit)?;
        self.scanner.end()?;
        Ok(answer)
    }

    /// Checks the whole document and reads nothing of it.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn check(self) -> Result<(), JsonError> {
        self.read(|_| Ok(()))
    }
}

impl<'a> Value<'_, 'a> {
    /// What the value is. Its text has not been checked yet.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the value begins, in bytes from the start of the text.
    pub(crate) fn offset(&self) -> usize {
        self.scanner.offset()
    }

    /// The value's text, checked.
    ///
    /// # Errors
    /// The first fault of the value.
    pub fn raw(self) -> Result<&'a str, JsonError> {
        self.scanner.skip_value()
    }

    /// The string the value is, unescaped; `None` if it is something else.
    ///
    /// # Errors
    /// The first fault of the value.
    pub fn string(self) -> Result<Option<Cow<'a, str>>, JsonError> {
        if self.kind != Kind::String {
            self.scanner.skip_value()?;
            return Ok(None);
        }
        Ok(Some(self.scanner.string()?.unescaped()))
    }

    /// The integer the value is, if every reader of JSON holds it exactly (at most 2⁵³ − 1 either way); `None` if it is
    /// something else.
    ///
    /// # Errors
    /// The first fault of the value.
    pub fn safe_integer(self) -> Result<Option<i64>, JsonError> {
        let is_number = self.kind == Kind::Number;
        let raw = self.scanner.skip_value()?;
        Ok(Some(raw)
            .filter(|_| is_number)
            .and_then(Decimal::parse)
            .and_then(|number| number.as_safe_integer()))
    }

    /// Visits the members of the object the value is, in order, and gives its text; `None`, and no visit, if it is
    /// something else.
    ///
    /// That no key comes twice is known once the object ends: use nothing of it before this returns.
    ///
    /// # Errors
    /// What `visit` gives, and the first fault of the value.
    pub fn members<E: From<JsonError>>(
        self,
        mut visit: impl FnMut(Cow<'a, str>, Value<'_, 'a>) -> Result<(), E>,
    ) -> Result<Option<&'a str>, E> {
        if self.kind != Kind::Object {
            self.scanner.skip_value()?;
            return Ok(None);
        }
        let start = self.scanner.offset();
        self.scanner.open(Container::Object)?;
        let mut first = true;
        while let Some(key) = self.scanner.next_key(first)? {
            first = false;
            visit_next(self.scanner, JsonFault::Truncated, |value| {
                visit(key.unescaped(), value)
            })?;
        }
        Ok(Some(self.scanner.text_from(start)))
    }
}

/// Has `visit` look at the next value and skips it if it was left alone.
fn visit_next<'a, T, E: From<JsonError>>(
    scanner: &mut Scanner<'a>,
    if_missing: JsonFault,
    visit: impl FnOnce(Value<'_, 'a>) -> Result<T, E>,
) -> Result<T, E> {
    let kind = scanner.peek_kind(if_missing)?;
    let start = scanner.offset();
    let answer = visit(Value { scanner, kind })?;
    if scanner.offset() == start {
        scanner.skip_value()?;
    }
    Ok(answer)
}
