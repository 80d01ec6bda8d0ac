//! The Grafana dashboard and the alert rules ask for metrics that there are, by labels that these have: what docs/operations.md lists,
//! which another test compares with what the binary exports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

/// Labels that Prometheus adds, or that a type of metric brings.
const ADDED: [&str; 3] = ["instance", "job", "le"];

/// A metric of the documentation.
struct Documented {
    labels: BTreeSet<String>,
    kind: String,
}

type Metrics = BTreeMap<String, Documented>;

/// Rows such as ``| `onedoor_calls_total{server,outcome}` | counter | … |``.
fn documented(page: &str) -> Metrics {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (series, rest) = row.split_once("` | ")?;
        let (kind, _) = rest.split_once(" |")?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .map(str::to_owned)
            .collect();
        let kind = kind.to_owned();
        ["counter", "gauge", "histogram"]
            .contains(&kind.as_str())
            .then(|| (name.to_owned(), Documented { labels, kind }))
    })
    .collect()
}

/// The metric that a series of this name belongs to.
fn of_series<'a>(metrics: &'a Metrics, series: &str) -> Option<&'a Documented> {
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|part| series.strip_suffix(part));
    match histogram.and_then(|name| metrics.get(name)) {
        Some(metric) => (metric.kind == "histogram").then_some(metric),
        None => metrics.get(series).filter(|metric| metric.kind != "histogram"),
    }
}

/// What an expression asks for that there is not.
fn faults(metrics: &Metrics, expression: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut asked = BTreeSet::from(ADDED.map(str::to_owned));
    for (at, series) in series(expression) {
        let Some(metric) = of_series(metrics, series) else {
            faults.push(format!("{series} is no metric"));
            continue;
        };
        asked.extend(metric.labels.iter().cloned());
        let selector = expression[at + series.len()..]
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        for label in selector.map_or(Vec::new(), |(selector, _)| selected(selector)) {
            if !metric.labels.contains(label) {
                faults.push(format!("{series} has no label {label}"));
            }
        }
    }
    for (by, _) in expression.match_indices(" by (") {
        let labels = expression[by + 5..].split(')').next().unwrap_or_default();
        for label in labels
            .split(',')
            .map(str::trim)
            .filter(|label| !asked.contains(*label))
        {
            faults.push(format!("nothing in it has the label {label}"));
        }
    }
    faults
}

/// The series that an expression names, and where.
fn series(expression: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = ["onedoor_", "process_"]
        .into_iter()
        .flat_map(|of| expression.match_indices(of));
    begin.map(|(at, _)| {
        let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        (at, expression[at..].split(ends).next().unwrap_or_default())
    })
}

/// The labels of a selector such as `route=~".*/disable",status="200"`.
fn selected(selector: &str) -> Vec<&str> {
    let matchers = selector
        .split("\",")
        .map(|matcher| matcher.split(['=', '!']).next());
    matchers.flatten().map(str::trim).collect()
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every `expr` of a dashboard, however deep.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let metrics = documented(&read("docs/operations.md"));
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/onedoor.json")).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for expression in found {
        assert_eq!(faults(&metrics, &expression), [""; 0], "{expression}");
    }
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let metrics = documented(&read("docs/operations.md"));
    let rules = read("deploy/prometheus/alerts.yml");
    // A rule's expression ends where its next key begins.
    let found: Vec<&str> = rules
        .split("expr:")
        .skip(1)
        .filter_map(|rest| rest.split("annotations:").next())
        .collect();
    assert!(found.len() > 10, "{found:?}");
    for expression in found {
        assert_eq!(faults(&metrics, expression), [""; 0], "{expression}");
    }
}

#[test]
fn what_there_is_not_is_found() {
    let metrics = documented(
        "| `onedoor_calls_total{server,outcome}` | counter | calls |\n\
         | `onedoor_call_added_seconds{server}` | histogram | until dispatch |\n\
         | `onedoor_audit_writable` | gauge | whether |\n",
    );
    for good in [
        "sum by (outcome) (rate(onedoor_calls_total{server=\"a\",outcome=~\"b|c\"}[5m]))",
        "histogram_quantile(0.95, sum by (le, server) (rate(onedoor_call_added_seconds_bucket[5m])))",
        "onedoor_audit_writable == 0",
    ] {
        assert_eq!(faults(&metrics, good), [""; 0], "{good}");
    }
    for bad in [
        "onedoor_calls",
        "onedoor_calls_total_bucket",
        "onedoor_call_added_seconds",
        "onedoor_calls_total{tool=\"a\"}",
        "onedoor_calls_total{server=\"a\",tool=\"b\"}",
        "sum by (reason) (onedoor_calls_total)",
        "onedoor_audit_writable{server=\"a\"}",
    ] {
        assert_ne!(faults(&metrics, bad), [""; 0], "{bad}");
    }
}
