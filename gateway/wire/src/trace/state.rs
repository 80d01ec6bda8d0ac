//! `tracestate` (Trace Context section 3.3).

use std::{collections::HashSet, fmt};

/// Most list members (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;
/// Characters every system should propagate at least, and at most what we do (section 3.3.1.5).
const MAX_CHARS: usize = 512;
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 256;

/// The positions of other systems in a trace: well-formed list members, in the order they came. `Display` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceState(String);

impl TraceState {
    /// Reads a `tracestate`; `None` if it is malformed, too long, or has no members: it is dropped then.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let members: Vec<_> = text
            .split(',')
            .map(|member| member.trim_matches([' ', '\t']))
            .filter(|member| !member.is_empty())
            .collect();
        let joined = members.join(",");
        if members.is_empty() || members.len() > MAX_MEMBERS || joined.len() > MAX_CHARS {
            return None;
        }
        let mut keys = HashSet::new();
        members
            .iter()
            .all(|member| key_of(member).is_some_and(|key| keys.insert(key)))
            .then_some(Self(joined))
    }

    /// The header's or member's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a well-formed list member.
fn key_of(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    (is_key(key) && is_value(value)).then_some(key)
}

fn is_key(key: &str) -> bool {
    let is_key_char = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_KEY
        && key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.bytes().all(is_key_char)
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_VALUE
        && value
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x7E) && byte != b'=')
}
