//! Configuration files of the processes.

use std::path::Path;

use super::{FIRST_ADMIN, Site, gateway::Ports};
use crate::{idp::TENANT, stack::Stack};

/// Where a process finds the parts, by its own ways.
pub(super) struct Places<'a> {
    pub kafka: &'a str,
    pub postgres: &'a str,
    pub redis: &'a str,
}

/// The configuration of a replica.
pub(super) fn gateway(site: &Site, name: &str, ports: &Ports, places: &Places<'_>, folder: &Path) -> String {
    let Site {
        name: prefix,
        public_url,
        issuer,
        ..
    } = site;
    let Ports { data, admin } = ports;
    let (keys, admin_url) = (folder.join("keys"), ports.admin_url());
    let cache_key = folder.join("redis.key");
    format!(
        "replica = {name:?}\n\
         keys = {keys:?}\n\
         publicUrl = {public_url:?}\n\
         adminUrl = {admin_url:?}\n\
         plainText = true\n\
         drainSeconds = 2\n\
         [dataPlane]\n\
         listen = \"127.0.0.1:{data}\"\n\
         [adminPlane]\n\
         listen = \"127.0.0.1:{admin}\"\n\
         [settings]\n\
         internalNetworks = [\"127.0.0.0/8\"]\n\
         [redis]\n\
         url = \"redis://{redis}\"\n\
         prefix = \"{prefix}\"\n\
         keys = [\"file:{cache_key}\"]\n\
         [[firstAdmins]]\n\
         issuer = \"corp\"\n\
         tenant = \"{TENANT}\"\n\
         user = \"{FIRST_ADMIN}\"\n\
         {issuer}\n\
         {parts}",
        redis = places.redis,
        cache_key = cache_key.display(),
        parts = parts(site, places),
    )
}

/// The configuration of a projector.
pub(super) fn projector(site: &Site, port: u16, places: &Places<'_>) -> String {
    format!(
        "{parts}[projector]\nlisten = \"127.0.0.1:{port}\"\n",
        parts = parts(site, places)
    )
}

/// The log and the database.
fn parts(site: &Site, places: &Places<'_>) -> String {
    let Site {
        name, replication, ..
    } = site;
    let Places { kafka, postgres, .. } = places;
    let (_, rest) = Stack::running().postgres.split_once("://").unwrap();
    let (user, rest) = rest.split_once('@').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    format!(
        "[log]\n\
         url = \"kafka://{kafka}/{name}\"\n\
         replication = {replication}\n\
         [database]\n\
         url = \"postgres://{user}@{postgres}/{database}\"\n\
         schema = \"{name}\"\n"
    )
}
