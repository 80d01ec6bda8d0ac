//! `x-mcp-header` annotations of a tool's input schema (MCP 2026-07-28, "Schema Extension").

use std::collections::HashSet;

use http::HeaderName;
use serde_json::{Map, Value};
use thiserror::Error;

use super::PARAM_PREFIX;

const ANNOTATION: &str = "x-mcp-header";

/// Keywords of JSON Schema that hold one schema, or an array of them.
const SCHEMA_KEYWORDS: &[&str] = &[
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];

/// Keywords of JSON Schema that hold schemas by name, other than `properties`.
const SCHEMA_MAP_KEYWORDS: &[&str] = &[
    "$defs",
    "definitions",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
];

/// A property that a header mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderParam {
    header: HeaderName,
    path: Vec<String>,
}

/// An annotation that makes the tool's definition invalid. The tool owner's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{pointer}: {fault}")]
pub struct AnnotationError {
    /// JSON pointer to the annotation, from the schema's root.
    pub pointer: String,
    /// What is wrong with it.
    pub fault: AnnotationFault,
}

/// What can be wrong with an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnnotationFault {
    /// Not a string, or not a field-name token (RFC 9110 section 5.1).
    #[error("must be a string that can stand in a header's name")]
    NotAToken,
    /// Another annotation of the schema has that name, case aside.
    #[error("another property has this header name")]
    Repeated,
    /// The property's type is not `string`, `integer` or `boolean`.
    #[error("the property's type must be string, integer or boolean")]
    Type,
    /// Not on a property reached through `properties` alone.
    #[error("must be on a property reached through 'properties' alone")]
    Unreachable,
}

impl HeaderParam {
    /// The header `Mcp-Param-{suffix}` for the property at `path`; none if the suffix cannot stand in a header's name.
    #[must_use]
    pub fn new(suffix: &str, path: &[String]) -> Option<Self> {
        let header = HeaderName::from_bytes(format!("{PARAM_PREFIX}{suffix}").as_bytes()).ok()?;
        Some(Self {
            header,
            path: path.to_vec(),
        })
    }

    /// The header, prefix included.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Keys from the top of `arguments` to the property.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }
}

/// The properties of `input_schema` that headers mirror.
///
/// # Errors
/// Every invalid annotation. A tool with one must not be offered (clients must drop it).
pub fn header_params(input_schema: &Value) -> Result<Vec<HeaderParam>, Vec<AnnotationError>> {
    let mut walk = Walk::default();
    walk.schema(
        input_schema,
        &Place {
            pointer: String::new(),
            path: Some(Vec::new()),
        },
    );
    if walk.errors.is_empty() {
        Ok(walk.found)
    } else {
        Err(walk.errors)
    }
}

#[derive(Default)]
struct Walk {
    names: HashSet<HeaderName>,
    found: Vec<HeaderParam>,
    errors: Vec<AnnotationError>,
}

/// Where in a schema the walk is.
struct Place {
    pointer: String,
    /// Keys of the properties on the way; `None` once the way left `properties`.
    path: Option<Vec<String>>,
}

impl Walk {
    /// Recursion is bounded by the depth of the schema, which its reader has limited.
    fn schema(&mut self, schema: &Value, place: &Place) {
        let Some(schema) = schema.as_object() else { return };
        if let Some(annotation) = schema.get(ANNOTATION) {
            match header_param(annotation, schema, place.path.as_deref()) {
                Ok(param) if self.names.insert(param.header.clone()) => self.found.push(param),
                Ok(_) => self.error(place, AnnotationFault::Repeated),
                Err(fault) => self.error(place, fault),
            }
        }
        for (keyword, value) in schema {
            self.keyword(keyword, value, place);
        }
    }

    /// Values of other keywords (`default`, `enum`, …) are data: what looks like an annotation there is none.
    fn keyword(&mut self, keyword: &str, value: &Value, place: &Place) {
        let within = place.off_path(keyword);
        if keyword == "properties" {
            for (name, schema) in value.as_object().into_iter().flatten() {
                self.schema(schema, &place.property(name));
            }
        } else if SCHEMA_MAP_KEYWORDS.contains(&keyword) {
            for (name, schema) in value.as_object().into_iter().flatten() {
                self.schema(schema, &within.off_path(name));
            }
        } else if SCHEMA_KEYWORDS.contains(&keyword) {
            match value.as_array() {
                Some(schemas) => {
                    for (index, schema) in schemas.iter().enumerate() {
                        self.schema(schema, &within.off_path(&index.to_string()));
                    }
                }
                None => self.schema(value, &within),
            }
        }
    }

    fn error(&mut self, place: &Place, fault: AnnotationFault) {
        self.errors.push(AnnotationError {
            pointer: format!("{}/{ANNOTATION}", place.pointer),
            fault,
        });
    }
}

impl Place {
    fn property(&self, name: &str) -> Self {
        let path = self
            .path
            .as_ref()
            .map(|path| [path.as_slice(), &[name.to_owned()]].concat());
        Self {
            path,
            ..self.off_path("properties").off_path(name)
        }
    }

    fn off_path(&self, token: &str) -> Self {
        let token = token.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{token}", self.pointer),
            path: None,
        }
    }
}

fn header_param(
    annotation: &Value,
    schema: &Map<String, Value>,
    path: Option<&[String]>,
) -> Result<HeaderParam, AnnotationFault> {
    let path = path
        .filter(|path| !path.is_empty())
        .ok_or(AnnotationFault::Unreachable)?
        .to_vec();
    let suffix = annotation
        .as_str()
        .filter(|name| !name.is_empty())
        .ok_or(AnnotationFault::NotAToken)?;
    // A `HeaderName` is a token, in lower case: names that differ only by case are equal.
    let header =
        HeaderName::try_from(format!("{PARAM_PREFIX}{suffix}")).map_err(|_| AnnotationFault::NotAToken)?;
    match schema.get("type").and_then(Value::as_str) {
        Some("string" | "integer" | "boolean") => Ok(HeaderParam { header, path }),
        Some(_) | None => Err(AnnotationFault::Type),
    }
}
