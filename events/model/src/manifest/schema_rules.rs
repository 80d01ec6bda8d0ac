//! What a tool's schemas must be: JSON Schema 2020-12, whole in itself, of bounded size (MCP 2026-07-28, JSON Schema Usage).

use std::collections::HashSet;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::{
    document::Node,
    faults::{Findings, shown},
    headers,
    schema::{Place, Subschema, subschemas},
};

/// The dialect, with and without the empty fragment; and the one that SDKs of the session revisions still name, whose schemas are judged
/// by the same rules.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2020-12/schema#",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-07/schema#",
];
/// The most subschemas of one schema.
const MAX_SUBSCHEMAS: usize = 10_000;
/// The most bytes of a compiled regular expression.
const MAX_PATTERN: usize = 1 << 20;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Arguments: an object, which may be repeated in headers.
    Input,
    /// A structured result: any JSON value.
    Output,
}

/// Judges the schema of a tool.
pub(super) fn judge(root: &Node<'_>, role: Role, findings: &mut Findings) {
    match role {
        Role::Input => judge_type(root, findings),
        Role::Output => {}
    }
    let all = subschemas(root);
    if all.len() > MAX_SUBSCHEMAS {
        let message = format!("has {} subschemas, {MAX_SUBSCHEMAS} are allowed", all.len());
        findings.unacceptable(root.at, message, "simplify it, or split the tool");
        return;
    }
    let (mut known_dialect, mut local) = (true, true);
    for subschema in &all {
        known_dialect &= judge_dialect(subschema, findings);
        local &= judge_id(subschema, findings);
        if role == Role::Input {
            judge_annotation(subschema, findings);
        }
    }
    local &= judge_references(root, &all, findings);
    if known_dialect && !root.is_broken() {
        judge_meaning(root, &all, local, findings);
    }
}

fn judge_type(root: &Node<'_>, findings: &mut Findings) {
    let hint = "write \"type\": \"object\"; arguments are always an object";
    match root.get("type") {
        Some(node) if node.text() == Some("object") => {}
        Some(node) => findings.unacceptable(node.at, "must be \"object\"", hint),
        None => findings.unacceptable(root.at, "`type` is missing", hint),
    }
}

/// Whether the subschema is of a dialect that is known.
fn judge_dialect(subschema: &Subschema<'_, '_>, findings: &mut Findings) -> bool {
    let Some(node) = subschema.node.get("$schema") else {
        return true;
    };
    let known = node.text().is_some_and(|text| DIALECTS.contains(&text));
    if !known {
        findings.unacceptable(
            node.at,
            format!(
                "{} is not JSON Schema 2020-12",
                shown(node.text().unwrap_or(node.kind()))
            ),
            "write the schema in 2020-12 and leave `$schema` out",
        );
    }
    known
}

/// Whether local references mean places in this schema: an `$id` further in would change that.
fn judge_id(subschema: &Subschema<'_, '_>, findings: &mut Findings) -> bool {
    match subschema.node.get("$id") {
        Some(node) if subschema.place != Place::Root && node.text().is_some() => {
            findings.unacceptable(
                node.at,
                "stands within the schema",
                "name the part under `$defs` instead",
            );
            false
        }
        Some(_) | None => true,
    }
}

fn judge_annotation(subschema: &Subschema<'_, '_>, findings: &mut Findings) {
    let misplaced = match subschema.place {
        Place::Root | Place::Elsewhere => subschema.node.get(headers::KEYWORD),
        Place::Property => None,
    };
    if let Some(node) = misplaced {
        findings.unacceptable(
            node.at,
            "is not on a property that is always at one place",
            headers::HINT,
        );
    }
}

/// Whether every reference leads to a place in this schema. Nothing is ever fetched.
fn judge_references(root: &Node<'_>, all: &[Subschema<'_, '_>], findings: &mut Findings) -> bool {
    let anchors: HashSet<&str> = all
        .iter()
        .flat_map(|subschema| ["$anchor", "$dynamicAnchor"].map(|keyword| subschema.node.get(keyword)))
        .filter_map(|anchor| anchor?.text())
        .collect();
    let mut local = true;
    for subschema in all {
        for node in ["$ref", "$dynamicRef"]
            .into_iter()
            .filter_map(|keyword| subschema.node.get(keyword))
        {
            let Some(reference) = node.text() else { continue };
            let message = match reference.strip_prefix('#') {
                None => format!(
                    "{} leads out of the schema, and Onedoor fetches nothing",
                    shown(reference)
                ),
                Some(fragment) if leads_nowhere(fragment, root, &anchors) => {
                    format!("{} leads nowhere", shown(reference))
                }
                Some(_) => continue,
            };
            findings.unacceptable(
                node.at,
                message,
                "put the part under `$defs` and refer to \"#/$defs/…\"",
            );
            local = false;
        }
    }
    local
}

/// Whether the fragment of a local reference is surely dangling. One that is percent-encoded is left to the library.
fn leads_nowhere(fragment: &str, root: &Node<'_>, anchors: &HashSet<&str>) -> bool {
    let anchored = anchors.contains(fragment);
    let found = if fragment.is_empty() || fragment.starts_with('/') {
        root.find(fragment).is_some()
    } else {
        anchored
    };
    !found && !fragment.contains('%')
}

/// What the library says of the schema: first by the meta-schema, then, if all its references are `local`, by compiling it.
fn judge_meaning(root: &Node<'_>, all: &[Subschema<'_, '_>], local: bool, findings: &mut Findings) {
    let schema: Value = match serde_json::from_str(root.raw.get()) {
        Ok(schema) => schema,
        Err(error) => {
            findings.unacceptable(root.at, format!("cannot be read: {error}"), "use smaller numbers");
            return;
        }
    };
    let mut sound = true;
    for error in jsonschema::draft202012::meta::validator().iter_errors(&schema) {
        sound = false;
        let node = root.find(error.instance_path().as_str()).unwrap_or(root);
        if !findings.is_blamed(node.at) {
            findings.unacceptable(
                node.at,
                format!("is not JSON Schema 2020-12: {error}"),
                "mend the keyword",
            );
        }
    }
    if sound && local && compile(&schema).is_err() {
        judge_parts(root, &schema, all, findings);
    }
}

/// Finds what keeps a schema that is right by the meta-schema from being compiled: a regular expression, or else the whole.
fn judge_parts(root: &Node<'_>, schema: &Value, all: &[Subschema<'_, '_>], findings: &mut Findings) {
    let mut found = false;
    for (node, pattern) in all.iter().flat_map(|subschema| patterns(subschema.node)) {
        if compile(&serde_json::json!({ "pattern": pattern })).is_err() {
            let message = format!(
                "{} is not a regular expression, or too large a one",
                shown(pattern)
            );
            findings.unacceptable(node.at, message, "mend or simplify it");
            found = true;
        }
    }
    if let (false, Err(error)) = (found, compile(schema)) {
        findings.unacceptable(root.at, format!("cannot be compiled: {error}"), "mend the schema");
    }
}

/// The regular expressions of one subschema, each with the node to blame.
fn patterns<'n, 'd>(node: &'n Node<'d>) -> impl Iterator<Item = (&'n Node<'d>, &'n str)> {
    let own = node.get("pattern").and_then(|node| Some((node, node.text()?)));
    let names = node.get("patternProperties").map_or(&[][..], Node::members);
    own.into_iter()
        .chain(names.iter().map(|member| (&member.value, member.name.as_str())))
}

fn compile(schema: &Value) -> Result<Validator, Box<dyn std::error::Error>> {
    let patterns = PatternOptions::fancy_regex().size_limit(MAX_PATTERN);
    let options = jsonschema::draft202012::options()
        .offline()
        .with_pattern_options(patterns);
    Ok(options.build(schema)?)
}
