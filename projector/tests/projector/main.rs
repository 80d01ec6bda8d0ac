//! The projector on real log engines and real files.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod calls;
mod history;
mod outcomes;
mod rebuild;
mod refusals;
mod registry;
mod scene;
mod story;
mod support;
