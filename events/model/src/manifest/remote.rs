//! Where the server is: the one `streamable-http` remote.

use url::Url;

use super::{
    address,
    document::{Json, Node},
    faults::{Findings, Reported, shown},
    members::{Members, Rest, items},
    shape::{Shape, optional},
};

const TYPE: &str = "streamable-http";
const SSE: &str = "sse";
const REMOTES_HINT: &str = "give one remote, {\"type\": \"streamable-http\", \"url\": \"https://…/mcp\"}";
const URL_HINT: &str = "give the server's MCP endpoint, such as \"https://finance.example.com/mcp\"";

/// A variable of a URL or header, or a header (`Input` and `KeyValueInput` in one).
const INPUT: Shape = Shape::Object(
    &[
        optional("name", Shape::Text),
        optional("description", Shape::Text),
        optional("isRequired", Shape::Flag),
        optional(
            "format",
            Shape::OneOf(&["string", "number", "boolean", "filepath"]),
        ),
        optional("value", Shape::Text),
        optional("isSecret", Shape::Flag),
        optional("default", Shape::Text),
        optional("placeholder", Shape::Text),
        optional("choices", Shape::List(&Shape::Text)),
        optional("variables", Shape::Map(&Shape::AnyObject)),
    ],
    Rest::Open,
);

const REMOTE: Shape = Shape::Object(
    &[
        optional("type", Shape::Elsewhere),
        optional("url", Shape::Elsewhere),
        optional("headers", Shape::List(&INPUT)),
        optional("variables", Shape::Map(&INPUT)),
    ],
    Rest::Open,
);

/// The endpoint of the server.
pub(super) fn read(members: Members<'_, '_>, findings: &mut Findings) -> Result<Url, Reported> {
    let Some(remotes) = members.get("remotes") else {
        return Err(none(members, findings));
    };
    let items = items(remotes, REMOTES_HINT, findings)?;
    items.iter().for_each(|item| REMOTE.check(item, findings));
    let mut usable = items.iter().filter(|item| remote_type(item) == Some(TYPE));
    let Some(used) = usable.next() else {
        return Err(unusable(remotes, findings));
    };
    for other in items
        .iter()
        .filter(|item| !matches!(remote_type(item), Some(TYPE | SSE)))
    {
        let place = other.get("type").unwrap_or(other);
        if !findings.is_blamed(place.at) {
            let hint = format!("write {TYPE} or {SSE}, or remove it");
            findings.unacceptable(place.at, "has no known `type`", hint);
        }
    }
    for more in usable {
        findings.unacceptable(
            more.at,
            format!("is a second `{TYPE}` remote"),
            "keep the one that Onedoor is to call; register another server for the other",
        );
    }
    endpoint(used, findings)
}

fn remote_type<'n>(remote: &'n Node<'_>) -> Option<&'n str> {
    remote.get("type").and_then(Node::text)
}

fn none(members: Members<'_, '_>, findings: &mut Findings) -> Reported {
    let message = if members.get("packages").is_some() {
        "has packages but no remote: Onedoor calls servers, it does not start them"
    } else {
        "`remotes` is missing"
    };
    findings.unreadable(members.at, message, REMOTES_HINT)
}

fn unusable(remotes: &Node<'_>, findings: &mut Findings) -> Reported {
    let only_sse = remotes
        .items()
        .iter()
        .any(|remote| remote_type(remote) == Some(SSE));
    let message = if only_sse {
        "has only `sse` remotes, a transport that MCP has deprecated and Onedoor does not speak".to_owned()
    } else {
        format!("has no `{TYPE}` remote")
    };
    findings.unreadable(remotes.at, message, REMOTES_HINT)
}

fn endpoint(remote: &Node<'_>, findings: &mut Findings) -> Result<Url, Reported> {
    let members = Members::of(remote, REMOTES_HINT, findings)?;
    for header in members.get("headers").map_or(&[][..], Node::items) {
        refuse_header(header, findings);
    }
    address::read(members, URL_HINT, findings)
}

/// Onedoor writes every header of an upstream request itself, so a header that the server cannot do without cannot be served.
fn refuse_header(header: &Node<'_>, findings: &mut Findings) {
    let set = |name: &str| matches!(header.get(name).map(|node| &node.json), Some(Json::Flag(true)));
    let demand = if set("isRequired") {
        "is required"
    } else if set("isSecret") {
        "holds a secret"
    } else if header.get("value").is_some() {
        "has a fixed value"
    } else {
        return;
    };
    let name = header.get("name").and_then(Node::text).unwrap_or_default();
    findings.unacceptable(
        header.at,
        format!(
            "the header {} {demand}, and Onedoor sends only its own headers",
            shown(name)
        ),
        "have the server work without it: a call carries Token B in `Authorization`",
    );
}
