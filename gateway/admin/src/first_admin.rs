//! Callers whom the bootstrap file makes administrators: so that an installation has a first one where its identity provider gives no
//! admin roles yet, or not to the right people. Pure.

use std::fmt;

use onedoor_model::{
    ids::{AppRole, GroupId, IssuerName, TenantId, UserId},
    principal::Principal,
};

use crate::action::Role;

/// Whoever has this claim holds [`FirstAdmin::ROLES`] on the admin plane, beside the roles of the token. It says nothing of the data
/// plane, and a block keeps a first admin out as anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAdmin {
    /// The trusted issuer whose word counts.
    pub issuer: IssuerName,
    /// The tenant at it.
    pub tenant: TenantId,
    /// What the token must say.
    pub claim: AdminClaim,
}

/// The claim by which a first admin is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminClaim {
    /// A user, by object id (`oid`, else `sub`).
    User(UserId),
    /// Members of a directory group.
    Group(GroupId),
    /// Holders of an app role.
    Role(AppRole),
}

impl FirstAdmin {
    /// The roles it holds: together all that is needed to set up an installation.
    pub const ROLES: [Role; 2] = [Role::RegistryAdmin, Role::SecurityAdmin];

    /// Whether a caller is meant.
    #[must_use]
    pub fn is(&self, principal: &Principal) -> bool {
        let claims = match &self.claim {
            AdminClaim::User(user) => principal.user.as_ref() == Some(user),
            AdminClaim::Group(group) => principal.groups.contains(group),
            AdminClaim::Role(role) => principal.roles.contains(role),
        };
        claims && self.issuer == principal.issuer && self.tenant == principal.tenant
    }
}

impl fmt::Display for FirstAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, tenant, .. } = self;
        match &self.claim {
            AdminClaim::User(user) => write!(f, "user {user} of {issuer}/{tenant}"),
            AdminClaim::Group(group) => write!(f, "group {group} of {issuer}/{tenant}"),
            AdminClaim::Role(role) => write!(f, "role {role} of {issuer}/{tenant}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::principal;

    fn first(claim: AdminClaim) -> FirstAdmin {
        let caller = principal(&[]);
        FirstAdmin {
            issuer: caller.issuer,
            tenant: caller.tenant,
            claim,
        }
    }

    #[test]
    fn each_claim_is_looked_for_where_it_belongs() {
        let mut caller = principal(&["Door.Opener"]);
        caller.user = Some("ann".parse().unwrap());
        caller.groups = ["platform".parse().unwrap()].into();
        let user = |name: &str| first(AdminClaim::User(name.parse().unwrap()));
        let group = |name: &str| first(AdminClaim::Group(name.parse().unwrap()));
        let role = |name: &str| first(AdminClaim::Role(name.parse().unwrap()));
        for meant in [user("ann"), group("platform"), role("Door.Opener")] {
            assert!(meant.is(&caller), "{meant}");
        }
        for other in [
            user("platform"),
            user("Ann"),
            group("ann"),
            group("Door.Opener"),
            role("platform"),
        ] {
            assert!(!other.is(&caller), "{other}");
        }
    }

    #[test]
    fn another_issuers_or_tenants_word_does_not_count() {
        let mut caller = principal(&[]);
        caller.user = Some("ann".parse().unwrap());
        let meant = first(AdminClaim::User("ann".parse().unwrap()));
        assert!(meant.is(&caller));
        let elsewhere = FirstAdmin {
            issuer: "elsewhere".parse().unwrap(),
            ..meant.clone()
        };
        assert!(!elsewhere.is(&caller));
        let other_tenant = FirstAdmin {
            tenant: "other".parse().unwrap(),
            ..meant
        };
        assert!(!other_tenant.is(&caller));
    }

    #[test]
    fn an_app_is_no_user() {
        let mut app = principal(&[]);
        app.user = None;
        assert!(!first(AdminClaim::User("ann".parse().unwrap())).is(&app));
    }
}
