//! The subschemas of a JSON Schema 2020-12: which parts of a document are schemas and which are data.

use super::document::{Json, Node};

/// Keywords whose value is a schema (JSON Schema 2020-12 Core §10, §11; Validation §8).
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas. The last two are of earlier drafts; the 2020-12 meta-schema still knows them.
const MAP: [&str; 5] = [
    "$defs",
    "dependentSchemas",
    "patternProperties",
    "definitions",
    "dependencies",
];

/// Where a subschema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    /// A property that is reached from the root through `properties` alone.
    Property,
    Elsewhere,
}

/// A schema within a schema, or the root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subschema<'n, 'd> {
    pub(super) node: &'n Node<'d>,
    pub(super) place: Place,
}

/// A schema and all schemas within it.
pub(super) fn subschemas<'n, 'd>(root: &'n Node<'d>) -> Vec<Subschema<'n, 'd>> {
    let mut found = Vec::new();
    collect(root, Place::Root, &mut found);
    found
}

fn collect<'n, 'd>(node: &'n Node<'d>, place: Place, found: &mut Vec<Subschema<'n, 'd>>) {
    // A list is a schema nowhere; `dependencies` may hold lists of names.
    if !matches!(node.json, Json::Object(_) | Json::Flag(_)) {
        return;
    }
    found.push(Subschema { node, place });
    for member in node.members() {
        let value = &member.value;
        let keyword = member.name.as_str();
        if keyword == "properties" {
            let inner = match place {
                Place::Root | Place::Property => Place::Property,
                Place::Elsewhere => Place::Elsewhere,
            };
            value
                .members()
                .iter()
                .for_each(|property| collect(&property.value, inner, found));
        } else if ONE.contains(&keyword) {
            collect(value, Place::Elsewhere, found);
        } else if LIST.contains(&keyword) {
            value
                .items()
                .iter()
                .for_each(|item| collect(item, Place::Elsewhere, found));
        } else if MAP.contains(&keyword) {
            value
                .members()
                .iter()
                .for_each(|entry| collect(&entry.value, Place::Elsewhere, found));
        }
    }
}
