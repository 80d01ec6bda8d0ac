//! Worlds in plain words, made at random, and the registry state that they are.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use uuid::Uuid;

use super::Operation;
use crate::{
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BlockId, BootId, Digest, EventId, GrantId, LogId, Offset, ReplicaName, ServerId,
        VersionNumber,
    },
    manifest::HttpMethod,
    path::CanonicalPath,
    principal::{Actor, Principal},
    registry::{
        Algorithm, Block, BlockTarget, Change, CommandStamp, Grant, Issuer, LogCreated, ManifestSubmitted,
        Plane, RegistryEvent, ServerChosen, Stage, State, Subject, ToolChosen, VersionChosen,
    },
};

pub(super) fn name<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

pub(super) const SERVERS: [&str; 2] = ["finance", "hr"];
pub(super) const TOOLS: [&str; 3] = ["read", "write", "gone"];
pub(super) const TENANTS: [&str; 2] = ["t1", "t2"];
pub(super) const ISSUERS: [&str; 2] = ["idp1", "idp2"];
/// A name that is a group in one grant and a role in another: the two must not be confused.
pub(super) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// What is in the registry, in plain words.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) servers: Vec<ServerWords>,
    pub(super) grants: Vec<GrantWords>,
    pub(super) blocks: Vec<BlockWords>,
}

#[derive(Clone, Debug)]
pub(super) struct ServerWords {
    pub(super) slug: &'static str,
    /// A plain HTTP service.
    pub(super) http: bool,
    pub(super) approved: bool,
    pub(super) promoted: bool,
    pub(super) disabled: bool,
    pub(super) retired: bool,
    pub(super) disabled_tool: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct GrantWords {
    pub(super) issuer: &'static str,
    pub(super) tenant: &'static str,
    pub(super) role: bool,
    pub(super) holder: &'static str,
    pub(super) server: &'static str,
    pub(super) tool: Option<&'static str>,
    pub(super) qa: bool,
}

#[derive(Clone, Debug)]
pub(super) struct BlockWords {
    pub(super) client: bool,
    pub(super) issuer: &'static str,
    pub(super) tenant: &'static str,
    pub(super) who: &'static str,
    pub(super) not_before: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct CallerWords {
    pub(super) issuer: &'static str,
    pub(super) tenant: &'static str,
    pub(super) user: Option<&'static str>,
    pub(super) client: &'static str,
    pub(super) groups: BTreeSet<&'static str>,
    pub(super) roles: BTreeSet<&'static str>,
    pub(super) issued_at: i64,
}

/// Who may call what, read off the words. Shares no code with the rule.
pub(super) fn oracle(world: &World, caller: &CallerWords, slug: &str, qa: bool, tool: &str) -> bool {
    for block in &world.blocks {
        let same = if block.client {
            block.issuer == caller.issuer && block.who == caller.client
        } else {
            block.issuer == caller.issuer && block.tenant == caller.tenant && Some(block.who) == caller.user
        };
        let passes_again = matches!(block.not_before, Some(time) if caller.issued_at >= time);
        if same && !passes_again {
            return false;
        }
    }
    let Some(server) = world.servers.iter().find(|server| server.slug == slug) else {
        return false;
    };
    let served = server.approved && (qa || server.promoted);
    if server.retired || server.disabled || !served || server.disabled_tool == Some(tool) || tool == "gone" {
        return false;
    }
    let mut allowed = false;
    for grant in &world.grants {
        let holds = if grant.role {
            caller.roles.contains(grant.holder)
        } else {
            caller.groups.contains(grant.holder)
        };
        allowed |= grant.issuer == caller.issuer
            && grant.tenant == caller.tenant
            && holds
            && grant.server == slug
            && grant.qa == qa
            && (grant.tool.is_none() || grant.tool == Some(tool));
    }
    allowed
}

pub(super) fn manifest(slug: &str, http: bool) -> String {
    let tool = |name: &str| {
        let mut tool =
            serde_json::json!({ "name": name, "description": "A tool", "inputSchema": { "type": "object" } });
        if http {
            tool["http"] = serde_json::json!({ "method": "GET", "path": format!("/{name}/{{id}}") });
        }
        tool
    };
    let mut manifest = serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
            "strategy": "gateway-issued", "tools": [tool("read"), tool("write")],
        }},
    });
    if http {
        manifest["_meta"]["dev.onedoor/server"]["http"] =
            serde_json::json!({ "url": "http://127.0.0.1:9000/base" });
    } else {
        manifest["remotes"] =
            serde_json::json!([{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }]);
    }
    manifest.to_string()
}

/// A call of a tool, in what servers of a kind speak.
pub(super) fn call(http: bool, tool: &str) -> Operation {
    if http {
        Operation::CallRoute {
            method: HttpMethod::Get,
            path: CanonicalPath::parse(&format!("/{tool}/1")).unwrap(),
        }
    } else {
        Operation::CallTool(name(tool))
    }
}

/// The world as registry events make it.
pub(super) fn state_of(world: &World) -> State {
    let mut state = State::default();
    let mut give = |change: Change, about: Option<u128>| {
        let offset = state.revision().map_or(Offset(0), Offset::next);
        let version = about
            .and_then(|n| state.server(ServerId(Uuid::from_u128(n))))
            .map(|s| s.changed.version());
        let expected = Some(version.unwrap_or(AggregateVersion::NONE));
        let stamp = CommandStamp {
            id: name(&format!("c{offset}")),
            route: "test".to_owned(),
            digest: Digest::of(b""),
        };
        let event = Envelope {
            id: EventId(Uuid::from_u128(offset.0.into())),
            source: ReplicaName::new("test").unwrap(),
            time: "2026-11-24T06:00:00Z".parse().unwrap(),
            traceparent: None,
            producer: Producer::Registry,
            boot: BootId(Uuid::nil()),
            seq: offset.0,
            prevhash: None,
            tenant: None,
            actor: Some(Actor::System {
                name: "test".to_owned(),
            }),
            reason: None,
            data: RegistryEvent {
                command: stamp,
                expected,
                change,
            },
        };
        state.apply(offset, &event).unwrap();
    };
    give(
        Change::LogCreated(LogCreated {
            log: LogId(Uuid::nil()),
        }),
        None,
    );
    for issuer in ISSUERS {
        give(Change::IssuerTrusted(Box::new(issuer_named(issuer))), None);
    }
    let id_of = |slug: &str| SERVERS.iter().position(|known| *known == slug).unwrap() as u128 + 1;
    for words in &world.servers {
        let n = id_of(words.slug);
        let server = ServerId(Uuid::from_u128(n));
        let chosen = VersionChosen {
            server,
            version: VersionNumber(1),
        };
        give(
            Change::ServerRegistered(ManifestSubmitted {
                server,
                manifest: manifest(words.slug, words.http),
            }),
            None,
        );
        if words.approved {
            give(Change::VersionApproved(chosen), Some(n));
        }
        if words.promoted {
            give(Change::VersionPromoted(chosen), Some(n));
        }
        if words.disabled {
            give(Change::ServerDisabled(ServerChosen { server }), Some(n));
        }
        if let Some(tool) = words.disabled_tool {
            give(
                Change::ToolDisabled(ToolChosen {
                    server,
                    tool: name(tool),
                }),
                Some(n),
            );
        }
    }
    for (n, words) in world.grants.iter().enumerate() {
        let subject = if words.role {
            Subject::Role(name(words.holder))
        } else {
            Subject::Group(name(words.holder))
        };
        give(
            Change::GrantAdded(Grant {
                id: GrantId(Uuid::from_u128(n as u128)),
                issuer: name(words.issuer),
                tenant: name(words.tenant),
                subject,
                server: ServerId(Uuid::from_u128(id_of(words.server))),
                tool: words.tool.map(name),
                stage: if words.qa { Stage::Qa } else { Stage::Production },
            }),
            None,
        );
    }
    for (n, words) in world.blocks.iter().enumerate() {
        let issuer = name(words.issuer);
        let target = if words.client {
            BlockTarget::Client {
                issuer,
                client: name(words.who),
            }
        } else {
            BlockTarget::User {
                issuer,
                tenant: name(words.tenant),
                user: name(words.who),
            }
        };
        let not_before = words
            .not_before
            .map(|second| jiff::Timestamp::from_second(second).unwrap());
        give(
            Change::BlockAdded(Block {
                id: BlockId(Uuid::from_u128(n as u128)),
                target,
                not_before,
            }),
            None,
        );
    }
    for words in world.servers.iter().filter(|words| words.retired) {
        let n = id_of(words.slug);
        give(
            Change::ServerRetired(ServerChosen {
                server: ServerId(Uuid::from_u128(n)),
            }),
            Some(n),
        );
    }
    state
}

pub(super) fn issuer_named(issuer: &str) -> Issuer {
    Issuer {
        name: name(issuer),
        urls: vec![format!("https://{issuer}.example")],
        tenants: TENANTS.iter().map(|tenant| name(tenant)).collect(),
        jwks_uri: "https://idp.example/keys".to_owned(),
        authorization_server: "https://idp.example".to_owned(),
        algorithms: BTreeSet::from([Algorithm::ES256]),
        data: Plane {
            audiences: BTreeSet::from(["data".to_owned()]),
            clients: BTreeSet::from([name("app")]),
            required_scope: None,
            advertised_scopes: Vec::new(),
        },
        admin: None,
        on_behalf_of: None,
    }
}

pub(super) fn principal(words: &CallerWords) -> Arc<Principal> {
    Arc::new(Principal {
        issuer: name(words.issuer),
        tenant: name(words.tenant),
        user: words.user.map(name),
        display_name: None,
        client: name(words.client),
        groups: words.groups.iter().map(|group| name(group)).collect(),
        roles: words.roles.iter().map(|role| name(role)).collect(),
        scopes: BTreeSet::new(),
        token_id: "token".to_owned(),
        issued_at: jiff::Timestamp::from_second(words.issued_at).unwrap(),
        expires_at: jiff::Timestamp::from_second(words.issued_at + 3_600).unwrap(),
    })
}

pub(super) fn one_of<const N: usize>(options: [&'static str; N]) -> impl Strategy<Value = &'static str> {
    (0..N).prop_map(move |n| options[n])
}

prop_compose! {
    pub(super) fn any_server(slug: &'static str)(
        http in prop::bool::weighted(0.3), approved in prop::bool::weighted(0.8), promoted in prop::bool::weighted(0.7),
        disabled in prop::bool::weighted(0.1), retired in prop::bool::weighted(0.1),
        disabled_tool in prop::option::weighted(0.2, one_of(["read", "write"])),
    ) -> ServerWords {
        ServerWords { slug, http, approved, promoted: promoted && approved, disabled, retired, disabled_tool }
    }
}

prop_compose! {
    pub(super) fn any_grant()(
        issuer in one_of(ISSUERS), tenant in one_of(TENANTS), role: bool, holder in one_of(NAMES),
        server in one_of(SERVERS), tool in prop::option::of(one_of(["read", "write"])), qa: bool,
    ) -> GrantWords {
        GrantWords { issuer, tenant, role, holder, server, tool, qa }
    }
}

prop_compose! {
    pub(super) fn any_block()(
        client: bool, issuer in one_of(ISSUERS), tenant in one_of(TENANTS), who in one_of(["u1", "app"]),
        not_before in prop::option::of(1_000..1_004_i64),
    ) -> BlockWords {
        BlockWords { client, issuer, tenant, who, not_before }
    }
}

prop_compose! {
    pub(super) fn any_world()(
        finance in any_server("finance"), hr in prop::option::weighted(0.8, any_server("hr")),
        grants in prop::collection::vec(any_grant(), 0..12), blocks in prop::collection::vec(any_block(), 0..2),
    ) -> World {
        let servers: Vec<_> = [Some(finance), hr].into_iter().flatten().collect();
        // A grant on a server that is not there cannot be made.
        let grants = grants.into_iter().filter(|grant| servers.iter().any(|s| s.slug == grant.server)).collect();
        World { servers, grants, blocks }
    }
}

prop_compose! {
    pub(super) fn any_caller()(
        issuer in one_of(ISSUERS), tenant in one_of(TENANTS), user in prop::option::of(one_of(["u1", "u2"])),
        client in one_of(["app", "u1"]), groups in prop::collection::btree_set(one_of(NAMES), 0..3),
        roles in prop::collection::btree_set(one_of(NAMES), 0..3), issued_at in 1_000..1_004_i64,
    ) -> CallerWords {
        CallerWords { issuer, tenant, user, client, groups, roles, issued_at }
    }
}
