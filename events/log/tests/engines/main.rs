//! One contract over every engine, whether it would notice a faulty one, and what only a log on disk must do.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests"
)]

mod contract;
mod controls;
mod kafka;
mod memory;
mod sqlite;
