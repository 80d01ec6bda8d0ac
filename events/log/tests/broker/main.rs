//! A broker of its own for each test: ones that restart under appends and tails, that want to know who comes, and whose topics are
//! made anew.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these are tests"
)]

mod anew;
mod broker;
mod gate;
mod restart;
mod security;
