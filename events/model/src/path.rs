//! Paths of plain HTTP requests, in the one form in which they are decided on, recorded and sent on.
//!
//! Servers differ in how they read a path: some decode it twice, some resolve `..` after decoding, some cut off what follows `;`, some
//! take `\` for `/`. So a path passes only if all of them read the same in it. What is left out by that is hardly ever meant.

#[cfg(test)]
mod tests;

use std::fmt;

/// The most bytes of a path.
pub const MAX_PATH: usize = 4_096;

/// The path of a request within a service: it begins with `/`, which alone is the service's root.
///
/// **Invariant:** each segment is percent-encoded in one way only (RFC 3986 §6.2.2: nothing encoded that need not be, digits in
/// upper case), is not empty, and holds, decoded once, no `/`, `\`, `;`, control character or further percent-encoding, and more than
/// dots and spaces. So behind a base it names something below the base, however often it is decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalPath(String);

/// Why a path does not pass. The caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `/`.
    #[error("does not begin with `/`")]
    NotAbsolute,
    /// More than [`MAX_PATH`] bytes.
    #[error("has more than {MAX_PATH} bytes")]
    TooLong,
    /// Nothing stands between two `/`, or behind the last one.
    #[error("has an empty segment")]
    EmptySegment,
    /// A character that must be percent-encoded, or may not be in a path at all (RFC 3986 §3.3).
    #[error("holds a character that must be percent-encoded")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("holds a `%` without two hexadecimal digits")]
    Encoding,
    /// Not UTF-8 once it is decoded.
    #[error("is not UTF-8 once decoded")]
    NotUtf8,
    /// An encoded `/`, a `\` or a control character.
    #[error("holds a slash, backslash or control character in encoded form")]
    Hidden,
    /// Percent-encoded twice.
    #[error("is percent-encoded twice")]
    Twice,
    /// `;`: servers disagree on whether what follows belongs to the segment.
    #[error("holds a `;`")]
    Parameter,
    /// A segment of nothing but dots and spaces.
    #[error("has a segment of dots")]
    Dots,
}

impl CanonicalPath {
    /// Reads a path as it was sent, undecoded and without its query.
    ///
    /// # Errors
    /// [`PathFault`]
    pub fn parse(raw: &str) -> Result<Self, PathFault> {
        let segments = raw.strip_prefix('/').ok_or(PathFault::NotAbsolute)?;
        if raw.len() > MAX_PATH {
            return Err(PathFault::TooLong);
        }
        if segments.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        let mut path = String::with_capacity(raw.len());
        for raw in segments.split('/') {
            path.push('/');
            path.push_str(&segment(raw)?);
        }
        Ok(Self(path))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, encoded; the root has none.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        let segments = self.0.strip_prefix('/').unwrap_or_default();
        segments.split('/').filter(|segment| !segment.is_empty())
    }

    /// The path at which a service with this base path finds it.
    #[must_use]
    pub fn below(&self, base: &str) -> String {
        if self.0 == "/" {
            base.to_owned()
        } else {
            format!("{}{}", base.strip_suffix('/').unwrap_or(base), self.0)
        }
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A segment in canonical form.
pub(crate) fn segment(raw: &str) -> Result<String, PathFault> {
    if raw.is_empty() {
        return Err(PathFault::EmptySegment);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut canonical = String::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first == b'%' {
            let (byte, behind) = escape(rest).ok_or(PathFault::Encoding)?;
            rest = behind;
            decoded.push(byte);
            if is_unreserved(byte) {
                canonical.push(char::from(byte));
            } else {
                canonical.push_str(&format!("%{byte:02X}"));
            }
        } else if is_unreserved(*first) || b"!$&'()*+,;=:@".contains(first) {
            decoded.push(*first);
            canonical.push(char::from(*first));
        } else {
            return Err(PathFault::Character);
        }
    }
    judge(&decoded)?;
    Ok(canonical)
}

fn judge(decoded: &[u8]) -> Result<(), PathFault> {
    let text = std::str::from_utf8(decoded).map_err(|_| PathFault::NotUtf8)?;
    if text.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) {
        return Err(PathFault::Hidden);
    }
    if text.contains(';') {
        return Err(PathFault::Parameter);
    }
    if text
        .trim_matches(|c: char| c == '.' || c.is_whitespace())
        .is_empty()
    {
        return Err(PathFault::Dots);
    }
    let mut escapes = decoded.split(|byte| *byte == b'%').skip(1);
    if escapes.any(|behind| escape(behind).is_some()) {
        return Err(PathFault::Twice);
    }
    Ok(())
}

/// The byte that two hexadecimal digits stand for, and what is behind them.
fn escape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, behind) = digits.split_first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    let byte = u8::try_from(high? * 16 + low?).ok()?;
    Some((byte, behind))
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
