//! URLs at which servers are called.

use url::Url;

use super::{
    document::At,
    faults::{Findings, Reported, shown},
    members::{Members, Text},
};

/// What is wrong with a URL template, and the way out.
const VARIABLES: (&str, &str) = ("has `{variables}` left", "put in their values");

/// The member `url`: http or https, with a host.
pub(super) fn read(members: Members<'_, '_>, hint: &str, findings: &mut Findings) -> Result<Url, Reported> {
    let Text { at, text } = members.required_text("url", hint, findings)?;
    let url = Url::parse(text).map_err(|error| {
        let (message, hint) = if has_variables(text) {
            (VARIABLES.0.to_owned(), VARIABLES.1)
        } else {
            (format!("{} is not a URL: {error}", shown(text)), hint)
        };
        findings.unreadable(at, message, hint)
    })?;
    // For these two schemes the `url` crate demands a host.
    if !matches!(url.scheme(), "https" | "http") {
        let message = format!("{} is neither https nor http", shown(text));
        return Err(findings.unreadable(at, message, hint));
    }
    judge(at, text, &url, findings);
    Ok(url)
}

fn has_variables(url: &str) -> bool {
    url.contains(['{', '}'])
}

fn judge(at: At, text: &str, url: &Url, findings: &mut Findings) {
    if has_variables(text) {
        findings.unacceptable(at, VARIABLES.0, VARIABLES.1);
        return;
    }
    if !url.username().is_empty() || url.password().is_some() {
        findings.unacceptable(
            at,
            "holds a user name or a password",
            "remove them: a call carries Token B, and a manifest is kept for ever",
        );
    }
    if url.fragment().is_some() {
        findings.unacceptable(
            at,
            "has a fragment, which is never sent",
            "remove what follows `#`",
        );
    }
    if url.query().is_some() {
        findings.unacceptable(
            at,
            "has a query: what is approved is an address, and queries often hold keys",
            "give the server an address without a query",
        );
    }
    // What an approver reads must be what is called: no `\`, `..`, hidden line break or look-alike host.
    let normal = url.as_str();
    if normal != text && normal.strip_suffix('/') != Some(text) {
        findings.unacceptable(
            at,
            format!("{} is not written in normal form", shown(text)),
            format!("write {}", shown(normal)),
        );
    }
}
