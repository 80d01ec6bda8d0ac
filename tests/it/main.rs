//! The end-to-end tests: the real binary, real clients and servers, and judges that share no code with it.
//!
//! `make test` runs them as part of everything; alone: `scripts/setup-tests.sh && cargo test -p onedoor-tests`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod audit;
mod cluster;
mod crash;
mod dashboard;
mod drain;
mod federation;
mod http_tools;
mod oauth;
mod on_behalf_of;
mod operations;
mod rate_limits;
mod rbac;
mod registry;
mod rmcp;
mod sdks;
mod secrets;
mod serve;
mod session;
mod session_attacks;
mod sessions;
mod stages;
mod tokens;
mod tools;
mod tour;
mod upstream_tls;
mod upstreams;
mod wire;

use onedoor_tests::{dev::Dev, upstream::Upstream};

/// A door with an upstream behind the slug `edge`, all tools of which `analyst` may call.
async fn door() -> (Dev, Upstream) {
    let (dev, upstream) = tokio::join!(Dev::start(), Upstream::start());
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    admin.grant(&dev.analysts(), "edge", None, "production").await;
    (dev, upstream)
}
