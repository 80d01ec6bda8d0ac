//! The tools that a manifest declares, each as its MCP definition (MCP 2026-07-28, Tool).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    MAX_TOOLS, ServerKind, Tool, canonical,
    document::{At, Node},
    faults::{Findings, Reported, shown},
    headers,
    members::{Members, Rest, Text, items},
    route::{self, Route, Routes},
    schema_rules::{self, Role},
    server_json::{ICON, bounded},
    shape::{Shape, optional},
};
use crate::ids::{Slug, ToolName};

/// The most characters of a full tool name, `slug__tool` (MCP 2026-07-28, Tool Names).
const MAX_FULL_NAME: usize = 128;

const MEMBERS: [&str; 10] = [
    "name",
    "title",
    "description",
    "icons",
    "inputSchema",
    "outputSchema",
    "annotations",
    "execution",
    "_meta",
    "http",
];

const ANNOTATIONS: Shape = Shape::Object(
    &[
        optional("title", Shape::Text),
        optional("readOnlyHint", Shape::Flag),
        optional("destructiveHint", Shape::Flag),
        optional("idempotentHint", Shape::Flag),
        optional("openWorldHint", Shape::Flag),
    ],
    Rest::Closed,
);

/// Members that are kept within the definition but not used.
const KEPT: [(&str, Shape); 4] = [
    ("icons", Shape::List(&Shape::Object(ICON, Rest::Closed))),
    ("annotations", ANNOTATIONS),
    // MCP 2025-11-25: whether it can be called as a task, which the door does not pass on.
    ("execution", Shape::AnyObject),
    ("_meta", Shape::AnyObject),
];

const TOOLS_HINT: &str = "list the tools as the server's own `tools/list` does";
const NAME_HINT: &str = "name the tool as the server does, such as \"get_balance\"";
const TITLE_HINT: &str = "give a name for people of 1 to 256 characters, or leave it out";
const DESCRIPTION_HINT: &str = "say what the tool does: people and models choose by it";
const INPUT_HINT: &str = "give a JSON Schema; for a tool without arguments {\"type\": \"object\", \"additionalProperties\": false}";
const OUTPUT_HINT: &str = "give a JSON Schema, or leave it out";

pub(super) fn read(
    part: Members<'_, '_>,
    slug: Option<&Slug>,
    kind: ServerKind,
    findings: &mut Findings,
) -> Result<BTreeMap<ToolName, Arc<Tool>>, Reported> {
    let node = part.required("tools", TOOLS_HINT, findings)?;
    let items = items(node, TOOLS_HINT, findings)?;
    if items.is_empty() {
        findings.unacceptable(node.at, "is empty", "declare at least one tool");
    }
    if items.len() > MAX_TOOLS {
        let message = format!("has {} tools, {MAX_TOOLS} are allowed", items.len());
        findings.unacceptable(node.at, message, "split the server in two");
    }
    let mut met = Met {
        kind,
        names: Names {
            slug,
            alike: HashMap::new(),
        },
        routes: Routes::default(),
    };
    let tools: Vec<Result<Tool, Reported>> =
        items.iter().map(|item| tool(item, &mut met, findings)).collect();
    tools
        .into_iter()
        .map(|tool| tool.map(|tool| (tool.name.clone(), Arc::new(tool))))
        .collect()
}

fn tool(node: &Node<'_>, met: &mut Met<'_>, findings: &mut Findings) -> Result<Tool, Reported> {
    let members = Members::of(node, TOOLS_HINT, findings)?;
    members.judge_rest(&MEMBERS, Rest::Closed, findings);
    for (name, shape) in &KEPT {
        if let Some(node) = members.get(name) {
            shape.check(node, findings);
        }
    }
    let name = met.names.read(members, findings);
    let description = description(members, findings);
    let title = members
        .optional_text("title", TITLE_HINT, findings)
        .map(|text| bounded(text, 256, TITLE_HINT, findings));
    let annotations = members.get("annotations");
    let annotated_title = annotations
        .and_then(|node| node.get("title"))
        .and_then(Node::text);
    let input = input_schema(members, findings);
    let mcp_headers = input.map(|schema| headers::read(schema, findings));
    let output = output_schema(members, findings);
    let route = route(members, met.kind, findings);

    let (name, output, route) = (name?, output?, route?);
    if let Some(route) = &route {
        met.routes.add(route::place(node), &name, route, findings);
    }
    Ok(Tool {
        name,
        title: title.or_else(|| annotated_title.map(str::to_owned)),
        description: description?,
        input_schema: input?.raw.to_owned(),
        output_schema: output.map(|node| node.raw.to_owned()),
        annotations: annotations.map(|node| node.raw.to_owned()),
        definition: node.raw.to_owned(),
        digest: canonical::digest(node),
        mcp_headers: mcp_headers?,
        route,
    })
}

fn route(
    members: Members<'_, '_>,
    kind: ServerKind,
    findings: &mut Findings,
) -> Result<Option<Route>, Reported> {
    match (kind, members.get("http")) {
        (ServerKind::Http, _) => route::read(members, findings).map(Some),
        (ServerKind::Mcp, Some(node)) => {
            findings.unacceptable(
                node.at,
                "is for tools of a plain HTTP service, and this is an MCP server",
                "remove it",
            );
            Ok(None)
        }
        (ServerKind::Mcp, None) => Ok(None),
    }
}

fn description(members: Members<'_, '_>, findings: &mut Findings) -> Result<String, Reported> {
    let Text { at, text } = members.required_text("description", DESCRIPTION_HINT, findings)?;
    if text.trim().is_empty() {
        findings.unacceptable(at, "is empty", DESCRIPTION_HINT);
    }
    Ok(text.to_owned())
}

fn input_schema<'n, 'd>(members: Members<'n, 'd>, findings: &mut Findings) -> Result<&'n Node<'d>, Reported> {
    let node = members.required("inputSchema", INPUT_HINT, findings)?;
    Members::of(node, INPUT_HINT, findings)?;
    if findings.hold_all_rules() {
        schema_rules::judge(node, Role::Input, findings);
    }
    Ok(node)
}

fn output_schema<'n, 'd>(
    members: Members<'n, 'd>,
    findings: &mut Findings,
) -> Result<Option<&'n Node<'d>>, Reported> {
    let Some(node) = members.get("outputSchema") else {
        return Ok(None);
    };
    Members::of(node, OUTPUT_HINT, findings)?;
    if findings.hold_all_rules() {
        schema_rules::judge(node, Role::Output, findings);
    }
    Ok(Some(node))
}

/// What the tools so far have taken.
struct Met<'s> {
    kind: ServerKind,
    names: Names<'s>,
    routes: Routes,
}

/// The names met so far.
struct Names<'s> {
    slug: Option<&'s Slug>,
    /// By what is left of a name when it is easily mistaken for another.
    alike: HashMap<String, Vec<ToolName>>,
}

impl Names<'_> {
    fn read(&mut self, members: Members<'_, '_>, findings: &mut Findings) -> Result<ToolName, Reported> {
        let Text { at, text } = members.required_text("name", NAME_HINT, findings)?;
        let name = ToolName::new(text).map_err(|invalid| {
            findings.unreadable(
                at,
                format!("{} is not a tool name: {}", shown(text), invalid.rule),
                NAME_HINT,
            )
        })?;
        let alike = self.alike.entry(easily_mistaken(text)).or_default();
        if alike.contains(&name) {
            let message = format!("{} is declared twice", shown(text));
            return Err(findings.unreadable(at, message, "keep one of the two"));
        }
        if let Some(other) = alike.first() {
            findings.unacceptable(
                at,
                format!(
                    "{} is too like {}: people and models confuse them",
                    shown(text),
                    shown(other.as_str())
                ),
                "rename one of the two in the server, or leave it out",
            );
        }
        alike.push(name.clone());
        if let Some(slug) = self.slug {
            judge_full_name(slug, &name, at, findings);
        }
        Ok(name)
    }
}

/// Two names that are the same after this must not stand side by side: models mistake case, and clients whose own rules are narrower
/// than MCP's write `_` for `.` and `-`.
fn easily_mistaken(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

/// A full name is unambiguous whatever the tool's name holds, `__` too, as a slug holds no `_`.
fn judge_full_name(slug: &Slug, name: &ToolName, at: At, findings: &mut Findings) {
    let length = slug.as_str().len() + "__".len() + name.as_str().len();
    if length > MAX_FULL_NAME {
        findings.unacceptable(
            at,
            format!("the full name `{slug}__…` has {length} characters, {MAX_FULL_NAME} are allowed"),
            "shorten the slug or the tool's name",
        );
    }
}
