//! The fold and its arbitration rule.

mod anticipate;
mod bytes;
mod log;
mod restore;

use std::{collections::BTreeSet, fmt::Write as _};

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use self::log::*;
use super::*;
use crate::{
    decide::Snapshot,
    ids::{AggregateVersion, BlockId, GrantId, LogId, Offset, Slug, VersionNumber},
    principal::{Actor, Principal},
};

fn passed(expected: u64, actual: u64) -> Verdict {
    Verdict::Refused(Conflict::VersionPassed {
        expected: AggregateVersion(expected),
        actual: AggregateVersion(actual),
    })
}

#[test]
fn first_in_offset_order_wins() {
    let mut log = Log::with_finance();
    let seen = log.version(1);
    assert_eq!(
        log.give("a", seen, update(1, "finance", "api://x", "2")),
        Verdict::Effective
    );
    let now = log.version(1);
    assert_eq!(
        log.give("b", seen, update(1, "finance", "api://x", "3")),
        passed(seen, now)
    );
    assert_eq!(log.state.server(server(1)).unwrap().versions.len(), 2);
    assert_eq!(log.version(1), now, "what was refused moves no version");
}

#[test]
fn restrictive_commands_always_win() {
    let mut log = Log::with_finance();
    assert_eq!(log.give("a", 0, disable(1)), Verdict::Effective);
    assert_eq!(log.give("b", 0, disable(1)), Verdict::Effective);
    assert_eq!(log.give("c", 1, enable(1)), passed(1, log.version(1)));
    assert!(log.state.server(server(1)).unwrap().disabled.is_some());
    let now = log.version(1);
    assert_eq!(log.give("d", now, enable(1)), Verdict::Effective);
    assert!(log.state.server(server(1)).unwrap().disabled.is_none());
}

#[test]
fn what_is_not_restrictive_needs_an_expected_version() {
    let mut log = Log::with_finance();
    let verdict = log.give_as("admin", "a", "a", None, enable(1));
    assert_eq!(verdict, Verdict::Refused(Conflict::NoExpectedVersion));
}

#[test]
fn a_retried_command_does_nothing_and_its_id_is_good_for_no_other() {
    let mut log = Log::with_finance();
    assert_eq!(log.give("a", 0, disable(1)), Verdict::Effective);
    let (digest, version) = (Snapshot::of(&log.state).revision(), log.version(1));
    assert_eq!(log.give("a", 0, disable(1)), Verdict::Duplicate);
    assert_eq!(log.version(1), version);
    assert_eq!(Snapshot::of(&log.state).revision(), digest.next());
    let other = log.give_as("admin", "a", "another body", None, disable(1));
    assert_eq!(other, Verdict::Refused(Conflict::CommandReused));
    // Ids are each actor's own.
    assert_eq!(
        log.give_as("somebody", "a", "another body", None, disable(1)),
        Verdict::Effective
    );
}

#[test]
fn a_refused_command_stays_refused_when_retried() {
    let mut log = Log::with_finance();
    let key = CommandKey {
        actor: Actor::System {
            name: "admin".to_owned(),
        }
        .key(),
        route: "POST".to_owned(),
        id: name("a"),
    };
    assert_eq!(log.give("a", 1, enable(1)), passed(1, log.version(1)));
    assert!(log.state.command(&key).unwrap().result.is_err());
    assert_eq!(log.give("a", 1, enable(1)), Verdict::Duplicate);
}

#[test]
fn a_slug_belongs_to_one_server_until_it_retires() {
    let mut log = Log::with_finance();
    let taken = Conflict::Exists("server finance".to_owned());
    assert_eq!(log.give("a", 0, register(2, "finance")), Verdict::Refused(taken));
    let now = log.version(1);
    assert_eq!(log.give("b", now, update(1, "hr", "api://x", "2")), {
        Verdict::Refused(Conflict::SlugDiffers(Slug::new("finance").unwrap()))
    });
    assert_eq!(log.give("c", 0, grant(1, 1, None)), Verdict::Effective);
    assert_eq!(log.give("d", now, retire(1)), Verdict::Effective);
    assert!(log.state.server_named(&name("finance")).is_none());
    assert!(
        log.state.grant(GrantId(Uuid::from_u128(1))).is_none(),
        "its grants go with it"
    );
    assert_eq!(log.give("e", 0, register(2, "finance")), Verdict::Effective);
    assert!(
        matches!(
            log.give("f", 0, disable(1)),
            Verdict::Refused(Conflict::Missing(_))
        ),
        "retired for good"
    );
}

#[test]
fn a_version_is_approved_only_by_name_or_with_an_approved_tie() {
    let mut log = Log::with_finance();
    let approved = |log: &Log, n: u32| {
        log.state
            .server(server(1))
            .unwrap()
            .versions
            .get(&VersionNumber(n))
            .unwrap()
            .approved
            .is_some()
    };
    assert!(!approved(&log, 1));
    let refused = log.give("a", log.version(1), promote(1, 1));
    assert_eq!(refused, Verdict::Refused(Conflict::NotApproved(VersionNumber(1))));
    assert_eq!(log.give("b", log.version(1), approve(1, 1)), Verdict::Effective);
    assert_eq!(log.give("c", log.version(1), promote(1, 1)), Verdict::Effective);
    // The same tie: live at qa at once.
    assert_eq!(
        log.give("d", log.version(1), update(1, "finance", "api://x", "2")),
        Verdict::Effective
    );
    assert!(approved(&log, 2));
    // Another audience: not before it is approved.
    assert_eq!(
        log.give("e", log.version(1), update(1, "finance", "api://other", "3")),
        Verdict::Effective
    );
    assert!(!approved(&log, 3));
    // An unapproved version hands nothing on; production's tie still counts.
    assert_eq!(
        log.give("f", log.version(1), update(1, "finance", "api://other", "4")),
        Verdict::Effective
    );
    assert!(!approved(&log, 4));
    assert_eq!(
        log.give("g", log.version(1), update(1, "finance", "api://x", "5")),
        Verdict::Effective
    );
    assert!(approved(&log, 5));
    let production = log.state.server(server(1)).unwrap().production;
    assert_eq!(
        production,
        Some(VersionNumber(1)),
        "production keeps its own until promote"
    );
}

#[test]
fn what_is_referred_to_must_be_there() {
    let mut log = Log::with_finance();
    let missing = |what: &str| Verdict::Refused(Conflict::Missing(what.to_owned()));
    assert_eq!(
        log.give("a", 0, grant(1, 9, None)),
        missing(&format!("server {}", server(9)))
    );
    assert_eq!(
        log.give("b", 0, grant(1, 1, Some("write"))),
        missing("tool write of finance")
    );
    let Change::GrantAdded(foreign) = grant(1, 1, None) else {
        unreachable!()
    };
    let foreign = Change::GrantAdded(Grant {
        issuer: name("other"),
        ..foreign
    });
    assert_eq!(log.give("c", 0, foreign), missing("issuer other"));
    let id = GrantId(Uuid::from_u128(1));
    assert_eq!(
        log.give("d", 0, Change::GrantRemoved(GrantChosen { id })),
        missing(&format!("grant {id}"))
    );
    assert_eq!(
        log.give("e", log.version(1), approve(1, 7)),
        missing("version 7 of finance")
    );
    let block = Block {
        id: BlockId(Uuid::nil()),
        target: BlockTarget::Client {
            issuer: name("other"),
            client: name("app"),
        },
        not_before: None,
    };
    assert_eq!(
        log.give("f", 0, Change::BlockAdded(block)),
        missing("issuer other")
    );
}

#[test]
fn a_block_raises_the_epoch_of_whom_it_is_for_and_its_end_does_not_lower_it() {
    let mut log = Log::with_finance();
    let caller = |user: Option<&str>, client: &str| Principal {
        issuer: name("idp"),
        tenant: name("t"),
        user: user.map(name),
        display_name: None,
        client: name(client),
        groups: BTreeSet::new(),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
    };
    let (ada_by_app, app, bob_by_other) = (
        caller(Some("ada"), "app"),
        caller(None, "app"),
        caller(Some("bob"), "other"),
    );
    let block = |n: u128, target: BlockTarget| {
        let id = BlockId(Uuid::from_u128(n));
        Change::BlockAdded(Block {
            id,
            target,
            not_before: None,
        })
    };
    let epochs = |log: &Log| {
        let snapshot = Snapshot::of(&log.state);
        [&ada_by_app, &app, &bob_by_other].map(|principal| snapshot.epoch(principal).0)
    };
    assert_eq!(epochs(&log), [0, 0, 0]);
    let ada = BlockTarget::User {
        issuer: name("idp"),
        tenant: name("t"),
        user: name("ada"),
    };
    log.give("user", 0, block(1, ada.clone()));
    let first = log.state.revision().unwrap().0;
    assert_eq!(epochs(&log), [first, 0, 0]);
    let unblock = Change::BlockRemoved(BlockChosen {
        id: BlockId(Uuid::from_u128(1)),
    });
    assert_eq!(log.give("unblock", first, unblock), Verdict::Effective);
    assert_eq!(epochs(&log), [first, 0, 0], "raised for good");
    let by_app = BlockTarget::Client {
        issuer: name("idp"),
        client: name("app"),
    };
    log.give("client", 0, block(2, by_app));
    let second = log.state.revision().unwrap().0;
    assert_eq!(epochs(&log), [second, second, 0], "whoever calls by it");
    log.give("again", 0, block(3, ada));
    let third = log.state.revision().unwrap().0;
    assert_eq!(epochs(&log), [third, second, 0]);
}

#[test]
fn a_thing_that_came_again_has_another_version() {
    let mut log = Log::with_finance();
    let before = log.state.issuer(&name("idp")).unwrap().changed.version();
    assert_eq!(
        log.give(
            "a",
            0,
            Change::IssuerDistrusted(IssuerChosen { name: name("idp") })
        ),
        Verdict::Effective
    );
    assert_eq!(log.give("b", 0, trust("idp")), Verdict::Effective);
    assert!(matches!(
        log.give("c", before.0, trust("idp")),
        Verdict::Refused(Conflict::VersionPassed { .. })
    ));
}

#[test]
fn a_log_that_is_not_this_one_is_refused() {
    let log = Log::with_finance();
    let mut state = State::default();
    assert_eq!(
        state.apply(Offset(0), &log.events[1]),
        Err(FoldError::NoBeginning)
    );
    assert_eq!(state.apply(Offset(0), &log.events[0]), Ok(Verdict::Effective));
    let gap = FoldError::Gap {
        wanted: Offset(1),
        found: Offset(2),
    };
    assert_eq!(state.apply(Offset(2), &log.events[2]), Err(gap));
    assert_eq!(
        state.apply(Offset(0), &log.events[0]),
        Err(FoldError::Gap {
            wanted: Offset(1),
            found: Offset(0)
        })
    );
    assert_eq!(state.revision(), Some(Offset(0)));
}

#[test]
fn a_log_begins_once() {
    let mut log = Log::with_finance();
    let again = Change::LogCreated(LogCreated {
        log: LogId(Uuid::from_u128(5)),
    });
    assert_eq!(log.give("x", 0, again), Verdict::Refused(Conflict::LogBegun));
    assert_eq!(log.state.log(), Some(LogId(Uuid::nil())));
}

/// Any change, about few enough things that they meet.
fn any_change() -> impl Strategy<Value = Change> {
    let n = 1..4_u128;
    let slug = prop_oneof![Just("finance"), Just("hr")];
    let audience = prop_oneof![Just("api://x"), Just("api://y")];
    let tool = prop_oneof![Just(None), Just(Some("read")), Just(Some("write"))];
    prop_oneof![
        (n.clone(), slug.clone()).prop_map(|(n, slug)| register(n, slug)),
        (n.clone(), slug, audience).prop_map(|(n, slug, audience)| update(n, slug, audience, "2")),
        (n.clone(), 1..4_u32).prop_map(|(n, version)| approve(n, version)),
        (n.clone(), 1..4_u32).prop_map(|(n, version)| promote(n, version)),
        n.clone().prop_map(disable),
        n.clone().prop_map(enable),
        n.clone().prop_map(retire),
        (n.clone(), n.clone(), tool).prop_map(|(id, n, tool)| grant(id, n, tool)),
        n.clone().prop_map(|n| Change::GrantRemoved(GrantChosen {
            id: GrantId(Uuid::from_u128(n))
        })),
        n.clone().prop_map(|n| Change::ToolDisabled(read_of(n))),
        n.clone().prop_map(|n| Change::ToolEnabled(read_of(n))),
        n.clone().prop_map(block),
        n.prop_map(|n| Change::BlockRemoved(BlockChosen {
            id: BlockId(Uuid::from_u128(n))
        })),
        Just(trust("idp")),
        Just(Change::IssuerDistrusted(IssuerChosen { name: name("idp") })),
        Just(Change::SettingsChanged(Box::default())),
    ]
}

/// Whether the expected version is the present one, and which command id is used.
fn any_script() -> impl Strategy<Value = Vec<(Change, bool, u8)>> {
    prop::collection::vec((any_change(), prop::bool::weighted(0.8), 0..40_u8), 0..40)
}

fn run(script: &[(Change, bool, u8)]) -> Log {
    let mut log = Log::begun();
    for (change, present, command) in script {
        let expected = match (present, log.state.version_of(change)) {
            (true, Ok(version)) => version.0,
            (true, Err(_)) | (false, _) => 1,
        };
        let before = log.state.clone();
        let verdict = log.give(&format!("c{command}"), expected, change.clone());
        if verdict != Verdict::Effective {
            // Nothing moves but the revision and the memory of the command.
            let mut after = log.state.clone();
            after.commands = before.commands.clone();
            after.origin = before.origin;
            assert_eq!(after.digest().unwrap(), before.digest().unwrap());
        }
    }
    log
}

proptest! {
    #[test]
    fn a_replay_is_the_same_state(script in any_script()) {
        let log = run(&script);
        let mut replayed = State::default();
        for (offset, event) in log.events.iter().enumerate() {
            replayed.apply(Offset(offset as u64), event).unwrap();
        }
        prop_assert_eq!(replayed.digest().unwrap(), log.state.digest().unwrap());
    }

    #[test]
    fn what_holds_in_every_state(script in any_script()) {
        let state = run(&script).state;
        for server in state.servers() {
            prop_assert!(server.retired.is_none());
            prop_assert_eq!(state.server_named(&server.slug).unwrap().id, server.id);
            prop_assert!(server.production().is_none_or(|version| version.approved.is_some()));
        }
        for grant in state.grants() {
            prop_assert!(state.server(grant.value.server).unwrap().retired.is_none());
        }
    }
}

/// The verdicts of one long script, as they were when the rule was frozen. A difference here rewrites history in every log there is.
#[test]
fn the_rule_says_what_it_always_said() {
    let mut log = Log::with_finance();
    let mut verdicts = String::new();
    let steps: Vec<(&str, u64, Change)> = vec![
        ("1", 2, approve(1, 1)),
        ("2", 2, approve(1, 1)),
        ("3", 3, promote(1, 1)),
        ("4", 0, register(2, "finance")),
        ("5", 0, register(2, "hr")),
        ("6", 0, grant(1, 1, Some("read"))),
        ("7", 0, grant(1, 2, None)),
        ("8", 5, update(1, "finance", "api://y", "2")),
        ("9", 10, promote(1, 2)),
        ("10", 0, disable(1)),
        ("10", 0, disable(1)),
        ("11", 12, enable(1)),
        ("12", 14, retire(1)),
        ("13", 0, disable(1)),
        ("14", 0, register(3, "finance")),
        ("15", 0, joined(1)),
        ("16", 7, joined(1)),
    ];
    for (command, expected, change) in steps {
        writeln!(verdicts, "{command}: {:?}", log.give(command, expected, change)).unwrap();
    }
    let golden = include_str!("../../tests/golden/verdicts.txt");
    assert_eq!(verdicts, golden, "\n{verdicts}");
}
