//! For tests: where the real Redis is, options with keys of the test's own, and a way to Redis that fails as told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "it is of tests")]

mod raw;
mod way;

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use onedoor_model::registry::SecretRef;
use onedoor_redis::Options;
use tempfile::TempDir;

pub use raw::Raw;
pub use way::{Fault, Way};

/// The variable, and the line of `.stack/env`, that says where Redis is.
const VARIABLE: &str = "ONEDOOR_TEST_REDIS";

/// Keys for Redis, in files.
#[derive(Debug)]
pub struct Keys {
    folder: TempDir,
}

impl Keys {
    /// A folder for keys.
    #[must_use]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The key that is 32 times this byte.
    #[must_use]
    pub fn key(&self, byte: u8) -> SecretRef {
        let text = STANDARD.encode([byte; 32]);
        self.file(&format!("key-{byte}"), text.as_bytes())
    }

    /// A reference to a file with this content.
    pub fn file(&self, name: &str, content: &[u8]) -> SecretRef {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        format!("file:{}", path.display()).parse().unwrap()
    }

    /// Options for the Redis at `url` with these keys, and names that no other test has. A slow machine is no failure.
    #[must_use]
    pub fn options(&self, url: &str, ring: &[u8]) -> Options {
        let keys = ring.iter().map(|byte| self.key(*byte)).collect();
        let mut options = Options::new(url, keys);
        options.prefix = self.prefix();
        options.connect_timeout *= 4;
        options.command_timeout *= 4;
        options
    }

    /// What names in Redis begin with: this folder's name.
    #[must_use]
    pub fn prefix(&self) -> String {
        let name = self.folder.path().file_name().unwrap();
        format!("test{}", name.to_str().unwrap())
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// The real Redis: from the environment, or where `make stack` wrote it down.
///
/// # Panics
/// There is none.
#[must_use]
pub fn url() -> String {
    std::env::var(VARIABLE)
        .ok()
        .or_else(from_the_stack)
        .unwrap_or_else(|| {
            panic!("no {VARIABLE}: start Kafka, PostgreSQL and Redis with `make stack`");
        })
}

fn from_the_stack() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?;
    let stack: PathBuf = root.join(".stack/env");
    let lines = fs::read_to_string(stack).ok()?;
    let value = lines.lines().find_map(|line| {
        line.trim_start_matches("export ")
            .strip_prefix(VARIABLE)?
            .strip_prefix('=')
    })?;
    Some(value.to_owned())
}
