//! The model stays pure: nothing that does I/O, keeps time or runs tasks may come into its dependency tree.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, process::Command};

const BANNED: [&str; 10] = [
    "tokio",
    "sqlx",
    "rdkafka",
    "hyper",
    "reqwest",
    "async-std",
    "mio",
    "axum",
    "redis",
    "aws-lc-rs",
];

fn tree(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_dependency_tree_holds_nothing_impure() {
    let tree = tree("onedoor-model");
    assert!(tree.contains("serde"), "the tree was read");
    let found: Vec<_> = BANNED.iter().filter(|banned| tree.contains(**banned)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// The check above would see them: the log, which may do I/O, has some.
#[test]
fn an_impure_tree_is_found() {
    assert!(tree("onedoor-log").contains("tokio"));
}
