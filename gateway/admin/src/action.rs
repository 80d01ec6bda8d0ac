//! Who may do what on the admin plane: one table, role × action. Pure.
//!
//! `tests/golden/admin-roles.txt` holds it for reviewers; a test compares the two.

use std::fmt;

use onedoor_model::principal::Principal;

/// A role of the admin plane, as `roles` of an admin-plane token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Registers, promotes and retires servers, and gives grants.
    RegistryAdmin,
    /// Approves and enables servers, blocks callers, trusts issuers.
    SecurityAdmin,
    /// Reads everything, changes nothing.
    Auditor,
    /// Looks after servers of its own.
    ToolOwner,
}

/// How far a role's leave for an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Servers that the caller owns.
    Own,
    /// Everything.
    All,
}

/// Leave for one action, as a type: what a handler takes to say what it does. See [`crate::permission::May`].
pub(crate) trait Permission: Send + Sync + 'static {
    /// The action.
    const ACTION: Action;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        /// Something that can be done on the admin plane.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name, as in the OpenAPI document.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Permission for $name {
                const ACTION: Action = Action::$name;
            }
        )+
    };
}

actions! {
    /// List and show servers, their manifests and histories.
    ReadServers;
    /// Register a server.
    RegisterServer;
    /// Submit a new version of a server.
    UpdateServer;
    /// Approve what ties a version's tokens to a place.
    ApproveServer;
    /// Put a version into production.
    PromoteServer;
    /// Disable a server or one of its tools.
    DisableServer;
    /// Enable a server or one of its tools.
    EnableServer;
    /// Retire a server for good.
    RetireServer;
    /// List grants.
    ReadGrants;
    /// Add a grant.
    AddGrant;
    /// Remove a grant.
    RemoveGrant;
    /// List blocks.
    ReadBlocks;
    /// Add and remove blocks.
    ChangeBlocks;
    /// List trusted issuers.
    ReadIssuers;
    /// Trust and distrust issuers.
    ChangeIssuers;
    /// Show the settings.
    ReadSettings;
    /// Change the settings.
    ChangeSettings;
    /// Have a manifest checked.
    ValidateManifest;
    /// Ask who called what.
    ReadCalls;
    /// List the replicas.
    ReadReplicas;
    /// Show which log it is.
    ReadLog;
    /// Accept that the log was restored from a backup.
    AcceptRestore;
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 4] = [
        Self::RegistryAdmin,
        Self::SecurityAdmin,
        Self::Auditor,
        Self::ToolOwner,
    ];

    /// Its name, as in tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RegistryAdmin => "Registry.Admin",
            Self::SecurityAdmin => "Security.Admin",
            Self::Auditor => "Auditor",
            Self::ToolOwner => "Tool.Owner",
        }
    }

    /// Whether a principal holds it.
    #[must_use]
    pub fn is_held_by(self, principal: &Principal) -> bool {
        principal.roles.contains(self.as_str())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    /// The row of the table: how far each role's leave reaches, in the order of [`Role::ALL`].
    #[must_use]
    pub fn row(self) -> [Option<Reach>; 4] {
        const ALL: Option<Reach> = Some(Reach::All);
        const OWN: Option<Reach> = Some(Reach::Own);
        const NO: Option<Reach> = None;
        match self {
            //                        Registry.Admin, Security.Admin, Auditor, Tool.Owner
            Self::ReadServers => [ALL, ALL, ALL, OWN],
            Self::RegisterServer | Self::UpdateServer => [ALL, NO, NO, OWN],
            Self::ApproveServer => [NO, ALL, NO, NO],
            Self::PromoteServer => [ALL, NO, NO, OWN],
            Self::DisableServer => [ALL, ALL, NO, OWN],
            Self::EnableServer => [NO, ALL, NO, NO],
            Self::RetireServer => [ALL, NO, NO, NO],
            Self::ReadGrants
            | Self::ReadBlocks
            | Self::ReadIssuers
            | Self::ReadSettings
            | Self::ReadReplicas
            | Self::ReadLog => [ALL, ALL, ALL, NO],
            Self::AddGrant => [ALL, NO, NO, NO],
            Self::RemoveGrant => [ALL, ALL, NO, NO],
            Self::ChangeBlocks | Self::ChangeIssuers | Self::AcceptRestore => [NO, ALL, NO, NO],
            Self::ChangeSettings => [ALL, ALL, NO, NO],
            Self::ValidateManifest => [ALL, ALL, ALL, ALL],
            Self::ReadCalls => [NO, ALL, ALL, NO],
        }
    }

    /// How far a principal's leave reaches: as far as that of its furthest role. None: it has no leave.
    #[must_use]
    pub fn reach(self, principal: &Principal) -> Option<Reach> {
        self.furthest(|role| role.is_held_by(principal))
    }

    /// How far the leave of whoever holds these roles reaches: as far as that of the furthest.
    #[must_use]
    pub fn reach_of(self, roles: &[Role]) -> Option<Reach> {
        self.furthest(|role| roles.contains(&role))
    }

    fn furthest(self, holds: impl Fn(Role) -> bool) -> Option<Reach> {
        Role::ALL
            .into_iter()
            .zip(self.row())
            .filter(|(role, _)| holds(*role))
            .filter_map(|(_, reach)| reach)
            .max()
    }

    /// The roles that have leave.
    #[must_use]
    pub fn roles(self) -> Vec<Role> {
        self.roles_reaching(Reach::Own)
    }

    /// The roles whose leave is for everything.
    #[must_use]
    pub fn roles_for_all(self) -> Vec<Role> {
        self.roles_reaching(Reach::All)
    }

    fn roles_reaching(self, least: Reach) -> Vec<Role> {
        let columns = Role::ALL.into_iter().zip(self.row());
        columns
            .filter(|(_, reach)| *reach >= Some(least))
            .map(|(role, _)| role)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::principal;

    #[test]
    fn a_principal_without_a_role_may_do_nothing() {
        let nobody = principal(&["Registry.Reader", "registry.admin", "Admin"]);
        for action in Action::ALL {
            assert_eq!(action.reach(&nobody), None, "{action:?}");
        }
    }

    #[test]
    fn the_furthest_role_counts() {
        let both = principal(&["Tool.Owner", "Registry.Admin"]);
        assert_eq!(Action::PromoteServer.reach(&both), Some(Reach::All));
        assert_eq!(
            Action::PromoteServer.reach(&principal(&["Tool.Owner"])),
            Some(Reach::Own)
        );
        assert_eq!(Action::ApproveServer.reach(&both), None);
    }

    #[test]
    fn only_a_security_admin_approves_and_enables() {
        for action in [
            Action::ApproveServer,
            Action::EnableServer,
            Action::ChangeBlocks,
            Action::ChangeIssuers,
            Action::AcceptRestore,
        ] {
            assert_eq!(action.roles(), [Role::SecurityAdmin]);
        }
    }
}
