//! A million decisions of the rule itself.

use onedoor_model::decide::{Operation, Permit, Request, Snapshot, decide, visible_tools};
use onedoor_model::manifest::HttpMethod;
use onedoor_model::path::CanonicalPath;
use onedoor_model::registry::Stage;
use onedoor_tests::{
    oracle::{BUGS, Oracle},
    world::{Caller, SLUGS, TOOLS, World},
};
use serde_json::json;

/// How often the oracle is asked in each world, after how many events, about how many callers.
const ASKS: usize = 2;
const EVENTS: usize = 300;
const CALLERS: usize = 24;

/// What came of comparing.
#[derive(Debug, Default)]
struct Score {
    lookups: u64,
    allowed: u64,
    /// The product allows what the oracle forbids.
    false_positives: u64,
    /// The product forbids what the oracle allows.
    false_negatives: u64,
    /// Events that had an effect for one of the two only.
    events: u64,
}

impl Score {
    fn mistakes(&self) -> u64 {
        self.false_positives + self.false_negatives + self.events
    }
}

#[test]
fn a_million_lookups_agree_with_the_oracle() {
    let mut score = Score::default();
    let mut oracle = Oracle::start(None);
    for seed in 0.. {
        compare(seed, &mut oracle, &mut score);
        if score.lookups >= 1_000_000 {
            break;
        }
    }
    assert_eq!(score.mistakes(), 0, "{score:?}");
    // Neither answer is rare.
    assert!(
        score.allowed * 40 > score.lookups && score.allowed * 2 < score.lookups,
        "{score:?}"
    );
    println!("{score:?}");
}

/// The comparison can fail: each way of being wrong is noticed.
#[test]
fn every_planted_bug_is_noticed() {
    for bug in BUGS {
        let mut score = Score::default();
        let mut oracle = Oracle::start(Some(bug));
        for seed in 0..40 {
            compare(seed, &mut oracle, &mut score);
            if score.mistakes() > 0 {
                break;
            }
        }
        assert!(score.mistakes() > 0, "nobody noticed that {bug}");
    }
}

fn compare(seed: u64, oracle: &mut Oracle, score: &mut Score) {
    let mut world = World::begun(seed);
    oracle.ask(&json!({ "begin": true }));
    for _ in 0..ASKS {
        for _ in 0..EVENTS {
            world.happen();
        }
        let callers = world.callers(CALLERS);
        let (told, effective) = world.tell();
        oracle.tell(&json!({ "do": told }));
        let claims: Vec<_> = callers.iter().map(|caller| &caller.claims).collect();
        oracle.tell(&json!({ "ask": { "callers": claims, "slugs": SLUGS, "tools": TOOLS } }));
        // The two judge side by side.
        let snapshot = world.snapshot();
        let ours: Vec<String> = callers.iter().map(|caller| answers(&snapshot, caller)).collect();
        score.events += oracle.answer().as_u64().unwrap().abs_diff(effective);
        let theirs = oracle.answer();
        let theirs = theirs
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.len(), theirs.len());
            for pair in ours.bytes().zip(theirs.bytes()) {
                score.lookups += 1;
                match pair {
                    (b'1', b'1') => score.allowed += 1,
                    (b'1', _) => score.false_positives += 1,
                    (_, b'1') => score.false_negatives += 1,
                    (_, _) => {}
                }
            }
        }
    }
}

/// The product's decisions, in the order of the oracle's.
fn answers(snapshot: &Snapshot, caller: &Caller) -> String {
    let mut answers = String::new();
    let listed = caller
        .principal
        .as_ref()
        .map(|principal| visible_tools(snapshot, principal))
        .unwrap_or_default();
    for slug in SLUGS {
        for stage in [Stage::Production, Stage::Qa] {
            for tool in TOOLS {
                let may_in = |operation| {
                    let request = Request {
                        server: slug.to_owned().try_into().unwrap(),
                        stage,
                        operation,
                    };
                    let principal = caller.principal.as_ref();
                    let decision = principal.map(|principal| decide(snapshot, principal, &request));
                    matches!(decision, Some(Ok(Permit::CallTool(_))))
                };
                let in_mcp = may_in(Operation::CallTool(tool.to_owned().try_into().unwrap()));
                let in_http = may_in(Operation::CallRoute {
                    method: HttpMethod::Get,
                    path: CanonicalPath::parse(&format!("/{tool}")).unwrap(),
                });
                // A server speaks one of the two.
                assert!(!(in_mcp && in_http), "{slug} {stage} {tool}");
                let may = in_mcp || in_http;
                let is_listed = listed.iter().any(|visible| {
                    (
                        visible.server.slug.as_str(),
                        visible.stage,
                        visible.tool.name.as_str(),
                    ) == (slug, stage, tool)
                });
                // What is listed is exactly what can be called.
                assert_eq!(may, is_listed, "{slug} {stage} {tool}");
                answers.push(if may { '1' } else { '0' });
            }
        }
    }
    answers
}
