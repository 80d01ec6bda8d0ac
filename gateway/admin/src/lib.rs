//! The admin plane: the registry API with its OpenAPI document.
//!
//! [`router`] is all there is to it. A command can be given only with leave for an action (`permission::May`), and only
//! handlers that ask for leave can be routed (`endpoint`); who has leave stands in one table (`action`). Every refusal is one type,
//! `refusal::Refusal`, rendered in one place.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod action;
mod answer;
mod audit;
mod blocks;
mod body;
mod endpoint;
mod faults;
mod first_admin;
mod grants;
mod header;
mod health;
mod history;
mod idempotency;
mod issuers;
mod lifecycle;
mod log;
mod manifests;
mod openapi;
mod order;
mod owner;
mod page;
mod permission;
mod precondition;
mod problem;
mod read;
mod reason;
mod refusal;
mod replicas;
mod router;
mod servers;
mod settings;
#[cfg(test)]
mod testing;
mod text;
mod view;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use onedoor_authn::Verifier;
use onedoor_lease::Control;
use onedoor_model::principal::Principal;
use onedoor_projector::Store;
use onedoor_registry::Registry;

pub use self::{
    action::{Action, Reach, Role},
    first_admin::{AdminClaim, FirstAdmin},
    health::{Health, Probes},
    issuers::read_issuer,
    refusal::Reason,
    router::{openapi, router},
    settings::read_settings,
};

/// What the admin plane works with.
#[derive(Clone)]
pub struct Deps {
    /// The live registry.
    pub registry: Arc<Registry>,
    /// How commands are given, and what is known of the replicas.
    pub control: Arc<Control>,
    /// Where it is told how long commands took to be enforced.
    pub enforcements: Arc<dyn Enforcements>,
    /// Histories and the audit index.
    pub store: Store,
    /// Who calls.
    pub verifier: Arc<Verifier>,
    /// Where refusals are told.
    pub denied: Arc<dyn Denied>,
    /// How servers answer their probes.
    pub probes: Arc<dyn Probes>,
    /// Callers whom the bootstrap file makes administrators.
    pub first_admins: Arc<[FirstAdmin]>,
}

/// Where it is told how long restrictive commands took, from their receipt until they were enforced everywhere.
pub trait Enforcements: Send + Sync + fmt::Debug {
    /// One is enforced.
    fn enforced(&self, took: Duration);
}

/// Where refusals of callers are told, to be recorded.
pub trait Denied: Send + Sync + fmt::Debug {
    /// A caller was refused. Never waits: a refusal does not wait for its record.
    fn denied(&self, request: DeniedRequest<'_>);
}

/// A request that was refused: nobody is known to have sent it, or its sender may not do this.
#[derive(Clone, Copy, Debug)]
pub struct DeniedRequest<'a> {
    /// Method and route, such as `POST /api/v1/servers/{slug}/approve`.
    pub operation: &'a str,
    /// Where it came from, if the listener put `ConnectInfo<SocketAddr>` into the request's extensions.
    pub source: Option<IpAddr>,
    /// Who was refused, and why.
    pub refused: Refused<'a>,
}

/// Who is refused, and why.
#[derive(Clone, Copy, Debug)]
pub enum Refused<'a> {
    /// Nobody is known: the reason of the authentication, one of [`onedoor_authn::REASONS`].
    Unauthenticated(&'static str),
    /// A block keeps the caller out.
    Blocked(&'a Principal),
    /// The caller holds none of the roles that would do.
    NoRole(&'a Principal),
    /// It is another owner's server.
    NotOwner(&'a Principal),
}

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Arc<Control>,
    pub(crate) enforcements: Arc<dyn Enforcements>,
    pub(crate) rows: Store,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) denied: Arc<dyn Denied>,
    pub(crate) probes: Arc<dyn Probes>,
    pub(crate) first_admins: Arc<[FirstAdmin]>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps")
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}
