//! Where a plain HTTP service is: the member `http` of Onedoor's part.

use url::Url;

use super::{
    address,
    document::Node,
    faults::{Findings, Reported},
    members::{Members, Rest},
    shape::Shape,
};

const HINT: &str = "give the service's base URL, {\"url\": \"https://rates.example.com/v1\"}";

/// The base URL, below which are the paths of all tools.
pub(super) fn read(
    node: &Node<'_>,
    official: Members<'_, '_>,
    findings: &mut Findings,
) -> Result<Url, Reported> {
    if let Some(remotes) = official.get("remotes") {
        Shape::List(&Shape::AnyObject).check(remotes, findings);
        for remote in remotes.items() {
            findings.unacceptable(
                remote.at,
                "is a remote, which a plain HTTP service does not have",
                "remove it, or remove `http` from Onedoor's part: an MCP server is registered by itself",
            );
        }
    }
    let members = Members::of(node, HINT, findings)?;
    members.judge_rest(&["url"], Rest::Closed, findings);
    address::read(members, HINT, findings)
}
