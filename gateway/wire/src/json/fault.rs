//! Why a text is not JSON we read.

use thiserror::Error;

/// What is wrong with a JSON text, and where. The sender's fault; the same bytes will fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{fault} at byte {offset}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// Offset from the start of the text, in bytes.
    pub offset: usize,
}

/// The ways a text can fail to be JSON we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonFault {
    /// Nothing but white space.
    #[error("empty text")]
    Empty,
    /// The text ends inside a value.
    #[error("text ends too early")]
    Truncated,
    /// Not UTF-8 (RFC 8259 section 8.1).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Starts with U+FEFF (RFC 8259 section 8.1 forbids senders to add it).
    #[error("byte order mark")]
    ByteOrderMark,
    /// Something follows the value.
    #[error("trailing bytes")]
    TrailingBytes,
    /// A key that its object already has, after unescaping.
    #[error("duplicate key")]
    DuplicateKey,
    /// An escaped surrogate without its other half: no Unicode text.
    #[error("lone surrogate")]
    LoneSurrogate,
    /// An escape that RFC 8259 section 7 does not know.
    #[error("invalid escape")]
    BadEscape,
    /// A character below U+0020 inside a string.
    #[error("control character in a string")]
    ControlCharacter,
    /// A number not of the form of RFC 8259 section 6.
    #[error("invalid number")]
    BadNumber,
    /// A number too large for a double: readers disagree on what it is.
    #[error("number out of range")]
    NumberOutOfRange,
    /// Objects and arrays nested deeper than the limit.
    #[error("nested too deep")]
    TooDeep,
    /// A byte that cannot stand here.
    #[error("unexpected byte")]
    Unexpected,
}

impl JsonFault {
    /// This fault at `offset`.
    #[inline]
    pub(crate) fn at(self, offset: usize) -> JsonError {
        JsonError { fault: self, offset }
    }
}
