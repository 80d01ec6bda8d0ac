//! The session revisions of MCP, 2025-03-26 to 2025-11-25.

mod all;
mod asked;
mod clients;
mod eras;
mod foreign;
mod life;
mod streams;

use onedoor_tests::{dev::Dev, session_upstream::SessionUpstream};

/// A door with a server of the session revisions behind the slug `edge`, all tools of which `analyst` may call. Gives the grant's id, too.
async fn door() -> (Dev, SessionUpstream, String) {
    let (dev, upstream) = tokio::join!(Dev::start(), SessionUpstream::start());
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    let grant = admin.grant(&dev.analysts(), "edge", None, "production").await;
    (dev, upstream, grant)
}
