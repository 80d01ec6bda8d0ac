//! Onedoor's part of the manifest: `_meta["dev.onedoor/server"]`. It is ours, so members it does not know are faults.

use std::{collections::BTreeMap, sync::Arc};

use url::Url;
use uuid::Uuid;

use super::{
    Audience, Eras, Owner, ServerKind, Strategy, Timeouts, Tool,
    document::Node,
    eras,
    faults::{Findings, Reported, shown},
    members::{Members, Rest, Text},
    server_json::bounded,
    timeouts, tools,
};
use crate::ids::{Scope, Slug, ToolName};

const MEMBERS: [&str; 10] = [
    "slug",
    "owner",
    "audience",
    "requiredScope",
    "strategy",
    "healthPath",
    "timeouts",
    "protocolVersions",
    "http",
    "tools",
];

/// Strategies that Onedoor knows of but does not have yet.
const LATER: [&str; 2] = ["token-exchange", "client-credentials"];

const SLUG_HINT: &str = "give a short name for URLs, such as \"finance\"";
const OWNER_HINT: &str = "name the team or person that answers for the server, such as \"finance-platform\"";
const AUDIENCE_HINT: &str =
    "give what the server expects as `aud`: a URI such as \"https://finance.example.com\", or an app's GUID";
const SCOPE_HINT: &str = "give the one scope that the server demands, such as \"finance.read\"";
const STRATEGY_HINT: &str = "write \"gateway-issued\" or \"entra-obo\"";
const HEALTH_HINT: &str = "give a path such as \"/health\", or leave it out";

/// What this part says.
#[derive(Debug)]
pub(super) struct ServerPart {
    pub(super) slug: Slug,
    pub(super) owner: Owner,
    pub(super) audience: Audience,
    pub(super) required_scope: Scope,
    pub(super) strategy: Strategy,
    pub(super) health_path: Option<String>,
    pub(super) eras: Option<Eras>,
    pub(super) timeouts: Timeouts,
    pub(super) tools: BTreeMap<ToolName, Arc<Tool>>,
}

pub(super) fn read(
    node: &Node<'_>,
    kind: ServerKind,
    findings: &mut Findings,
) -> Result<ServerPart, Reported> {
    let members = Members::of(
        node,
        "give slug, owner, audience, requiredScope, strategy and tools",
        findings,
    )?;
    members.judge_rest(&MEMBERS, Rest::Closed, findings);
    let slug = slug(members, findings);
    let owner = owner(members, findings);
    let audience = audience(members, findings);
    let required_scope = scope(members, findings);
    let strategy = strategy(members, findings);
    let health_path = health_path(members, findings);
    let eras = eras::read(members, kind, findings);
    let timeouts = timeouts::read(members, findings);
    let tools = tools::read(members, slug.as_ref().ok(), kind, findings);
    Ok(ServerPart {
        slug: slug?,
        owner: owner?,
        audience: audience?,
        required_scope: required_scope?,
        strategy: strategy?,
        health_path,
        eras,
        timeouts: timeouts?,
        tools: tools?,
    })
}

fn slug(members: Members<'_, '_>, findings: &mut Findings) -> Result<Slug, Reported> {
    let Text { at, text } = members.required_text("slug", SLUG_HINT, findings)?;
    Slug::new(text).map_err(|invalid| {
        findings.unreadable(
            at,
            format!("{} is not a slug: {}", shown(text), invalid.rule),
            SLUG_HINT,
        )
    })
}

fn scope(members: Members<'_, '_>, findings: &mut Findings) -> Result<Scope, Reported> {
    let Text { at, text } = members.required_text("requiredScope", SCOPE_HINT, findings)?;
    Scope::new(text).map_err(|invalid| {
        findings.unreadable(
            at,
            format!("{} is not a scope: {}", shown(text), invalid.rule),
            SCOPE_HINT,
        )
    })
}

fn owner(members: Members<'_, '_>, findings: &mut Findings) -> Result<Owner, Reported> {
    let text = members.required_text("owner", OWNER_HINT, findings)?;
    if text.text.contains(char::is_control) {
        findings.unacceptable(text.at, "has control characters", OWNER_HINT);
    }
    Ok(Owner(bounded(text, 256, OWNER_HINT, findings)))
}

fn audience(members: Members<'_, '_>, findings: &mut Findings) -> Result<Audience, Reported> {
    let Text { at, text } = members.required_text("audience", AUDIENCE_HINT, findings)?;
    if !is_audience(text) {
        findings.unacceptable(
            at,
            format!("{} is neither a URI without fragment nor a GUID", shown(text)),
            AUDIENCE_HINT,
        );
    }
    Ok(Audience(text.to_owned()))
}

fn is_audience(text: &str) -> bool {
    let plain = text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic());
    plain
        && (Uuid::try_parse(text).is_ok()
            || Url::parse(text).is_ok_and(|uri| uri.fragment().is_none() && !text.ends_with(':')))
}

fn strategy(members: Members<'_, '_>, findings: &mut Findings) -> Result<Strategy, Reported> {
    let Text { at, text } = members.required_text("strategy", STRATEGY_HINT, findings)?;
    if let Some(strategy) = Strategy::ALL
        .into_iter()
        .find(|strategy| strategy.as_str() == text)
    {
        return Ok(strategy);
    }
    let message = if LATER.contains(&text) {
        format!("{} is not available in this version of Onedoor", shown(text))
    } else {
        format!(
            "{} is not a strategy; there is {}",
            shown(text),
            Strategy::ALL.map(Strategy::as_str).join(", ")
        )
    };
    Err(findings.unreadable(at, message, STRATEGY_HINT))
}

fn health_path(members: Members<'_, '_>, findings: &mut Findings) -> Option<String> {
    let Text { at, text } = members.optional_text("healthPath", HEALTH_HINT, findings)?;
    if !is_plain_path(text) {
        findings.unacceptable(at, format!("{} is not a plain path", shown(text)), HEALTH_HINT);
    }
    Some(text.to_owned())
}

/// Whether a text, put behind an origin, is exactly the path of the URL that comes out.
fn is_plain_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && Url::parse(&format!("https://server.invalid{text}"))
            .is_ok_and(|url| url.path() == text && url.query().is_none() && url.fragment().is_none())
}
