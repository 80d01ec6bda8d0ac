//! The scanner under [`super::Document`]: one position that only moves forward, and the containers open there.

use super::{
    JsonError, JsonFault, Kind,
    keys::KeyStack,
    number,
    string::{self, RawString},
};

/// A position in a text, behind everything that has been checked.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    keys: KeyStack<'a>,
    max_depth: usize,
}

/// The two things that hold values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    Array,
}

/// A container that has begun and not ended.
#[derive(Debug)]
struct Open {
    container: Container,
    /// How many keys the containers around it had when it began.
    keys_before: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8], max_depth: usize) -> Result<Self, JsonError> {
        if text.starts_with("\u{feff}".as_bytes()) {
            return Err(JsonFault::ByteOrderMark.at(0));
        }
        let text =
            std::str::from_utf8(text).map_err(|error| JsonFault::InvalidUtf8.at(error.valid_up_to()))?;
        Ok(Self {
            text,
            at: 0,
            open: Vec::new(),
            keys: KeyStack::default(),
            max_depth,
        })
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// What has been checked since `start`, an offset this gave before.
    pub(super) fn text_from(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Moves to the next value and says what it is; `if_missing` if the text ends first.
    #[inline]
    pub(super) fn peek_kind(&mut self, if_missing: JsonFault) -> Result<Kind, JsonError> {
        match self.next_byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(self.fault(JsonFault::Unexpected)),
            None => Err(self.fault(if_missing)),
        }
    }

    /// Goes past the value that begins here and gives its text. Without recursion: depth costs no stack.
    pub(super) fn skip_value(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        let around = self.open.len();
        loop {
            let entered = match self.peek_kind(JsonFault::Truncated)? {
                Kind::Object => {
                    self.open(Container::Object)?;
                    self.next_key(true)?.is_some()
                }
                Kind::Array => {
                    self.open(Container::Array)?;
                    self.next_item(true)?
                }
                Kind::String => {
                    self.string()?;
                    false
                }
                Kind::Number => {
                    self.at = number::scan(self.text, self.at)?;
                    false
                }
                Kind::Bool | Kind::Null => {
                    self.literal()?;
                    false
                }
            };
            if !entered && !self.next_value_within(around)? {
                return Ok(self.text_from(start));
            }
        }
    }

    /// Goes past the string that begins here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<RawString<'a>, JsonError> {
        let (string, end) = string::scan(self.text, self.at)?;
        self.at = end;
        Ok(string)
    }

    /// Enters the object or array that begins here.
    pub(super) fn open(&mut self, container: Container) -> Result<(), JsonError> {
        if self.open.len() >= self.max_depth {
            return Err(self.fault(JsonFault::TooDeep));
        }
        self.open.push(Open {
            container,
            keys_before: self.keys.len(),
        });
        self.at += 1;
        Ok(())
    }

    /// Goes past the next key of the innermost object and its colon; `None`, and the object is left, at its end.
    #[inline]
    pub(super) fn next_key(&mut self, first: bool) -> Result<Option<RawString<'a>>, JsonError> {
        if !self.next_element(b'}', first)? {
            return Ok(None);
        }
        match self.next_byte() {
            Some(b'"') => {}
            Some(_) => return Err(self.fault(JsonFault::Unexpected)),
            None => return Err(self.fault(JsonFault::Truncated)),
        }
        let offset = self.at;
        let key = self.string()?;
        self.keys.push(key, offset);
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// The text must end here.
    pub(super) fn end(mut self) -> Result<(), JsonError> {
        // Containers still open: a visitor went on after a fault it was given.
        if self.next_byte().is_some() || !self.open.is_empty() {
            return Err(self.fault(JsonFault::TrailingBytes));
        }
        Ok(())
    }

    /// After a value: moves to the next one of the containers entered since there were `around`, leaving those that
    /// end; false if all of them have ended.
    #[inline]
    fn next_value_within(&mut self, around: usize) -> Result<bool, JsonError> {
        while self.open.len() > around {
            let found = match self.open.last().map(|open| open.container) {
                Some(Container::Object) => self.next_key(false)?.is_some(),
                Some(Container::Array) => self.next_item(false)?,
                None => false,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn next_item(&mut self, first: bool) -> Result<bool, JsonError> {
        self.next_element(b']', first)
    }

    /// Goes past the comma before the next element, or past `close`, which leaves the container.
    #[inline]
    fn next_element(&mut self, close: u8, first: bool) -> Result<bool, JsonError> {
        match self.next_byte() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.leave()?;
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Err(self.fault(JsonFault::Unexpected)),
            None => Err(self.fault(JsonFault::Truncated)),
        }
    }

    fn leave(&mut self) -> Result<(), JsonError> {
        match self.open.pop() {
            Some(Open {
                container: Container::Object,
                keys_before,
            }) => self.keys.leave_object(keys_before),
            Some(Open {
                container: Container::Array,
                ..
            })
            | None => Ok(()),
        }
    }

    fn literal(&mut self) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        for literal in [b"true".as_slice(), b"false", b"null"] {
            if rest.starts_with(literal) {
                self.at += literal.len();
                return Ok(());
            }
            if literal.starts_with(rest) {
                return Err(JsonFault::Truncated.at(self.text.len()));
            }
        }
        Err(self.fault(JsonFault::Unexpected))
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        match self.next_byte() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.fault(JsonFault::Unexpected)),
            None => Err(self.fault(JsonFault::Truncated)),
        }
    }

    /// The next byte that is not white space (RFC 8259 section 2), with the position on it.
    fn next_byte(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let skipped = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += skipped.unwrap_or(rest.len());
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, fault: JsonFault) -> JsonError {
        fault.at(self.at)
    }
}
