//! The admin plane on real parts: a registry on `memory://`, a projector, a verifier with a key set served on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod beside;
mod bodies;
mod concurrency;
mod documents;
mod first_admins;
mod gated_log;
mod issuer;
mod life;
mod lists;
mod restores;
mod retries;
mod roles;
mod rows;
mod world;
