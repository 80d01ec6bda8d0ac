//! What became of each call: by the rule of the design, read off the log itself, and by the index.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use onedoor_log::Stream;
use onedoor_tests::cluster::{Cluster, Written};
use serde_json::Value;

/// How long dead boots may take to be closed, and the index to know it.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(500);
/// A call that has not ended.
const OPEN: &str = "open";

/// All calls, each with its one outcome.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The audit.
    pub(crate) written: Written,
    outcomes: BTreeMap<String, String>,
}

impl Journal {
    /// Waits until every call in the audit has ended, and the index says of each what the log does.
    ///
    /// # Panics
    /// It does not come to that; or a call reached the upstream that the audit does not know, or twice; or the audit knows one twice.
    pub(crate) async fn settled(cluster: &Cluster) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let written = cluster.written(Stream::Audit).await;
            let outcomes = outcomes(&written.events);
            let index = index(cluster).await;
            let unsettled =
                |(call, outcome): &(&String, &String)| *outcome == OPEN || index.get(*call) != Some(*outcome);
            let unsettled: Vec<_> = outcomes.iter().filter(unsettled).collect();
            if unsettled.is_empty() && index.len() == outcomes.len() {
                let journal = Self { written, outcomes };
                journal.check(cluster);
                return journal;
            }
            assert!(
                Instant::now() < deadline,
                "{} calls in the log, {} in the index; open or not the same there: {unsettled:?}",
                outcomes.len(),
                index.len(),
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How many calls ended so.
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.outcomes.values().filter(|ended| *ended == outcome).count()
    }

    /// How many calls there are.
    pub(crate) fn len(&self) -> usize {
        self.outcomes.len()
    }

    fn check(&self, cluster: &Cluster) {
        let recorded = self.written.of_type("ToolCalled").len();
        assert_eq!(recorded, self.outcomes.len(), "a call was recorded twice");
        let mut seen = BTreeSet::new();
        for request in cluster.upstream.requests() {
            if let Some(call) = request.header("onedoor-call-id") {
                assert!(self.outcomes.contains_key(call), "{call} is not recorded");
                assert!(seen.insert(call.to_owned()), "{call} was dispatched twice");
            }
        }
        let answered = self.outcomes.iter().filter(|(_, ended)| *ended == "succeeded");
        assert!(answered.count() > 0, "nothing was called: the test shows nothing");
    }
}

/// How each call in the audit ended: the first outcome in offset order counts, and the end of its boot is one.
fn outcomes(events: &[Value]) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::<String, String>::new();
    let mut calls_of = BTreeMap::<&str, Vec<String>>::new();
    for event in events {
        let data = &event["data"];
        let call = data["call"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "dev.onedoor.ToolCalled.v1" => {
                calls_of
                    .entry(event["boot"].as_str().unwrap())
                    .or_default()
                    .push(call.clone());
                outcomes.entry(call).or_insert_with(|| OPEN.to_owned());
            }
            "dev.onedoor.ToolCallCompleted.v1" => {
                let ended = outcomes.get_mut(&call).expect("an outcome before its call");
                if ended == OPEN {
                    data["outcome"].as_str().unwrap().clone_into(ended);
                }
            }
            "dev.onedoor.BootClosed.v1" => {
                for call in calls_of
                    .remove(data["closed"].as_str().unwrap())
                    .unwrap_or_default()
                {
                    let ended = outcomes.get_mut(&call).unwrap();
                    if ended == OPEN {
                        "unknown".clone_into(ended);
                    }
                }
            }
            _ => {}
        }
    }
    outcomes
}

/// The calls that the index lists, but for those that were refused; each once.
async fn index(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut index = BTreeMap::new();
    for row in listed(cluster).await {
        let [call, outcome] = ["call", "outcome"].map(|member| row[member].as_str().unwrap().to_owned());
        if outcome != "denied" {
            assert!(
                index.insert(call.clone(), outcome).is_none(),
                "{call} is listed twice"
            );
        }
    }
    index
}

/// All rows that the index lists.
pub(crate) async fn listed(cluster: &Cluster) -> Vec<Value> {
    let admin = cluster.admin(0);
    let (mut calls, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("/audit/calls?limit=1000{cursor}"))
            .await
            .expect(200)
            .body;
        calls.extend(page["calls"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return calls,
        }
    }
}

/// How many events of this type came of boots that had been closed: they were on their way when these were thought dead.
pub(crate) fn after_the_end(written: &Written, name: &str) -> usize {
    let name = format!("dev.onedoor.{name}.v1");
    let mut closed = BTreeSet::new();
    let late = written.events.iter().filter(|event| {
        closed.extend(event["data"]["closed"].as_str());
        event["type"] == name && closed.contains(event["boot"].as_str().unwrap())
    });
    late.count()
}

#[test]
fn the_rule_takes_the_first_outcome() {
    let event = |name: &str, data: Value| serde_json::json!({ "type": format!("dev.onedoor.{name}.v1"), "boot": "b", "data": data });
    let called = |call: &str| event("ToolCalled", serde_json::json!({ "call": call }));
    let ended = |call: &str, outcome: &str| {
        event(
            "ToolCallCompleted",
            serde_json::json!({ "call": call, "outcome": outcome }),
        )
    };
    let events = [
        called("ended"),
        ended("ended", "succeeded"),
        ended("ended", "timed_out"),
        called("cut"),
        event("BootClosed", serde_json::json!({ "closed": "other" })),
        event("BootClosed", serde_json::json!({ "closed": "b" })),
        ended("cut", "succeeded"),
        called("late"),
        called("late and cut"),
        ended("late", "not_dispatched"),
    ];
    let expected = [
        ("cut", "unknown"),
        ("ended", "succeeded"),
        ("late", "not_dispatched"),
        ("late and cut", OPEN),
    ];
    let expected = expected.map(|(call, outcome)| (call.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&events), BTreeMap::from(expected));
}
