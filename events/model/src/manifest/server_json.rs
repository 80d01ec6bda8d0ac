//! The official part: `server.json`, schema 2025-12-11.
//!
//! Source: <https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json>.

use super::{
    META_KEY, Manifest, ServerKind,
    document::Node,
    faults::{Findings, Reported, shown},
    members::{Members, Rest, Text},
    remote, server_part, service,
    shape::{Field, Shape, optional, required},
};
use crate::ids::Digest;

/// The `$schema` of the one version of `server.json` that Onedoor knows.
const SCHEMA: &str = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

const MEMBERS: [&str; 11] = [
    "$schema",
    "name",
    "title",
    "description",
    "version",
    "websiteUrl",
    "icons",
    "repository",
    "packages",
    "remotes",
    "_meta",
];

const WEB: &[&str] = &["https", "http"];

/// Members that are kept but not used.
const KEPT: [(&str, Shape); 4] = [
    ("websiteUrl", Shape::Url(WEB)),
    ("icons", Shape::List(&Shape::Object(ICON, Rest::Open))),
    ("repository", Shape::Object(REPOSITORY, Rest::Open)),
    ("packages", Shape::List(&Shape::Object(PACKAGE, Rest::Open))),
];

/// An icon of a server or a tool. Clients refuse other schemes (MCP 2026-07-28, Icons).
pub(super) const ICON: &[Field] = &[
    required("src", Shape::Url(&["https", "data"])),
    optional("mimeType", Shape::Text),
    optional("sizes", Shape::List(&Shape::Text)),
    optional("theme", Shape::OneOf(&["light", "dark"])),
];

const REPOSITORY: &[Field] = &[
    required("url", Shape::Url(WEB)),
    required("source", Shape::Text),
    optional("id", Shape::Text),
    optional("subfolder", Shape::Text),
];

const PACKAGE: &[Field] = &[
    required("registryType", Shape::Text),
    required("identifier", Shape::Text),
    required("transport", Shape::AnyObject),
    optional("version", Shape::Text),
    optional("registryBaseUrl", Shape::Text),
    optional("runtimeHint", Shape::Text),
    optional("runtimeArguments", Shape::List(&Shape::AnyObject)),
    optional("packageArguments", Shape::List(&Shape::AnyObject)),
    optional("environmentVariables", Shape::List(&Shape::AnyObject)),
    optional("fileSha256", Shape::Text),
];

const NAME_HINT: &str = "name it in reverse-DNS form, such as \"com.example/finance\"";
const DESCRIPTION_HINT: &str = "say in 1 to 100 characters what the server does";
const VERSION_HINT: &str = "give one version, such as \"1.0.2\"";
const TITLE_HINT: &str = "give a name for people of 1 to 100 characters, or leave it out";

pub(super) fn read(root: &Node<'_>, digest: Digest, findings: &mut Findings) -> Result<Manifest, Reported> {
    let members = Members::of(root, "submit a `server.json`", findings)?;
    members.judge_rest(&MEMBERS, Rest::Open, findings);
    check_kept(members, findings);

    let name = name(members, findings);
    let description = members
        .required_text("description", DESCRIPTION_HINT, findings)
        .map(|text| bounded(text, 100, DESCRIPTION_HINT, findings));
    let title = members
        .optional_text("title", TITLE_HINT, findings)
        .map(|text| bounded(text, 100, TITLE_HINT, findings));
    let version = version(members, findings);
    let part = part(members, findings);
    let (kind, url) = match part.ok().and_then(|node| node.get("http")) {
        Some(node) => (ServerKind::Http, service::read(node, members, findings)),
        None => (ServerKind::Mcp, remote::read(members, findings)),
    };
    let part = part.and_then(|node| server_part::read(node, kind, findings));

    let (url, part) = (url?, part?);
    Ok(Manifest {
        name: name?,
        title,
        description: description?,
        version: version?,
        slug: part.slug,
        owner: part.owner,
        kind,
        url,
        audience: part.audience,
        required_scope: part.required_scope,
        strategy: part.strategy,
        health_path: part.health_path,
        eras: part.eras,
        timeouts: part.timeouts,
        tools: part.tools,
        digest,
    })
}

fn check_kept(members: Members<'_, '_>, findings: &mut Findings) {
    if let Some(Text { at, text }) = members.optional_text("$schema", "leave it out", findings)
        && text != SCHEMA
    {
        findings.unacceptable(
            at,
            format!("{} is not a known schema", shown(text)),
            format!("write the manifest by {SCHEMA}"),
        );
    }
    for (name, shape) in &KEPT {
        if let Some(node) = members.get(name) {
            shape.check(node, findings);
        }
    }
}

fn name(members: Members<'_, '_>, findings: &mut Findings) -> Result<String, Reported> {
    let Text { at, text } = members.required_text("name", NAME_HINT, findings)?;
    let (namespace, own) = text.split_once('/').unwrap_or((text, ""));
    let made_of = |part: &str, more: &[u8]| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    if !made_of(namespace, b".-") || !made_of(own, b"._-") || text.len() > 200 {
        findings.unacceptable(
            at,
            format!(
                "{} is not a server name: namespace/name, 3 to 200 characters",
                shown(text)
            ),
            NAME_HINT,
        );
    }
    Ok(text.to_owned())
}

fn version(members: Members<'_, '_>, findings: &mut Findings) -> Result<String, Reported> {
    let text = members.required_text("version", VERSION_HINT, findings)?;
    if is_range(text.text) {
        findings.unacceptable(text.at, format!("{} is a range", shown(text.text)), VERSION_HINT);
    }
    Ok(bounded(text, 255, VERSION_HINT, findings))
}

/// Whether a text stands for more than one version (`^1.2.3`, `>=1.2.3`, `1.x`, `1.*`, `latest`).
fn is_range(version: &str) -> bool {
    version.starts_with(['^', '~', '<', '>', '='])
        || version == "latest"
        || version.split('.').any(|part| matches!(part, "x" | "X" | "*"))
}

/// A text that must have something to read and no more than so many characters.
pub(super) fn bounded(text: Text<'_>, most: usize, hint: &str, findings: &mut Findings) -> String {
    let Text { at, text } = text;
    let length = text.chars().count();
    if text.trim().is_empty() {
        findings.unacceptable(at, "is empty", hint);
    } else if length > most {
        findings.unacceptable(at, format!("has {length} characters, {most} are allowed"), hint);
    }
    text.to_owned()
}

/// Onedoor's part.
fn part<'n, 'd>(members: Members<'n, 'd>, findings: &mut Findings) -> Result<&'n Node<'d>, Reported> {
    let hint =
        format!("add `_meta` with `{META_KEY}`: slug, owner, audience, requiredScope, strategy, tools");
    let meta = Members::of(members.required("_meta", &hint, findings)?, &hint, findings)?;
    meta.judge_rest(&[META_KEY], Rest::Open, findings);
    meta.required(META_KEY, &hint, findings)
}
