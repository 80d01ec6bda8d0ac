//! `traceparent` (Trace Context section 3.2).

use std::fmt;

/// Flags that version 00 defines: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0x03;
const SAMPLED: u8 = 0x01;

/// A trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span within a trace: 8 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// A position in a trace. `Display` writes it as version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl TraceId {
    /// `None` if all bytes are zero.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SpanId {
    /// `None` if all bytes are zero.
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl TraceParent {
    pub(super) fn root(trace: TraceId, span: SpanId) -> Self {
        Self {
            trace,
            span,
            flags: SAMPLED,
        }
    }

    /// Reads a `traceparent`; `None` if it is malformed. A version we do not know is read by its first four fields,
    /// as section 3.2.4 asks.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(5, '-');
        let [version] = hex_field(fields.next()?)?;
        let trace = TraceId::new(hex_field(fields.next()?)?)?;
        let span = SpanId::new(hex_field(fields.next()?)?)?;
        let [flags] = hex_field(fields.next()?)?;
        let is_readable = match version {
            0xFF => false,
            0x00 => fields.next().is_none(),
            _ => true,
        };
        is_readable.then_some(Self {
            trace,
            span,
            flags: flags & KNOWN_FLAGS,
        })
    }

    /// The position of `span` within this trace.
    #[must_use]
    pub fn child(&self, span: SpanId) -> Self {
        Self { span, ..*self }
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> TraceId {
        self.trace
    }

    /// The sender's span.
    #[must_use]
    pub fn span(&self) -> SpanId {
        self.span
    }

    /// Whether the sender may have recorded its part.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Exactly `N` bytes in lower-case hexadecimal.
fn hex_field<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
