//! Names of things: ids, slugs, offsets, digests. All are plain values that print and serialize as what they hold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use uuid::Uuid;

/// A text that is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {rule}")]
pub struct InvalidName {
    /// What the text was to be, such as "slug".
    pub kind: &'static str,
    /// The text as it was given.
    pub text: String,
    /// The rule it breaks, in words for the person who typed it.
    pub rule: &'static str,
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// One event, UUIDv7. With `source` it is the key by which duplicates are dropped everywhere (CloudEvents 1.0).
    EventId;
    /// A log: given in the first event of `registry`. A revision means something only together with it.
    LogId;
    /// One run of a process, from start to exit.
    BootId;
    /// One call through the door, sent upstream and returned to the client.
    CallId;
    /// A registered server, immutable for its life. Events, grants and audit use it; URLs use the [`Slug`].
    ServerId;
    /// A grant.
    GrantId;
    /// A block of a user or client app.
    BlockId;
}

macro_rules! text_name {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// [`InvalidName`] with the rule that the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(InvalidName { kind: $kind, text, rule: $rule }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

text_name! {
    /// A server's name in URLs and full tool names.
    Slug, "slug", "1 to 32 characters: a lower-case letter, then lower-case letters, digits and hyphens", is_slug;
    /// A tool's name as its server knows it (MCP 2026-07-28: 1 to 128 of `A-Za-z0-9_.-`).
    ToolName, "tool name", "1 to 128 characters out of A-Z, a-z, 0-9, '_', '.' and '-'", is_tool_name;
    /// A trusted issuer's name in the registry. Grants and principals refer to it, not to an `iss` URL, as one provider may sign with several.
    IssuerName, "issuer name", "1 to 32 characters: a lower-case letter, then lower-case letters, digits and hyphens", is_slug;
    /// A tenant of an identity provider: Entra's `tid`.
    TenantId, "tenant", "1 to 256 printable characters without spaces", is_opaque;
    /// A user's immutable object id within a tenant: Entra's `oid`, else `sub`.
    UserId, "user id", "1 to 256 printable characters without spaces", is_opaque;
    /// A client app's id: `azp` or `appid`.
    ClientId, "client id", "1 to 256 printable characters without spaces", is_opaque;
    /// A directory group, out of a token's `groups`: Entra's object id, Keycloak's path, which may hold spaces.
    GroupId, "group", "1 to 256 printable characters without spaces at either end", is_phrase;
    /// An app role's value, out of a token's `roles`.
    AppRole, "app role", "1 to 256 printable characters without spaces", is_opaque;
    /// An OAuth scope (RFC 6749 §3.3).
    Scope, "scope", "1 to 256 printable characters without spaces, quotes and backslashes", is_scope;
    /// What a caller names a command with, so that a retry is not a second command (`Idempotency-Key`).
    CommandId, "command id", "1 to 256 printable characters without spaces", is_opaque;
    /// A replica's name, `source` of its events.
    ReplicaName, "replica name", "1 to 256 printable characters without spaces", is_opaque;
}

/// Offset of a record in one partition of a stream, gapless from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The offset in `registry` up to which (inclusive) a state has applied events.
pub type Revision = Offset;

/// Version of an aggregate: the offset of the last event that changed it. The expected version of commands, the `ETag` of answers.
/// 0 is a thing that does not exist, as offset 0 holds `LogCreated`; a thing that went and came again has another version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AggregateVersion(pub u64);

impl AggregateVersion {
    /// The version of what does not exist.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for AggregateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a server's version, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionNumber(pub u32);

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of exact bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere, such as a keyed one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let mut bytes = [0; 32];
        let lower_case = !text.bytes().any(|b| b.is_ascii_uppercase());
        if lower_case && hex::decode_to_slice(&text, &mut bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            Err(InvalidName {
                kind: "digest",
                text,
                rule: "64 lower-case hexadecimal digits",
            })
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

fn is_slug(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_tool_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_opaque(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

/// Names that people gave: spaces may stand within, so that one group's name does not make its members' tokens unreadable.
fn is_phrase(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text == text.trim()
        && text
            .chars()
            .all(|c| c == ' ' || !c.is_control() && !c.is_whitespace())
}

fn is_scope(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_the_rule() {
        for good in ["a", "finance", "a-1", &"a".repeat(32)] {
            assert!(Slug::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "A", "a_b", "a.b", "ä", "a b", &"a".repeat(33)] {
            assert!(Slug::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tool_names_follow_the_rule() {
        for good in ["a", "Get_Balance", "a.b-c", &"a".repeat(128)] {
            assert!(ToolName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ü", &"a".repeat(129)] {
            assert!(ToolName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn groups_may_have_names_that_people_gave_them() {
        for good in [
            "g",
            "/Finance Team",
            "8f5c2a0e-0000-4000-8000-000000000001",
            "Ärzte",
        ] {
            assert!(GroupId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", " g", "g ", "a\tb", "a\nb", "a\u{a0}b", &"g".repeat(257)] {
            assert!(GroupId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_checked_when_read_from_json_too() {
        assert!(serde_json::from_str::<Slug>("\"Finance\"").is_err());
        assert_eq!(serde_json::from_str::<Slug>("\"hr\"").unwrap().as_str(), "hr");
    }

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::of(b"onedoor");
        assert_eq!(Digest::try_from(digest.to_string()).unwrap(), digest);
        assert!(Digest::try_from(digest.to_string().to_uppercase()).is_err());
        assert!(Digest::try_from("00".to_owned()).is_err());
    }
}
