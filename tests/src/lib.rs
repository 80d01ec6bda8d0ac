//! What the end-to-end tests are made of: a door to test ([`dev`], or [`cluster`] on the real parts of [`stack`]), those who speak to it ([`mcp`], [`session`], [`sdk`], [`admin`],
//! [`raw`]), ways between that break ([`cut`], [`proxy`]), those it speaks to ([`upstream`], [`session_upstream`], [`session_servers`], [`service`], [`idp`]), and judges that share no
//! code with it ([`oracle`], [`search`]).
//!
//! The door is the real binary. `ONEDOOR_BIN` names it; without that, the first test builds it with Cargo.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the support of tests fails by panicking, as tests do"
)]

pub mod admin;
pub mod binary;
pub mod cluster;
pub mod collector;
pub mod cut;
pub mod dev;
pub mod dice;
pub mod idp;
pub mod ledger;
pub mod log;
pub mod manifest;
pub mod mcp;
pub mod metrics;
pub mod oracle;
pub mod proxy;
pub mod raw;
pub mod scripted;
pub mod sdk;
pub mod search;
pub mod service;
pub mod session;
pub mod session_servers;
pub mod session_upstream;
pub mod stack;
pub mod token;
pub mod upstream;
pub mod wait;
pub mod world;
