//! Real clients of the session revisions, and of both eras, where connections break, servers start anew and grants change.

mod back;
mod cut;
mod eras;
mod host;
mod inspector;
mod life;
mod rust;

use onedoor_tests::{dev::Dev, manifest::Manifest};

/// A door in front of this server, all tools of which `analyst` may call.
async fn door(manifest: &Manifest) -> Dev {
    let dev = Dev::start().await;
    let admin = dev.admin("admin").await;
    admin.open(manifest).await;
    admin
        .grant(&dev.analysts(), &manifest.slug, None, "production")
        .await;
    dev
}

fn all(dev: &Dev) -> String {
    format!("{}/mcp", dev.places.data_url)
}
