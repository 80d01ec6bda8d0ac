//! Versions: the `ETag` of what was read, the `If-Match` of a command on it.

use std::{fmt, num::ParseIntError, str::FromStr};

/// The version of one thing in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ETag(u64);

/// The option that gives a version instead of looking it up.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct IfMatchArgs {
    /// Act only if its last change was at this revision, instead of looking what is there now
    #[arg(long, value_name = "REVISION")]
    pub(super) if_match: Option<ETag>,
}

impl ETag {
    /// The version with this number: the revision of the thing's last change.
    pub(super) fn of(number: u64) -> Self {
        Self(number)
    }

    /// As a header's value (RFC 9110 §8.8.3).
    pub(super) fn quoted(self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ETag {
    type Err = ParseIntError;

    /// Reads a version with or without its quotes.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        bare.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_optional_and_always_sent() {
        for text in ["17", "\"17\""] {
            assert_eq!(text.parse::<ETag>().unwrap().quoted(), "\"17\"");
        }
        for bad in ["", "\"", "*", "W/\"17\"", "-1", "seventeen"] {
            assert!(bad.parse::<ETag>().is_err(), "{bad}");
        }
    }
}
