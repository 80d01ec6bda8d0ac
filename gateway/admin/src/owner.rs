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
