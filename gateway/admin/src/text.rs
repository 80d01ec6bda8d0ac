//! Values that callers write as text, in bodies and queries alike.

use std::fmt::Display;

use deserr::{
    DeserializeError as _, Deserr, ErrorKind, IntoValue, Value, ValueKind, ValuePointerRef, take_cf_content,
};
use jiff::Timestamp;
use onedoor_model::{
    ids::{
        AppRole, BlockId, ClientId, GrantId, GroupId, InvalidName, IssuerName, LogId, Offset, Scope, Slug,
        TenantId, ToolName, UserId,
    },
    registry::{Algorithm, InvalidSecretRef, SecretRef, Stage},
};
use onedoor_projector::CallOutcome;

use crate::faults::{Faults, pointer, shown, suggestion};

/// A value that is written as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub T);

/// What a text is read as.
pub(crate) trait FromText: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

/// Why a text is not what it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Wrong {
    /// A text that is not of its kind.
    pub(crate) fn not_a(what: &str, text: &str, hint: impl Into<String>) -> Self {
        Self {
            message: format!("{} is not {what}", shown(text)),
            hint: hint.into(),
        }
    }

    /// A text that is none of the known ones.
    pub(crate) fn none_of<T: Display>(text: &str, known: &[T]) -> Self {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::not_a("one of the values", text, suggestion(text, &names))
    }
}

impl<T: FromText> Deserr<Faults> for Text<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let text = match value {
            Value::String(text) => text,
            Value::Null
            | Value::Boolean(_)
            | Value::Integer(_)
            | Value::NegativeInteger(_)
            | Value::Float(_)
            | Value::Sequence(_)
            | Value::Map(_) => {
                let error = ErrorKind::IncorrectValueKind {
                    actual: value,
                    accepted: &[ValueKind::String],
                };
                return Err(take_cf_content(Faults::error(None, error, at)));
            }
        };
        T::from_text(&text)
            .map(Self)
            .map_err(|Wrong { message, hint }| Faults::one(pointer(at), message, hint))
    }
}

impl From<InvalidName> for Wrong {
    fn from(InvalidName { kind, text, rule }: InvalidName) -> Self {
        let article = if kind.starts_with(['a', 'e', 'i', 'o']) {
            "an"
        } else {
            "a"
        };
        Self::not_a(&format!("{article} {kind}"), &text, rule)
    }
}

macro_rules! names {
    ($($name:ident)+) => {$(
        impl FromText for $name {
            fn from_text(text: &str) -> Result<Self, Wrong> {
                Ok(Self::new(text)?)
            }
        }
    )+};
}

names! { Slug ToolName IssuerName TenantId UserId ClientId GroupId AppRole Scope }

impl FromText for SecretRef {
    /// The text is not told back: it may be the secret itself.
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|invalid: InvalidSecretRef| Wrong {
            message: "is not the place of a secret".to_owned(),
            hint: invalid.to_string(),
        })
    }
}

macro_rules! ids {
    ($($name:ident)+) => {$(
        impl FromText for $name {
            fn from_text(text: &str) -> Result<Self, Wrong> {
                text.parse().map_err(|_| Wrong::not_a("an id", text, "ids are UUIDs; the list shows them"))
            }
        }
    )+};
}

ids! { GrantId BlockId LogId }

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(text.to_owned())
    }
}

impl FromText for u32 {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse()
            .map_err(|_| Wrong::not_a("a number", text, "give a whole number"))
    }
}

impl FromText for Offset {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let hint = "give a revision as `Onedoor-Revision` names it";
        text.parse()
            .map(Self)
            .map_err(|_| Wrong::not_a("a revision", text, hint))
    }
}

impl FromText for Timestamp {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| {
            Wrong::not_a(
                "a time",
                text,
                "write it as RFC 3339, such as 2026-11-24T09:00:00Z",
            )
        })
    }
}

impl FromText for Stage {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        const STAGES: [Stage; 2] = [Stage::Qa, Stage::Production];
        STAGES
            .into_iter()
            .find(|stage| stage.to_string() == text)
            .ok_or_else(|| Wrong::none_of(text, &STAGES))
    }
}

impl FromText for CallOutcome {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Wrong::none_of(text, &Self::ALL))
    }
}

impl FromText for Algorithm {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        const ALL: [(&str, Algorithm); 9] = [
            ("RS256", Algorithm::RS256),
            ("RS384", Algorithm::RS384),
            ("RS512", Algorithm::RS512),
            ("PS256", Algorithm::PS256),
            ("PS384", Algorithm::PS384),
            ("PS512", Algorithm::PS512),
            ("ES256", Algorithm::ES256),
            ("ES384", Algorithm::ES384),
            ("EdDSA", Algorithm::EdDSA),
        ];
        ALL.into_iter()
            .find(|(name, _)| *name == text)
            .map(|(_, algorithm)| algorithm)
            .ok_or_else(|| Wrong::none_of(text, &ALL.map(|(name, _)| name)))
    }
}
