//! The demonstration tenant: users, groups, client applications and the two APIs they ask tokens for. Plain data.
//!
//! Object ids are fixed, so that grants, tests and documentation can name them.

use std::fmt;

use uuid::{Uuid, uuid};

use crate::{finance, hr};

/// Directory (tenant) id of the demonstration tenant.
pub const TENANT_ID: Uuid = uuid!("6f1d3c52-94ab-4e07-8b4e-2d5c1a7e9f30");

/// Domain of every user principal name: `analyst@demo.onedoor.dev`.
pub const DOMAIN: &str = "demo.onedoor.dev";

/// A security group. Tokens carry its `id`; the name is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Object id, the value in the `groups` claim.
    pub id: Uuid,
    /// Name shown to people.
    pub display_name: &'static str,
}

/// The groups of a user, as a token can state them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Few enough to be listed in the `groups` claim; none leaves the claim out.
    Listed(&'static [Group]),
    /// More than 200: the token only says where to ask (`_claim_names`, `_claim_sources`).
    Overage,
}

/// A user of the tenant. There are no passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Short sign-in name; [`User::principal_name`] is accepted too.
    pub username: &'static str,
    /// Object id, the `oid` claim: the same in every application.
    pub object_id: Uuid,
    /// The `name` claim.
    pub display_name: &'static str,
    /// The groups.
    pub groups: Membership,
    /// App roles assigned on the admin API.
    pub admin_roles: &'static [&'static str],
    /// What stands between the user and every tool that the gateway would call on their behalf.
    pub obstacle: Option<Obstacle>,
}

/// Why a user's token is not exchanged for a tool's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Neither the user nor an administrator has consented.
    Consent,
    /// The tools ask for multi-factor authentication, and the user signed in without.
    MultiFactor,
}

/// A secret of a client application. It does not print itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientSecret(&'static str);

/// A client application registered in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App {
    /// Application (client) id: `azp` in v2.0 tokens, `appid` in v1.0 tokens.
    pub client_id: Uuid,
    /// Object id of its service principal: `oid` and `sub` of its app-only tokens.
    pub service_principal: Uuid,
    /// Name shown to people.
    pub display_name: &'static str,
    /// `None` for a public client.
    pub secret: Option<ClientSecret>,
    /// App roles assigned to the application itself on the data-plane API.
    pub data_roles: &'static [&'static str],
}

/// What a token is for: one of the gateway's two planes, which refuse each other's, or a tool behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Listing and calling tools.
    Data,
    /// Registering servers, grants, audit.
    Admin,
    /// A tool. Only the gateway gets a token for it, on behalf of a user.
    Tool,
}

/// An API registration: what tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Application id: `aud` of every v2.0 token.
    pub app_id: Uuid,
    /// Application ID URI: `aud` of a v1.0 token asked for by it, and the prefix of its scopes.
    pub app_id_uri: &'static str,
    /// Its one delegated permission, the `scp` claim of user tokens.
    pub permission: &'static str,
    /// The plane it stands for.
    pub plane: Plane,
}

/// Group of `analyst`.
pub const FINANCE: Group = Group {
    id: uuid!("b8a1c9f4-2e65-4d0b-9c37-51f0e6a48d12"),
    display_name: "Finance",
};
/// Group of `manager`.
pub const HR: Group = Group {
    id: uuid!("47d2e0b6-8f13-4a9c-a5de-c3907b1f6e24"),
    display_name: "HR",
};
/// Group of `admin`.
pub const PLATFORM: Group = Group {
    id: uuid!("e35f7a80-1c4b-4296-bd08-94a6f2d7c053"),
    display_name: "Platform",
};

/// May call what Finance may.
pub const ANALYST: User = User {
    username: "analyst",
    object_id: uuid!("1a6d40f2-7c3e-4b58-92e1-0f8b5d9c6a71"),
    display_name: "Ana Lyst",
    groups: Membership::Listed(&[FINANCE]),
    admin_roles: &[],
    obstacle: None,
};
/// May call what HR may.
pub const MANAGER: User = User {
    username: "manager",
    object_id: uuid!("d94e27b5-3f08-4c61-8a7d-6b1e0c5f2983"),
    display_name: "Max Nager",
    groups: Membership::Listed(&[HR]),
    admin_roles: &[],
    obstacle: None,
};
/// The platform administrator.
pub const ADMIN: User = User {
    username: "admin",
    object_id: uuid!("5c07f3a9-e6d1-4825-b94c-7a2d8e1b0f46"),
    display_name: "Addie Min",
    groups: Membership::Listed(&[PLATFORM]),
    admin_roles: &["Registry.Admin", "Security.Admin"],
    obstacle: None,
};
/// Reads the audit, calls nothing.
pub const AUDITOR: User = User {
    username: "auditor",
    object_id: uuid!("8e5b12d7-a04f-4f93-86c2-d1f97a3e4b60"),
    display_name: "Audrey Tor",
    groups: Membership::Listed(&[]),
    admin_roles: &["Auditor"],
    obstacle: None,
};
/// Owns the demonstration servers.
pub const OWNER: User = User {
    username: "owner",
    object_id: uuid!("f27c9e14-5b86-4d3a-a1f0-3e84d6b70c95"),
    display_name: "Otto Owner",
    groups: Membership::Listed(&[]),
    admin_roles: &["Tool.Owner"],
    obstacle: None,
};
/// A user in so many groups that the token cannot list them.
pub const OVERAGE: User = User {
    username: "overage",
    object_id: uuid!("03b6d8c1-94e7-4a2f-b5d3-e8107f6c2a59"),
    display_name: "Mani Groups",
    groups: Membership::Overage,
    admin_roles: &[],
    obstacle: None,
};
/// In Finance, but the gateway may not act for him: nobody has consented.
pub const OSCAR: User = User {
    username: "oscar",
    object_id: uuid!("6b2f0d94-1e7a-4c85-93d6-a0c4f8e57b12"),
    display_name: "Oscar Noconsent",
    groups: Membership::Listed(&[FINANCE]),
    admin_roles: &[],
    obstacle: Some(Obstacle::Consent),
};
/// In Finance, whose tools ask for a second factor that she has not shown.
pub const MIA: User = User {
    username: "mia",
    object_id: uuid!("c9a47e31-5d08-4b6f-8e2c-37f1b6d0a958"),
    display_name: "Mia Onefactor",
    groups: Membership::Listed(&[FINANCE]),
    admin_roles: &[],
    obstacle: Some(Obstacle::MultiFactor),
};

/// Every user of the tenant.
pub const USERS: [User; 8] = [ANALYST, MANAGER, ADMIN, AUDITOR, OWNER, OVERAGE, OSCAR, MIA];

static ALL_USERS: [User; 8] = USERS;

/// An AI client for people (public client).
pub const MCP_CLIENT: App = App {
    client_id: uuid!("2b9e6d05-c1f7-4834-9e0a-85d4f3b27c61"),
    service_principal: uuid!("90f4a3c7-6e2d-4b15-8d79-1c5e0b8f3da2"),
    display_name: "Demo MCP client",
    secret: None,
    data_roles: &[],
};
/// The `onedoor` command line (public client).
pub const CLI: App = App {
    client_id: uuid!("7d30c8e2-4a95-4f6b-b1c8-f06e29d5a317"),
    service_principal: uuid!("c61b5f0e-8d24-4937-a0e6-4f9d7c2b8e13"),
    display_name: "onedoor CLI",
    secret: None,
    data_roles: &[],
};
/// A job without a user: asks app-only tokens with [`BATCH_SECRET`].
pub const BATCH: App = App {
    client_id: uuid!("a4f18b73-0e5c-4d92-87b6-2c9d5e6f01a8"),
    service_principal: uuid!("36e7d290-b5a8-4c1f-94f3-a7081d5c6eb4"),
    display_name: "Demo nightly batch",
    secret: Some(BATCH_SECRET),
    data_roles: &["Finance.Batch"],
};
/// A registered application that no gateway should list: its tokens are genuine and must still be refused.
pub const ROGUE: App = App {
    client_id: uuid!("ee905c16-f2b3-4708-9d4a-b83f61e7c025"),
    service_principal: uuid!("58c0e9f7-1d6a-4e32-b7c5-0d2f94a8b361"),
    display_name: "Rogue app",
    secret: None,
    data_roles: &[],
};
/// The gateway itself: the API that people's tokens are for, and the client that exchanges them for tools' tokens.
pub const GATEWAY: App = App {
    client_id: DATA_API.app_id,
    service_principal: uuid!("e1d83b60-7a4c-4f29-b5e8-92c06f1d7a34"),
    display_name: "Onedoor",
    secret: Some(GATEWAY_SECRET),
    data_roles: &[],
};

/// The secret of [`BATCH`]. As public as this source: a development value.
pub const BATCH_SECRET: ClientSecret = ClientSecret("demo-batch-secret");
/// The secret of [`GATEWAY`]. As public as this source: a development value.
pub const GATEWAY_SECRET: ClientSecret = ClientSecret("demo-gateway-secret");

/// Every application of the tenant.
pub const APPS: [App; 5] = [MCP_CLIENT, CLI, BATCH, ROGUE, GATEWAY];

/// The client ids a gateway should allow: every application but [`ROGUE`], and [`GATEWAY`] itself.
pub const LISTED_CLIENT_IDS: [Uuid; 3] = [MCP_CLIENT.client_id, CLI.client_id, BATCH.client_id];

/// The gateway's data plane.
pub const DATA_API: Api = Api {
    app_id: uuid!("0d5a9b3e-7f41-4c68-a2e9-d6b8301c5f74"),
    app_id_uri: "api://onedoor",
    permission: "mcp.access",
    plane: Plane::Data,
};
/// The gateway's admin plane.
pub const ADMIN_API: Api = Api {
    app_id: uuid!("9c82e4f1-3b0d-4756-8ea4-71f5d0c96b28"),
    app_id_uri: "api://onedoor-admin",
    permission: "admin.access",
    plane: Plane::Admin,
};
/// The API of the `finance` server.
pub const FINANCE_API: Api = Api {
    app_id: uuid!("7e09d1c4-63fb-4a58-9d2e-b481c6f03a75"),
    app_id_uri: finance::AUDIENCE,
    permission: finance::REQUIRED_SCOPE,
    plane: Plane::Tool,
};
/// The API of the `hr` server.
pub const HR_API: Api = Api {
    app_id: uuid!("25f8a3e6-b91d-4c07-84fa-60d7e2b9c138"),
    app_id_uri: hr::AUDIENCE,
    permission: hr::REQUIRED_SCOPE,
    plane: Plane::Tool,
};

/// The APIs that [`GATEWAY`] may call on behalf of users.
pub const TOOL_APIS: [Api; 2] = [FINANCE_API, HR_API];

impl User {
    /// User principal name: `username@demo.onedoor.dev`.
    #[must_use]
    pub fn principal_name(&self) -> String {
        format!("{}@{DOMAIN}", self.username)
    }

    /// The user who signs in as `login`, by short name or principal name, in any case.
    #[must_use]
    pub fn find(login: &str) -> Option<&'static Self> {
        ALL_USERS.iter().find(|user| {
            login.eq_ignore_ascii_case(user.username) || login.eq_ignore_ascii_case(&user.principal_name())
        })
    }

    /// The user with this object id.
    #[must_use]
    pub fn with_id(id: Uuid) -> Option<&'static Self> {
        ALL_USERS.iter().find(|user| user.object_id == id)
    }

    /// Groups and roles in words: what tells this user from others.
    #[must_use]
    pub fn describe(&self) -> String {
        let groups: Vec<&str> = match self.groups {
            Membership::Listed(groups) => groups.iter().map(|group| group.display_name).collect(),
            Membership::Overage => vec!["more groups than a token lists"],
        };
        let words = [groups.as_slice(), self.admin_roles].concat();
        if words.is_empty() {
            "no groups".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// App roles on `plane`. Users hold none on the data plane: there, groups decide.
    #[must_use]
    pub fn roles_on(&self, plane: Plane) -> &'static [&'static str] {
        match plane {
            Plane::Data | Plane::Tool => &[],
            Plane::Admin => self.admin_roles,
        }
    }
}

impl App {
    /// The application with this client id.
    #[must_use]
    pub fn find(client_id: &str) -> Option<&'static Self> {
        static ALL: [App; 5] = APPS;
        let client_id = Uuid::try_parse(client_id).ok()?;
        ALL.iter().find(|app| app.client_id == client_id)
    }

    /// App roles of the application itself on `plane`.
    #[must_use]
    pub fn roles_on(&self, plane: Plane) -> &'static [&'static str] {
        match plane {
            Plane::Data => self.data_roles,
            Plane::Admin | Plane::Tool => &[],
        }
    }
}

impl Api {
    /// The two values a gateway has to accept as `aud`: v2.0 tokens carry the application id, v1.0 tokens what was asked for.
    #[must_use]
    pub fn audiences(&self) -> [String; 2] {
        [self.app_id.to_string(), self.app_id_uri.to_owned()]
    }

    /// The scope that asks for everything the client may have: `api://onedoor/.default`.
    #[must_use]
    pub fn default_scope(&self) -> String {
        format!("{}/.default", self.app_id_uri)
    }

    /// Whether `resource` names this API, by application id or by URI.
    #[must_use]
    pub fn is_named(&self, resource: &str) -> bool {
        resource == self.app_id_uri || Uuid::try_parse(resource).is_ok_and(|id| id == self.app_id)
    }
}

impl ClientSecret {
    /// The secret itself, to send to the token endpoint.
    #[must_use]
    pub fn expose(&self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}
