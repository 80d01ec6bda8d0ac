//! A whole number within limits, the same ones in its JSON Schema and when it is read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An integer from `MIN` to `MAX`, both included. There is no other way to get one than to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// A constant within the limits: outside, it does not compile.
    pub(crate) const fn constant<const VALUE: u64>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX) };
        Self(VALUE)
    }

    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(de::Error::custom(format_args!(
                "{value} is not between {MIN} and {MAX}"
            )))
        }
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Bounded<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("IntegerFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_included_and_nothing_beyond() {
        type Digit = Bounded<1, 9>;
        for (json, read) in [
            ("0", None),
            ("1", Some(1)),
            ("9", Some(9)),
            ("10", None),
            ("-1", None),
            ("1.5", None),
            (r#""1""#, None),
        ] {
            assert_eq!(
                serde_json::from_str::<Digit>(json).ok().map(Digit::get),
                read,
                "{json}"
            );
        }
        let schema = SchemaGenerator::default().into_root_schema_for::<Digit>();
        assert_eq!(schema.get("minimum"), Some(&1.into()));
        assert_eq!(schema.get("maximum"), Some(&9.into()));
    }
}
