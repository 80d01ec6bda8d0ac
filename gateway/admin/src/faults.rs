//! What is wrong with a body or a query: all of it at once, each fault with its place and a hint.

use std::{collections::BTreeSet, ops::ControlFlow};

use deserr::{
    DeserializeError, ErrorKind, IntoValue, MergeWithError, Sequence as _, Value, ValueKind, ValuePointerRef,
    errors::helpers::did_you_mean,
};
use onedoor_model::manifest::Fault;

/// The most faults that an answer lists.
const MAX_FAULTS: usize = 100;
/// The most characters of the caller's text that a message repeats.
const MAX_SHOWN: usize = 60;

/// Everything that is wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// One fault.
    pub(crate) fn one(
        pointer: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self(vec![Fault {
            pointer: pointer.into(),
            message: message.into(),
            hint: hint.into(),
        }])
    }

    /// These faults, if there is one.
    ///
    /// # Errors
    /// The faults.
    pub(crate) fn refuse_any(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self(faults))
        }
    }

    /// The faults, but for those that are too many to read.
    #[must_use]
    pub(crate) fn into_vec(mut self) -> Vec<Fault> {
        let left_out = self.0.len().saturating_sub(MAX_FAULTS);
        if left_out > 0 {
            self.0.truncate(MAX_FAULTS);
            self.0.push(Fault {
                pointer: String::new(),
                message: format!("{left_out} more faults are not shown"),
                hint: "mend these first, then try again".to_owned(),
            });
        }
        self.0
    }

    /// The same faults, of a query: `/limit` is written `?limit`.
    #[must_use]
    pub(crate) fn of_query(mut self) -> Self {
        for fault in &mut self.0 {
            if let Some(name) = fault.pointer.strip_prefix('/') {
                fault.pointer = format!("?{name}");
            }
        }
        self
    }

    fn and(earlier: Option<Self>, Self(more): Self) -> ControlFlow<Self, Self> {
        let mut all = earlier.map(|Self(faults)| faults).unwrap_or_default();
        all.extend(more);
        ControlFlow::Continue(Self(all))
    }
}

impl MergeWithError<Self> for Faults {
    fn merge(earlier: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        Self::and(earlier, other)
    }
}

impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        earlier: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let fault = match error {
            ErrorKind::MissingField { field } => {
                Self::one(pointer(location), format!("`{field}` is missing"), "add it")
            }
            ErrorKind::UnknownKey { key, accepted } => Self::one(
                pointer(location.push_key(key)),
                format!("{} is not known here", shown(key)),
                suggestion(key, accepted),
            ),
            ErrorKind::UnknownValue { value, accepted } => Self::one(
                pointer(location),
                format!("{} is not one of the values", shown(value)),
                suggestion(value, accepted),
            ),
            ErrorKind::IncorrectValueKind { actual, accepted } => Self::one(
                pointer(location),
                format!("must be {}, not {}", one_of(accepted), described(&actual)),
                "mend it or leave it out",
            ),
            ErrorKind::BadSequenceLen { actual, expected } => Self::one(
                pointer(location),
                format!("must have {expected} items, not {}", actual.len()),
                "mend the list",
            ),
            ErrorKind::Unexpected { msg } => Self::one(pointer(location), cut(&msg, 300), "mend it"),
        };
        Self::and(earlier, fault)
    }
}

/// A place as a JSON pointer (RFC 6901).
pub(crate) fn pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!("{}/{}", pointer(*prev), key.replace('~', "~0").replace('/', "~1"))
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}

/// A text of the caller as a message repeats it: quoted, escaped, shortened.
pub(crate) fn shown(text: &str) -> String {
    format!("{:?}", cut(text, MAX_SHOWN))
}

/// What to do about a name that is not known.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    let meant = did_you_mean(name, known);
    match meant.trim() {
        "" if known.is_empty() => "remove it".to_owned(),
        "" => format!("known here: {}", known.join(", ")),
        meant => meant.to_owned(),
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn described<V: IntoValue>(value: &Value<V>) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Null
        | Value::Boolean(_)
        | Value::Integer(_)
        | Value::NegativeInteger(_)
        | Value::Float(_)
        | Value::Sequence(_)
        | Value::Map(_) => kind(value.kind()).to_owned(),
    }
}

fn one_of(kinds: &[ValueKind]) -> String {
    let kinds: BTreeSet<&str> = kinds.iter().map(|accepted| kind(*accepted)).collect();
    kinds.into_iter().collect::<Vec<_>>().join(" or ")
}

fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "true or false",
        ValueKind::Integer => "a whole number",
        ValueKind::NegativeInteger => "a negative number",
        ValueKind::Float => "a number",
        ValueKind::String => "text",
        ValueKind::Sequence => "a list",
        ValueKind::Map => "an object",
    }
}
