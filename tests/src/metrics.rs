//! A door's metrics, read by Prometheus' own parser.

use std::process::Stdio;

use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use crate::{dev::Dev, sdk::python};

/// Strict: it fails on what is not `OpenMetrics`.
const PARSE: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
for family in families(sys.stdin.read()):
    for sample in family.samples:
        print(json.dumps([sample.name, sample.labels, sample.value]))
";

/// All samples of one look.
#[derive(Clone, Debug)]
pub struct Metrics(Vec<Sample>);

#[derive(Clone, Debug, Deserialize)]
struct Sample(String, std::collections::BTreeMap<String, String>, f64);

impl Metrics {
    /// Looks now.
    ///
    /// # Panics
    /// The parser did not take the page.
    pub async fn of(dev: &Dev) -> Self {
        let answer = dev.http.get(format!("{}/metrics", dev.places.admin_url)).send();
        let answer = answer.await.unwrap().error_for_status().unwrap();
        let page = answer.text().await.unwrap();
        let mut parser = python(".venv")
            .args(["-c", PARSE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("run scripts/setup-tests.sh");
        let mut stdin = parser.stdin.take().unwrap();
        stdin.write_all(page.as_bytes()).await.unwrap();
        drop(stdin);
        let parsed = parser.wait_with_output().await.unwrap();
        assert!(parsed.status.success(), "{page}");
        let lines = String::from_utf8(parsed.stdout).unwrap();
        Self(
            lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        )
    }

    /// The sum of the samples of this name that have these labels.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.0
            .iter()
            .filter(|Sample(named, _, _)| named == name)
            .filter(|Sample(_, has, _)| {
                labels
                    .iter()
                    .all(|(label, value)| has.get(*label).is_some_and(|has| has == value))
            })
            .map(|Sample(_, _, value)| value)
            .sum()
    }

    /// Every value of every label.
    pub fn label_values(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|Sample(_, labels, _)| labels.values().map(String::as_str))
    }
}
