//! The OpenAPI document, and the golden files.

use std::{collections::BTreeSet, path::PathBuf};

use http::StatusCode;
use onedoor_admin::{Action, Role};
use serde_json::Value;

use crate::world::World;

/// Set to write the golden files anew instead of comparing.
const REWRITE: &str = "ONEDOOR_REWRITE_GOLDEN";

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) description: Value,
}

impl Operation {
    pub(crate) fn action(&self) -> String {
        self.description["x-onedoor-action"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The roles that may, by the table.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let action = Action::ALL.iter().find(|action| action.as_str() == self.action());
        action
            .unwrap_or_else(|| panic!("{} {} is no action", self.method, self.path))
            .roles()
    }

    /// The path below the API's, with names for its parameters.
    pub(crate) fn concrete_path(&self) -> String {
        let path = self.path.strip_prefix("/api/v1").unwrap();
        path.replace("{slug}", "finance")
            .replace("{tool}", "echo")
            .replace("{number}", "1")
            .replace("{name}", "corp2")
            .replace("{id}", "0193a5c4-7b1e-7000-8000-000000000001")
    }
}

pub(crate) fn document() -> Value {
    serde_json::to_value(onedoor_admin::openapi()).unwrap()
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(|(method, description)| Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                description: description.clone(),
            })
    });
    operations.collect()
}

/// Compares a golden file of the repository.
#[track_caller]
pub(crate) fn golden(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name);
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == found,
        "{} has changed; look at the difference after {REWRITE}=1 cargo test",
        path.display()
    );
}

#[test]
fn the_document_is_the_reviewed_one() {
    // Members come in the order of their names, whatever features of serde_json other packages switch on.
    let mut document = document();
    document.sort_all_objects();
    golden(
        "openapi.json",
        &(serde_json::to_string_pretty(&document).unwrap() + "\n"),
    );
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let world = World::new().await;
    let answer = world.call("GET", "/openapi.json").send().await;
    assert_eq!(answer.expect(StatusCode::OK), document());
    assert!(world.refused.take().is_empty());
}

#[test]
fn operations_have_names_of_their_own_and_their_parameters() {
    let mut names = BTreeSet::new();
    for operation in operations() {
        let Operation {
            method,
            path,
            description,
        } = &operation;
        let name = description["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name}");
        assert!(description["summary"].is_string(), "{name}");
        assert!(
            description["tags"].as_array().is_some_and(|tags| tags.len() == 1),
            "{name}: {}",
            description["tags"]
        );
        assert!(description["security"].is_array(), "{name}");
        let parameters: BTreeSet<&str> = description["parameters"]
            .as_array()
            .map(|all| {
                all.iter()
                    .filter_map(|parameter| parameter["name"].as_str())
                    .collect()
            })
            .unwrap_or_default();
        for segment in path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        {
            assert!(parameters.contains(segment), "{name}: {segment}");
        }
        let responses = description["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
        for status in ["401", "403"] {
            assert!(responses.contains_key(status), "{name}: {status}");
        }
        let is_command = *method != "GET" && name != "validateManifest";
        assert_eq!(parameters.contains("Idempotency-Key"), is_command, "{name}");
        assert_eq!(parameters.contains("at_least"), *method == "GET", "{name}");
    }
}

#[test]
fn every_problem_of_the_document_has_the_schema_of_problems() {
    for operation in operations() {
        for (status, response) in operation.description["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(
                    schema["$ref"], "#/components/schemas/Problem",
                    "{} {status}",
                    operation.path
                );
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    gather(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn gather(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("$ref", Value::String(reference)) => references.push(reference.clone()),
                    _ => gather(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
