//! The rule against an oracle that was written from the words of the design alone, over worlds made at random.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BlockId, BootId, Digest, EventId, GrantId, LogId, Offset, ReplicaName, ServerId,
        VersionNumber,
    },
    principal::{Actor, Principal},
    registry::{
        Algorithm, Block, BlockTarget, Change, CommandStamp, Grant, Issuer, LogCreated, ManifestSubmitted,
        Plane, RegistryEvent, ServerChosen, Stage, State, Subject, ToolChosen, VersionChosen,
    },
};

fn name<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

const SERVERS: [&str; 2] = ["finance", "hr"];
const TOOLS: [&str; 3] = ["read", "write", "gone"];
const TENANTS: [&str; 2] = ["t1", "t2"];
const ISSUERS: [&str; 2] = ["idp1", "idp2"];
/// A name that is a group in one grant and a role in another: the two must not be confused.
const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// What is in the registry, in plain words.
#[derive(Clone, Debug)]
struct World {
    servers: Vec<ServerWords>,
    grants: Vec<GrantWords>,
    blocks: Vec<BlockWords>,
}

#[derive(Clone, Debug)]
struct ServerWords {
    slug: &'static str,
    approved: bool,
    promoted: bool,
    disabled: bool,
    retired: bool,
    disabled_tool: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct GrantWords {
    issuer: &'static str,
    tenant: &'static str,
    role: bool,
    holder: &'static str,
    server: &'static str,
    tool: Option<&'static str>,
    qa: bool,
}

#[derive(Clone, Debug)]
struct BlockWords {
    client: bool,
    issuer: &'static str,
    tenant: &'static str,
    who: &'static str,
    not_before: Option<i64>,
}

#[derive(Clone, Debug)]
struct CallerWords {
    issuer: &'static str,
    tenant: &'static str,
    user: Option<&'static str>,
    client: &'static str,
    groups: BTreeSet<&'static str>,
    roles: BTreeSet<&'static str>,
    issued_at: i64,
}

/// Who may call what, read off the words. Shares no code with the rule.
fn oracle(world: &World, caller: &CallerWords, slug: &str, qa: bool, tool: &str) -> bool {
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

fn manifest(slug: &str) -> String {
    let tool = |name: &str| serde_json::json!({ "name": name, "description": "A tool", "inputSchema": { "type": "object" } });
    serde_json::json!({
        "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
        "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
        "_meta": { "dev.onedoor/server": {
            "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
            "strategy": "gateway-issued", "tools": [tool("read"), tool("write")],
        }},
    })
    .to_string()
}

/// The world as registry events make it.
fn state_of(world: &World) -> State {
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
                manifest: manifest(words.slug),
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

fn issuer_named(issuer: &str) -> Issuer {
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
        },
        admin: None,
    }
}

fn principal(words: &CallerWords) -> Arc<Principal> {
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

fn one_of<const N: usize>(options: [&'static str; N]) -> impl Strategy<Value = &'static str> {
    (0..N).prop_map(move |n| options[n])
}

prop_compose! {
    fn any_server(slug: &'static str)(
        approved in prop::bool::weighted(0.8), promoted in prop::bool::weighted(0.7),
        disabled in prop::bool::weighted(0.1), retired in prop::bool::weighted(0.1),
        disabled_tool in prop::option::weighted(0.2, one_of(["read", "write"])),
    ) -> ServerWords {
        ServerWords { slug, approved, promoted: promoted && approved, disabled, retired, disabled_tool }
    }
}

prop_compose! {
    fn any_grant()(
        issuer in one_of(ISSUERS), tenant in one_of(TENANTS), role: bool, holder in one_of(NAMES),
        server in one_of(SERVERS), tool in prop::option::of(one_of(["read", "write"])), qa: bool,
    ) -> GrantWords {
        GrantWords { issuer, tenant, role, holder, server, tool, qa }
    }
}

prop_compose! {
    fn any_block()(
        client: bool, issuer in one_of(ISSUERS), tenant in one_of(TENANTS), who in one_of(["u1", "app"]),
        not_before in prop::option::of(1_000..1_004_i64),
    ) -> BlockWords {
        BlockWords { client, issuer, tenant, who, not_before }
    }
}

prop_compose! {
    fn any_world()(
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
    fn any_caller()(
        issuer in one_of(ISSUERS), tenant in one_of(TENANTS), user in prop::option::of(one_of(["u1", "u2"])),
        client in one_of(["app", "u1"]), groups in prop::collection::btree_set(one_of(NAMES), 0..3),
        roles in prop::collection::btree_set(one_of(NAMES), 0..3), issued_at in 1_000..1_004_i64,
    ) -> CallerWords {
        CallerWords { issuer, tenant, user, client, groups, roles, issued_at }
    }
}

fn ask(
    snapshot: &Snapshot,
    caller: &Arc<Principal>,
    slug: &str,
    stage: Stage,
    operation: Operation,
) -> Result<Permit, DenialReason> {
    decide(
        snapshot,
        caller,
        &Request {
            server: name(slug),
            stage,
            operation,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_rule_is_the_oracle(world in any_world(), callers in prop::collection::vec(any_caller(), 1..6)) {
        let snapshot = Snapshot::of(&state_of(&world));
        for words in &callers {
            let caller = principal(words);
            let listed: BTreeSet<_> = visible_tools(&snapshot, &caller)
                .iter()
                .map(|tool| (tool.server.slug.to_string(), tool.stage, tool.tool.name.to_string()))
                .collect();
            for slug in ["finance", "hr", "none"] {
                for stage in [Stage::Qa, Stage::Production] {
                    let mut callable = BTreeSet::new();
                    for tool in TOOLS {
                        let allowed = oracle(&world, words, slug, stage == Stage::Qa, tool);
                        let decided = ask(&snapshot, &caller, slug, stage, Operation::CallTool(name(tool)));
                        prop_assert_eq!(decided.is_ok(), allowed, "{} {} {} {:?}", slug, stage, tool, decided);
                        // What is listed is what can be called, on every list there is.
                        prop_assert_eq!(listed.contains(&(slug.to_owned(), stage, tool.to_owned())), allowed);
                        if let Ok(Permit::CallTool(permit)) = &decided {
                            prop_assert!(!permit.grants().is_empty());
                        }
                        if allowed {
                            callable.insert(tool.to_owned());
                        }
                    }
                    let on_endpoint: BTreeSet<_> = match ask(&snapshot, &caller, slug, stage, Operation::ListTools) {
                        Ok(Permit::ListTools(permit)) => permit.tools().iter().map(|t| t.tool.name.to_string()).collect(),
                        Ok(_) => unreachable!("a list was asked for"),
                        Err(_) => BTreeSet::new(),
                    };
                    prop_assert_eq!(on_endpoint, callable);
                }
            }
        }
    }

    /// Who has no grant on a server learns nothing of it: the reason is hidden, whatever state the server is in.
    #[test]
    fn a_stranger_sees_no_difference(world in any_world(), words in any_caller()) {
        let world = World { grants: Vec::new(), blocks: Vec::new(), ..world };
        let snapshot = Snapshot::of(&state_of(&world));
        for slug in ["finance", "hr", "none"] {
            for operation in [Operation::Discover, Operation::ListTools, Operation::CallTool(name("read"))] {
                let reason = ask(&snapshot, &principal(&words), slug, Stage::Production, operation).unwrap_err();
                prop_assert!(reason.is_hidden(), "{:?}", reason);
            }
        }
    }
}

/// The oracle test sees a rule that is wrong: the same worlds, asked of an oracle with one condition missing, disagree.
#[test]
fn a_planted_bug_is_seen() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut disagreements = 0;
    for _ in 0..1_000 {
        let world = any_world().new_tree(&mut runner).unwrap().current();
        let words = any_caller().new_tree(&mut runner).unwrap().current();
        let snapshot = Snapshot::of(&state_of(&world));
        // The bug: a grant of any tenant counts.
        let anywhere = World {
            grants: world
                .grants
                .iter()
                .map(|grant| GrantWords {
                    tenant: words.tenant,
                    ..grant.clone()
                })
                .collect(),
            ..world.clone()
        };
        let wrong = oracle(&anywhere, &words, "finance", false, "read");
        let decided = ask(
            &snapshot,
            &principal(&words),
            "finance",
            Stage::Production,
            Operation::CallTool(name("read")),
        );
        disagreements += usize::from(decided.is_ok() != wrong);
    }
    assert!(disagreements > 10, "{disagreements}");
}

#[test]
fn only_the_table_is_served() {
    for (method, served, _) in METHODS {
        assert_eq!(Method::named(method), Some(served));
        assert_eq!(served.name(), method);
    }
    for other in [
        "ping",
        "initialize",
        "resources/read",
        "prompts/get",
        "tools/Call",
        "tools/call ",
        "",
        "sampling/createMessage",
        "elicitation/create",
        "roots/list",
        "subscriptions/listen",
        "tasks/get",
    ] {
        assert_eq!(Method::named(other), None, "{other}");
    }
}

#[test]
fn a_permit_knows_what_it_was_given_for() {
    let world = World {
        servers: vec![ServerWords {
            slug: "finance",
            approved: true,
            promoted: true,
            disabled: false,
            retired: false,
            disabled_tool: None,
        }],
        grants: vec![GrantWords {
            issuer: "idp1",
            tenant: "t1",
            role: false,
            holder: "alpha",
            server: "finance",
            tool: Some("read"),
            qa: false,
        }],
        blocks: Vec::new(),
    };
    let caller = principal(&CallerWords {
        issuer: "idp1",
        tenant: "t1",
        user: Some("u1"),
        client: "app",
        groups: BTreeSet::from(["alpha"]),
        roles: BTreeSet::new(),
        issued_at: 1_000,
    });
    let state = state_of(&world);
    let snapshot = Snapshot::of(&state);
    let permit = match ask(
        &snapshot,
        &caller,
        "finance",
        Stage::Production,
        Operation::CallTool(name("read")),
    ) {
        Ok(Permit::CallTool(permit)) => permit,
        other => panic!("{other:?}"),
    };
    assert_eq!(permit.revision(), state.revision().unwrap());
    assert_eq!(permit.grants(), [GrantId(Uuid::from_u128(0))]);
    assert_eq!(permit.definition().name, *permit.tool());
    assert_eq!(permit.version().number, VersionNumber(1));
    let other = ask(
        &snapshot,
        &caller,
        "finance",
        Stage::Production,
        Operation::CallTool(name("write")),
    );
    assert_eq!(other.unwrap_err(), DenialReason::ToolNotGranted);
}
