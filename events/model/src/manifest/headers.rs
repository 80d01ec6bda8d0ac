//! `x-mcp-header`: arguments that a client repeats in HTTP headers (MCP 2026-07-28, Streamable HTTP, Schema Extension).

use std::collections::HashSet;

use super::{
    document::{Json, Node},
    faults::{Findings, shown},
};

/// The keyword.
pub(super) const KEYWORD: &str = "x-mcp-header";
pub(super) const HINT: &str = "annotate a property that is reached from the root through `properties` alone, such as {\"type\": \"string\", \"x-mcp-header\": \"Region\"}";

/// An argument that is repeated in the header `Mcp-Param-{name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpHeader {
    /// What follows `Mcp-Param-`: a token (RFC 9110 §5.6.2), the only one of its kind in the tool whatever its case.
    pub name: String,
    /// The members that lead from `arguments` to the value.
    pub path: Vec<String>,
    /// What the value is.
    pub kind: HeaderKind,
}

/// What an argument is that is repeated in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderKind {
    /// JSON text.
    String,
    /// A whole number between −2⁵³+1 and 2⁵³−1.
    Integer,
    /// True or false.
    Boolean,
}

/// The annotations of an input schema along chains of `properties`. Anywhere else they are faults, which
/// [`super::schema_rules`] finds. One at fault is left out: MCP has clients drop a tool that holds one.
pub(super) fn read(schema: &Node<'_>, findings: &mut Findings) -> Vec<McpHeader> {
    let mut walk = Walk {
        headers: Vec::new(),
        names: HashSet::new(),
        path: Vec::new(),
        findings,
    };
    walk.properties(schema);
    walk.headers
}

struct Walk<'f> {
    headers: Vec<McpHeader>,
    /// In lower case.
    names: HashSet<String>,
    path: Vec<String>,
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn properties(&mut self, schema: &Node<'_>) {
        let Some(properties) = schema.get("properties") else {
            return;
        };
        for property in properties.members() {
            self.path.push(property.name.clone());
            if let Some(annotation) = property.value.get(KEYWORD)
                && let Some(header) = self.header(annotation, &property.value)
            {
                self.headers.push(header);
            }
            self.properties(&property.value);
            self.path.pop();
        }
    }

    fn header(&mut self, annotation: &Node<'_>, property: &Node<'_>) -> Option<McpHeader> {
        let Json::Text(name) = &annotation.json else {
            let message = format!("must be text, not {}", annotation.kind());
            self.findings.unacceptable(annotation.at, message, HINT);
            return None;
        };
        if !is_token(name) {
            let message = format!("{} is not the name of a header", shown(name));
            self.findings
                .unacceptable(annotation.at, message, "use letters, digits and hyphens");
            return None;
        }
        if !self.names.insert(name.to_ascii_lowercase()) {
            let message = format!(
                "{} is taken by another property; case does not count",
                shown(name)
            );
            self.findings
                .unacceptable(annotation.at, message, "give each property its own header");
            return None;
        }
        let Some(kind) = kind(property) else {
            self.findings.unacceptable(
                annotation.at,
                "is on a property whose `type` is not string, integer or boolean",
                "give the property one of these types, or remove the annotation",
            );
            return None;
        };
        Some(McpHeader {
            name: name.clone(),
            path: self.path.clone(),
            kind,
        })
    }
}

fn kind(property: &Node<'_>) -> Option<HeaderKind> {
    match property.get("type")?.text()? {
        "string" => Some(HeaderKind::String),
        "integer" => Some(HeaderKind::Integer),
        "boolean" => Some(HeaderKind::Boolean),
        _ => None,
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(tchar)
}
