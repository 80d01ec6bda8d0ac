//! Where secrets are. An event, a manifest or a file of settings names the place of a secret, never the secret.

use std::{
    fmt,
    path::{Component, Path},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// The place of a secret or of a file of keys: `env:NAME`, or `file:/absolute/path`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretRef(String);

/// See [`SecretRef::place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace<'a> {
    /// An environment variable of the process.
    Env(&'a str),
    /// A file on the process's machine.
    File(&'a Path),
}

/// A text that names no place of a secret. Whoever wrote it is at fault. It does not repeat the text, which may be a secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is given by reference: `env:NAME` or `file:/absolute/path`")]
pub struct InvalidSecretRef;

impl SecretRef {
    /// Where the secret is.
    #[must_use]
    pub fn place(&self) -> SecretPlace<'_> {
        match self.0.strip_prefix("env:") {
            Some(name) => SecretPlace::Env(name),
            None => SecretPlace::File(Path::new(self.0.strip_prefix("file:").unwrap_or_default())),
        }
    }

    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, InvalidSecretRef> {
        let known = match (text.strip_prefix("env:"), text.strip_prefix("file:")) {
            (Some(name), _) => is_variable(name),
            (None, Some(path)) => is_plain_file(path),
            (None, None) => false,
        };
        if known {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSecretRef)
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = InvalidSecretRef;

    fn try_from(text: String) -> Result<Self, InvalidSecretRef> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name as POSIX has it (IEEE 1003.1 §8.1), in either case.
fn is_variable(name: &str) -> bool {
    let begins_well = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    begins_well
        && name.len() <= 128
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An absolute path without `..`, so that what is named is what is read.
fn is_plain_file(path: &str) -> bool {
    let is_text = path.len() <= 1_024 && !path.chars().any(char::is_control);
    let parts = Path::new(path).components();
    is_text
        && path.starts_with('/')
        && path.len() > 1
        && parts.skip(1).all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_variable_or_a_file() {
        let reference = |text: &str| text.parse::<SecretRef>().unwrap();
        assert_eq!(
            reference("env:ENTRA_SECRET").place(),
            SecretPlace::Env("ENTRA_SECRET")
        );
        assert_eq!(
            reference("file:/run/secrets/entra").place(),
            SecretPlace::File(Path::new("/run/secrets/entra"))
        );
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        for text in [
            "",
            "hunter2",
            "env:",
            "env:1A",
            "env:A B",
            "env:A=B",
            "file:",
            "file:/",
            "file:relative",
            "file:/a/../b",
            "file:/a\nb",
            "FILE:/a",
            "vault:x",
        ] {
            let error = text.parse::<SecretRef>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{text}");
        }
    }
}
