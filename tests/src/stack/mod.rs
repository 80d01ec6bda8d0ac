//! The real Kafka, PostgreSQL and Redis that tests work on: those of `make stack`, and three brokers that may fail ([`brokers`]).

pub mod brokers;
pub mod ports;

use std::{collections::HashMap, path::PathBuf, sync::LazyLock};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{binary, wait};

/// Where the parts are.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Host and port of the one broker.
    pub kafka: String,
    /// URL of PostgreSQL, as a superuser.
    pub postgres: String,
    /// URL of Redis.
    pub redis: String,
}

static STACK: LazyLock<Stack> = LazyLock::new(|| {
    let written = std::fs::read_to_string(folder().join("env")).unwrap_or_default();
    let written: HashMap<&str, &str> = written.lines().filter_map(|line| line.split_once('=')).collect();
    let place = |name: &str| {
        std::env::var(name)
            .ok()
            .or_else(|| written.get(name).map(|place| (*place).to_owned()))
            .unwrap_or_else(|| panic!("{name} is not set, and no stack runs: `make stack` starts it"))
    };
    Stack {
        kafka: place("ONEDOOR_TEST_KAFKA"),
        postgres: place("ONEDOOR_TEST_POSTGRES"),
        redis: place("ONEDOOR_TEST_REDIS"),
    }
});

impl Stack {
    /// The stack that runs: what the environment names, else what `.stack/env` says.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn running() -> &'static Self {
        &STACK
    }
}

/// Has Redis do something, and waits until it has.
pub async fn redis_says(url: &str, command: &str) {
    let place = url.strip_prefix("redis://").unwrap();
    let mut redis = TcpStream::connect(place).await.unwrap();
    redis
        .write_all(format!("{command}\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = [0; 64];
    let read = wait::within("Redis", redis.read(&mut answer)).await.unwrap();
    assert!(
        answer[..read].starts_with(b"+"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

/// Where `make stack` puts what it is made of.
fn folder() -> PathBuf {
    root().join(".stack")
}

/// The project's folder.
fn root() -> PathBuf {
    binary::here().parent().unwrap().to_owned()
}
