//! A session with all of the caller's servers: at each server, a session of its own is begun when one of its tools is first called.
//!
//! Those sessions are remembered here so that a server sees one client, not one a call. A replica that does not remember one begins it
//! anew: nothing but the server's own memory of the client depends on it.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};
use onedoor_model::{
    decide::CallPermit,
    ids::{Digest, ServerId, VersionNumber},
};
use onedoor_wire::{
    request::RequestId,
    session::{ClientCapabilities, Sending, SessionVersion, write},
};

use crate::{
    mcp::asked::Asked,
    refusal::{Failure, Reason},
};

use super::{
    open::begin,
    state::{Session, Target},
    upstream::{At, Way},
};

/// How long a server's session is remembered after its last call.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Sessions remembered at once.
const MOST: u64 = 10_000;

type Key = (Digest, ServerId, VersionNumber);

/// Sessions at servers, by the client's session.
#[derive(Clone, Debug)]
pub(crate) struct Targets(Cache<Key, Target>);

impl Targets {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MOST)
                // The default keeps what is asked for often, and lets what is new go.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE)
                .build(),
        )
    }

    /// Forgets a session that its server no longer knows.
    pub(super) async fn forget(&self, session: &Session) {
        if let Some(target) = &session.target {
            self.0
                .invalidate(&key(session, target.server, target.number))
                .await;
        }
    }
}

/// The client's session towards the server that a permit is for; begun there if it is not yet.
pub(super) async fn towards(
    asked: &Asked<'_>,
    session: &Session,
    permit: &CallPermit,
) -> Result<Session, Failure> {
    if !session.is_with_all() {
        return Ok(session.clone());
    }
    let key = key(session, permit.server().id, permit.version().number);
    let target = asked
        .door
        .targets
        .0
        .try_get_with(key, Box::pin(start(asked, session, permit)))
        .await
        .map_err(|failure: Arc<Failure>| Failure::clone(&failure))?;
    Ok(session.towards(target))
}

async fn start(asked: &Asked<'_>, session: &Session, permit: &CallPermit) -> Result<Target, Failure> {
    let id = RequestId::parse("\"onedoor\"").ok_or(Reason::Internal)?;
    let declared = session.declared();
    let capability = |is_declared: bool| is_declared.then_some("{}");
    let capabilities = ClientCapabilities {
        elicitation: capability(declared.elicitation),
        sampling: capability(declared.sampling),
        roots: capability(declared.roots),
    };
    let wanted = session.version().unwrap_or(SessionVersion::LATEST);
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let begun = begin(asked, id, wanted, capabilities, way).await?;
    let at = At::target(&begun.target);
    way.send(begun.token, Sending::Post, at, write::initialized())
        .await?;
    Ok(begun.target)
}

fn key(session: &Session, server: ServerId, number: VersionNumber) -> Key {
    (Digest::of(session.id.expose().as_bytes()), server, number)
}
