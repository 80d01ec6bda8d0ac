//! The rule against an oracle that was written from the words of the design alone, over worlds made at random.

mod world;

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use uuid::Uuid;

use self::world::*;
use super::*;
use crate::{
    ids::{GrantId, VersionNumber},
    principal::Principal,
    registry::Stage,
};

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
                let http = world.servers.iter().any(|server| server.slug == slug && server.http);
                for stage in [Stage::Qa, Stage::Production] {
                    let mut callable = BTreeSet::new();
                    for tool in TOOLS {
                        let allowed = oracle(&world, words, slug, stage == Stage::Qa, tool);
                        let decided = ask(&snapshot, &caller, slug, stage, call(http, tool));
                        prop_assert_eq!(decided.is_ok(), allowed, "{} {} {} {:?}", slug, stage, tool, decided);
                        // What is listed is what can be called, on every list there is.
                        prop_assert_eq!(listed.contains(&(slug.to_owned(), stage, tool.to_owned())), allowed);
                        if let Ok(Permit::CallTool(permit)) = &decided {
                            prop_assert!(!permit.grants().is_empty());
                        }
                        // In what the server does not speak, it is not there.
                        let reason = ask(&snapshot, &caller, slug, stage, call(!http, tool)).unwrap_err();
                        prop_assert!(!allowed || reason == DenialReason::WrongKind && reason.is_hidden());
                        if allowed && !http {
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
            for operation in [Operation::Discover, Operation::ListTools, call(false, "read"), call(true, "read")] {
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
        let http = world.servers[0].http;
        let decided = ask(
            &snapshot,
            &principal(&words),
            "finance",
            Stage::Production,
            call(http, "read"),
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
            http: false,
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
