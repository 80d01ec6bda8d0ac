//! Token B exchanged at the development identity provider, and at ones that misbehave, over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../src/world.rs"]
#[allow(dead_code, reason = "the crate's own tests use the rest")]
mod world;

mod exchange;
mod misbehaving;
mod scene;
mod shared;
