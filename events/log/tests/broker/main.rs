//! A broker of its own for each test: one that restarts under appends and tails, and ones that want to know who comes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these are tests"
)]

mod broker;
mod restart;
mod security;
