//! The ownership rule: which servers are a `Tool.Owner`'s own. Pure.

use onedoor_model::{
    manifest::Owner,
    principal::Principal,
    registry::{Server, ServerVersion},
};

/// Whether an owner, as a manifest names it, is this caller: by its user id, its client id or one of its groups.
#[must_use]
pub(crate) fn is_owner(principal: &Principal, owner: &Owner) -> bool {
    let owner = owner.as_str();
    principal.user.as_ref().is_some_and(|user| user.as_str() == owner)
        || principal.client.as_str() == owner
        || principal.groups.contains(owner)
}

/// Whether a server is this caller's own.
#[must_use]
pub(crate) fn owns(principal: &Principal, server: &Server) -> bool {
    present_owner(server).is_some_and(|owner| is_owner(principal, owner))
}

/// Who answers for a server now: the owner in its newest approved version, as who owns a server is part of what is approved. Before
/// any approval, the owner in the version submitted last.
#[must_use]
pub(crate) fn present_owner(server: &Server) -> Option<&Owner> {
    let approved = server
        .versions
        .values()
        .rev()
        .find(|version| version.approved.is_some());
    approved.or_else(|| server.latest()).map(|version| owner(version))
}

fn owner(version: &ServerVersion) -> &Owner {
    &version.manifest.owner
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onedoor_model::{
        ids::{GroupId, Offset, ServerId, VersionNumber},
        manifest::{self, Manifest},
        registry::Touch,
    };
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::testing::principal;

    fn owned_by(owner: &str) -> Manifest {
        let text = json!({
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "com.example/finance",
            "description": "A server of a test",
            "version": "1.0.0",
            "remotes": [{ "type": "streamable-http", "url": "https://finance.example.com/mcp" }],
            "_meta": { "dev.onedoor/server": {
                "slug": "finance", "owner": owner, "audience": "api://finance", "requiredScope": "call",
                "strategy": "gateway-issued",
                "tools": [{ "name": "echo", "description": "Says it again", "inputSchema": { "type": "object" } }],
            } },
        });
        manifest::read(text.to_string().as_bytes()).unwrap()
    }

    fn touch() -> Touch {
        Touch {
            what: "ServerUpdated",
            revision: Offset(1),
            time: jiff::Timestamp::UNIX_EPOCH,
            actor: None,
            reason: None,
        }
    }

    /// A server whose versions name these owners, approved or not.
    fn server(versions: &[(&str, bool)]) -> Server {
        let numbered = (1..).map(VersionNumber).zip(versions);
        let versions = numbered.map(|(number, (owner, approved))| {
            let version = ServerVersion {
                number,
                manifest: owned_by(owner),
                manifest_text: String::new(),
                submitted: touch(),
                approved: approved.then(touch),
            };
            (number, Arc::new(version))
        });
        Server {
            id: ServerId(Uuid::nil()),
            slug: "finance".parse().unwrap(),
            versions: versions.collect(),
            production: None,
            disabled: None,
            disabled_tools: Default::default(),
            retired: None,
            registered: touch(),
            changed: touch(),
        }
    }

    #[test]
    fn an_owner_is_a_user_a_client_or_a_group() {
        let mut caller = principal(&["Tool.Owner"]);
        caller.groups = ["g1", "g2"]
            .into_iter()
            .map(|group| GroupId::new(group).unwrap())
            .collect();
        for (owner, is) in [
            ("u1", true),
            ("cli", true),
            ("g1", true),
            ("g2", true),
            ("g3", false),
            ("U1", false),
            ("u", false),
            ("t1", false),
            ("corp", false),
            ("Tool.Owner", false),
        ] {
            assert_eq!(is_owner(&caller, &owned_by(owner).owner), is, "{owner}");
        }
        caller.user = None;
        assert!(!is_owner(&caller, &owned_by("u1").owner));
    }

    #[test]
    fn an_owner_changes_with_an_approval() {
        for (versions, owner) in [
            (&[("ann", false)][..], "ann"),
            (&[("ann", true)], "ann"),
            (&[("ann", false), ("bob", false)], "bob"),
            (&[("ann", true), ("bob", false)], "ann"),
            (&[("ann", true), ("bob", true)], "bob"),
            (&[("ann", false), ("bob", true)], "bob"),
            (&[("ann", true), ("bob", true), ("cai", false)], "bob"),
        ] {
            assert_eq!(
                present_owner(&server(versions)).unwrap().as_str(),
                owner,
                "{versions:?}"
            );
        }
    }

    #[test]
    fn a_version_alone_takes_no_server_over() {
        assert!(!owns(&principal(&[]), &server(&[("ann", true), ("u1", false)])));
        assert!(owns(&principal(&[]), &server(&[("u1", true), ("ann", false)])));
    }
}
