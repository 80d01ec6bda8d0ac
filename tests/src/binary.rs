//! The binary under test, and the folder of this crate.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

static BINARY: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("ONEDOOR_BIN") {
    Some(path) => path.into(),
    None => build(),
});

/// The `onedoor` binary: what `ONEDOOR_BIN` names, else a fresh debug build.
///
/// # Panics
/// It cannot be built, or is not there.
#[must_use]
pub fn onedoor() -> &'static Path {
    assert!(BINARY.is_file(), "there is no {}", BINARY.display());
    &BINARY
}

/// The folder of this crate.
#[must_use]
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds the binary, and asks Cargo where it is. `cargo test` builds it only for the tests of its own package.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "onedoor",
            "--bin",
            "onedoor",
            "--message-format=json",
        ])
        .current_dir(here())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo build failed");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "onedoor" && message["reason"] == "compiler-artifact";
        message["executable"]
            .as_str()
            .filter(|_| is_ours)
            .map(PathBuf::from)
    });
    executable.unwrap()
}
